// The Python programs of the peers, each kind in an environment of pinned packages of its own, set up once.

import { readFile } from 'node:fs/promises';
import { installPython } from '../../test/support/programs/packages.js';
import type { Bench } from '../experiment.js';
import { PROJECT } from '../servers.js';

export const peerFolder = (name: string): string => `${PROJECT}bench/peers/${name}`;

/** What a peer's requirements.txt pins, e.g. `fastapi==0.165.0`. */
async function requirementsOf(peer: string): Promise<readonly string[]> {
  const text = await readFile(`${peerFolder(peer)}/requirements.txt`, 'utf8');
  return text.trim().split('\n');
}

/** ONNX Runtime's build for CUDA has a name of its own. */
const forCuda = (requirement: string): string => requirement.replace(/^onnxruntime==/, 'onnxruntime-gpu==');

/**
 * The environment's folder of commands.
 * @throws Error where there is no Python with venv and pip, or a package can't be had
 */
export async function pythonPrograms(peer: string, { progress, provider }: Bench): Promise<string> {
  const present = installed.get(peer);
  if (present !== undefined) return present;
  progress.step(`Python packages of ${peer}`);
  const requirements = await requirementsOf(peer);
  const bin =
    provider === 'cuda'
      ? await installPython(`peer-${peer}-cuda`, requirements.map(forCuda))
      : await installPython(`peer-${peer}`, requirements);
  installed.set(peer, bin);
  return bin;
}

/** By peer: asked once in a run whether all is there. */
const installed = new Map<string, string>();

/** The pinned versions, of all packages or of some, e.g. `fastapi 0.165.0, uvicorn[standard] 0.54.0`. */
export async function pinnedVersions(peer: string, packages?: readonly string[]): Promise<string> {
  const lines = await requirementsOf(peer);
  const isWanted = (line: string): boolean =>
    packages === undefined || packages.includes(line.split(/\[|==/, 1)[0]!);
  return lines
    .filter(isWanted)
    .map((line) => line.replace('==', ' '))
    .join(', ');
}

/** Their environment: where the models are, and nothing written beside the sources. */
export function pythonEnv(
  { provider }: Bench,
  { models, threads }: { models: string; threads: number },
): NodeJS.ProcessEnv {
  return {
    ...process.env,
    MODELS: models,
    THREADS: String(threads),
    PROVIDER: provider,
    PYTHONDONTWRITEBYTECODE: '1',
  };
}
