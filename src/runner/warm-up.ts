// The runs before a model is ready: the first pays for allocation and compilation, the next ones tell what a run takes.

import type * as Ort from 'onnxruntime-node';
import { monotonicMs } from '../clock.js';
import type { ModelFiles, Provider } from '../model-repository/model.js';
import type { Signature, Tensors } from '../tensor.js';
import { ortMessage } from './ort-error.js';
import { isGiven, ranksToTry, warmupInputs } from './warmup-inputs.js';

const TIMED_WARMUP_RUNS = 2;

export interface Warmup {
  /** Missing where no input could be made that the model runs on. */
  readonly inputs?: Tensors;
  readonly warning?: string;
}

export type Run = (request: {
  readonly inputs: Tensors;
  readonly outputs: readonly string[];
}) => Promise<Tensors>;

export interface WarmupOptions {
  readonly files: ModelFiles;
  readonly provider: Provider;
  readonly signature: Signature;
  readonly run: Run;
  /** Whether it is run on no inputs but those that model.json gives; see `FoundModel`. */
  readonly onlyGiven: boolean;
}

/** What warming up gives is sent to nobody. */
export const warming = (ort: typeof Ort) => ({ ort, maxAnswerBytes: Number.POSITIVE_INFINITY });

/** A warm-up that model.json describes must succeed; one made of zeros may fail, as not every model takes zeros. */
export async function warmUp({ files, provider, signature, run, onlyGiven }: WarmupOptions): Promise<Warmup> {
  if (onlyGiven && !signature.inputs.every(({ name }) => isGiven(name, files.settings))) {
    return {
      warning:
        'no warm-up run: the runner ended, or hung, as it loaded this model, and zeros may be why; "warmup" in model.json names inputs that it runs on',
    };
  }
  const outputs = signature.outputs.map(({ name }) => name);
  let failure: unknown;
  for (const rank of ranksToTry(signature, files.settings)) {
    const inputs = warmupInputs(signature, files.settings, { rank });
    try {
      await run({ inputs, outputs });
      return { inputs };
    } catch (error) {
      failure ??= error;
    }
  }
  const reason = ortMessage(failure);
  if (files.settings.warmup !== undefined)
    throw new Error(`the warm-up run on provider ${provider} failed: ${reason}`, { cause: failure });
  return {
    warning: `no warm-up run: the model does not run on zeros (${reason}); "warmup" in model.json names inputs that it runs on`,
  };
}

export async function timeRuns(
  inputs: Tensors,
  { signature, run }: Pick<WarmupOptions, 'signature' | 'run'>,
): Promise<number[]> {
  const outputs = signature.outputs.map(({ name }) => name);
  const runMs: number[] = [];
  for (let count = 0; count < TIMED_WARMUP_RUNS; count++) {
    const startedMs = monotonicMs();
    await run({ inputs, outputs });
    runMs.push(monotonicMs() - startedMs);
  }
  return runMs;
}

export function shapesOf(inputs: Tensors): Readonly<Record<string, readonly number[]>> {
  // Not by assignment: a name may be __proto__.
  return Object.fromEntries(Object.entries(inputs).map(([name, { dims }]) => [name, dims]));
}
