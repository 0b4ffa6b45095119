// Requests for the model burn, whose run time the request chooses and whose answer can be checked.

import { runLoad } from './load/load.js';
import type { Answer, RequestForm } from './load/plan.js';
import type { Processes } from './processes.js';
import type { Server } from './servers.js';
import { median } from './statistics.js';

/** Long enough that what is fixed in a run does not count. */
const TRIAL_ITERATIONS = 400;
const TRIALS = 7;

/** Checksums that were reckoned without ONNX Runtime. */
export const KNOWN = [
  { iterations: 0, seed: 1, checksum: 527396 },
  { iterations: 3, seed: 2, checksum: 523341 },
  { iterations: 200, seed: 7, checksum: 523862 },
];

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
export async function calibrate(server: Server, processes: Processes): Promise<(ms: number) => number> {
  const forms = KNOWN.map(({ iterations, seed }) => burn(iterations, seed));
  const known = await inTurn(server, forms, processes);
  known.forEach(({ body = '' }, index) => {
    const { iterations, seed, checksum } = KNOWN[index]!;
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
