// Requests for the model burn, whose run time the request chooses and whose answer can be checked.

import type { Bench } from './experiment.js';
import { runLoad } from './load/load.js';
import type { Answer, RequestForm } from './load/plan.js';
import type { Processes } from './processes.js';
import type { Server } from './servers.js';
import { median } from './statistics.js';

/** Long enough that what is fixed in a run does not count. */
const TRIAL_ITERATIONS = 400;
const TRIALS = 7;

/**
 * Rows and columns: small enough for a GPU made of software; those of the shipped model; large enough to fill a few cores,
 * so that two runs at once take twice as long; large enough for a real GPU.
 */
export const BURN_SIZES = [64, 256, 1024, 4096] as const;
export type BurnSize = (typeof BURN_SIZES)[number];

interface KnownBurn {
  readonly iterations: number;
  readonly seed: number;
  readonly checksum: number;
}

/** Checksums that were reckoned without ONNX Runtime. */
export const KNOWN: Readonly<Record<BurnSize, readonly KnownBurn[]>> = {
  256: [
    { iterations: 0, seed: 1, checksum: 527_396 },
    { iterations: 3, seed: 2, checksum: 523_341 },
    { iterations: 200, seed: 7, checksum: 523_862 },
  ],
  64: [
    { iterations: 0, seed: 1, checksum: 33_047 },
    { iterations: 3, seed: 2, checksum: 32_871 },
    { iterations: 200, seed: 7, checksum: 32_234 },
  ],
  1024: [
    { iterations: 0, seed: 1, checksum: 8_439_107 },
    { iterations: 3, seed: 2, checksum: 8_386_327 },
    { iterations: 20, seed: 7, checksum: 8_389_814 },
  ],
  4096: [
    { iterations: 0, seed: 1, checksum: 135_024_923 },
    { iterations: 3, seed: 2, checksum: 134_200_065 },
    { iterations: 20, seed: 7, checksum: 134_198_592 },
  ],
};

export function burn(
  iterations: number,
  seed: number,
  headers: Readonly<Record<string, string>> = {},
): RequestForm {
  const body = JSON.stringify({ inputs: { iterations: [iterations], seed: [seed] } });
  return {
    method: 'POST',
    path: '/predict/burn',
    headers: { 'content-type': 'application/json', ...headers },
    body: new TextEncoder().encode(body),
  };
}

/** How many iterations run for so long on this server, alone; measured now. Also checks answers that are known. */
export async function calibrate(
  server: Server,
  { processes, burnSize }: Bench,
): Promise<(ms: number) => number> {
  const right = KNOWN[burnSize];
  const forms = right.map(({ iterations, seed }) => burn(iterations, seed));
  const known = await inTurn(server, forms, processes);
  known.forEach(({ body = '' }, index) => {
    const { iterations, seed, checksum } = right[index]!;
    if (checksumOf(body) !== checksum)
      throw new Error(`burn(${iterations}, ${seed}) was answered with ${body}`);
  });
  const trials = await inTurn(server, Array(TRIALS).fill(burn(TRIAL_ITERATIONS, 1)), processes);
  const perMs = TRIAL_ITERATIONS / median(trials.map(({ timing }) => timing.run!));
  return (ms) => Math.max(1, Math.round(ms * perMs));
}

/** Each form sent once, alone; the answers in the order of the forms. */
export async function inTurn(
  server: Server,
  forms: readonly RequestForm[],
  processes: Processes,
): Promise<readonly Answer[]> {
  const schedule = { kind: 'in turn', connections: 1, calls: forms.length } as const;
  const answers = await runLoad({ url: server.url, forms, schedule, keepBodies: true }, { processes });
  const bad = answers.find(({ status }) => status !== 200);
  if (bad !== undefined) throw new Error(`alone, ${server.name} answered ${bad.status} ${bad.code}`);
  return answers;
}

/** NaN where there is none. */
export function checksumOf(body: string): number {
  return Number((JSON.parse(body) as { outputs?: { checksum?: unknown } }).outputs?.checksum ?? Number.NaN);
}
