// Whether a server computes, by the processor time of its processes: the one thing that all of them show.

import { setTimeout as delay } from 'node:timers/promises';
import { monotonicMs } from '../../src/clock.js';
import { processorMs } from '../process-tree.js';
import type { Contender } from './entrants.js';

const LOOK_EVERY_MS = 50;
/** Of the processor, in that time, from which on a server counts as computing. */
const COMPUTING = 0.5;
const WITHIN_MS = 10_000;

/** Resolves when a run has begun. @throws where none begins */
export async function started({ name, server }: Contender): Promise<void> {
  if (!(await until(server, (share) => share >= COMPUTING, WITHIN_MS)))
    throw new Error(`${name} began no run within ${WITHIN_MS / 1000} s`);
}

/** Resolves when nothing runs any more, for a while. @returns whether it came to that within the time */
export async function quiet({ server }: Contender, withinMs: number): Promise<boolean> {
  let still = 0;
  return await until(
    server,
    (share) => {
      still = share < COMPUTING ? still + 1 : 0;
      return still >= 6;
    },
    withinMs,
  );
}

async function until(
  server: Contender['server'],
  holds: (share: number) => boolean,
  withinMs: number,
): Promise<boolean> {
  const endMs = monotonicMs() + withinMs;
  const pids = await server.pids();
  let before = { usedMs: await processorMs(pids), atMs: monotonicMs() };
  while (monotonicMs() < endMs) {
    await delay(LOOK_EVERY_MS);
    const now = { usedMs: await processorMs(pids), atMs: monotonicMs() };
    if (holds((now.usedMs - before.usedMs) / (now.atMs - before.atMs))) return true;
    before = now;
  }
  return false;
}
