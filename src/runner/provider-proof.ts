// Proof at load that the provider asked for does a model's work: ONNX Runtime takes the CPU for what it has not.

import type { Provider } from '../model-repository/model.js';
import type { ProfiledWork } from './profile.js';

/** As ONNX Runtime names them in its profiles. */
const PROFILE_NAMES: Readonly<Record<Provider, string>> = {
  cpu: 'CPUExecutionProvider',
  cuda: 'CUDAExecutionProvider',
  webgpu: 'WebGpuExecutionProvider',
};

interface ProofDemand {
  readonly requireGpu: boolean;
  /** Whether there was a place to write the profile to. */
  readonly proved: boolean;
}

/**
 * Main work is most of what was executed: by nodes alone, a loop on the GPU would count for little.
 * @throws Error that names the provider and what it did
 */
export function proveProvider(
  provider: Provider,
  { nodes, executions }: ProfiledWork,
  { requireGpu, proved }: ProofDemand,
): void {
  if (provider === 'cpu') return;
  if (!proved)
    throw new Error(`provider ${provider} can't be proved: no writable temporary folder for its profile`);
  const name = PROFILE_NAMES[provider];
  if (nodes[name] === undefined)
    throw new Error(`provider ${provider} ran none of the model's ${sum(nodes)} nodes`);
  const own = executions[name] ?? 0;
  const total = sum(executions);
  if (requireGpu && own * 2 <= total) {
    throw new Error(
      `a GPU is required, but ${provider} did only ${own} of the ${total} node executions of a run`,
    );
  }
}

const sum = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((total, count) => total + count, 0);
