// Callers who obey: they come all at once, those who are refused come back when they were told to, and nobody else
// comes meanwhile.

import type { ServiceError } from '../../src/errors.js';
import { type Coming, type Rooms, refusalOf } from './rooms.js';

export interface ReturnPlayOptions {
  readonly rooms: Rooms;
  readonly callers: number;
  /** How long each run takes. */
  readonly runMs: () => number;
  /** What its caller reads. */
  readonly reads: 'milliseconds' | 'whole seconds';
  readonly coming?: Coming;
}

export interface ReturnPlayResult {
  /** How many were refused when they came first, and of these how many once more. */
  readonly refused: number;
  readonly refusedAgain: number;
  /** What the first refusals told, in the order in which they came. */
  readonly toldMs: readonly number[];
  /** From the first call to the end of the last run. */
  readonly totalMs: number;
}

interface Return {
  readonly atMs: number;
  readonly tries: number;
}

/** @returns when all have been served */
export async function playReturns(options: ReturnPlayOptions): Promise<ReturnPlayResult> {
  const { rooms, callers, runMs, reads, coming = {} } = options;
  const { clock } = rooms;
  const startMs = clock.nowMs();
  const returns: Return[] = [];
  const toldMs: number[] = [];
  const again = { refused: 0 };
  let endsMs = Number.POSITIVE_INFINITY;
  const come = (tries: number) => {
    const refusal = comeOrRefused(rooms, coming);
    if (refusal === undefined) return;
    const { retryAfterMs, retryAfterSeconds } = refusal.details;
    if (tries === 0) toldMs.push(retryAfterMs!);
    else if (tries === 1) again.refused += 1;
    const afterMs = reads === 'milliseconds' ? retryAfterMs! : retryAfterSeconds! * 1000;
    returns.push({ atMs: clock.nowMs() + afterMs, tries: tries + 1 });
  };
  const settle = async () => {
    await rooms.settle();
    const isRunning = rooms.runner.present !== undefined;
    if (!isRunning) endsMs = Number.POSITIVE_INFINITY;
    else if (endsMs === Number.POSITIVE_INFINITY) endsMs = clock.nowMs() + runMs();
  };
  for (let caller = 0; caller < callers; caller++) come(0);
  await settle();
  while (returns.length > 0 || endsMs < Number.POSITIVE_INFINITY) {
    returns.sort((one, other) => one.atMs - other.atMs);
    const [next] = returns;
    if (next !== undefined && next.atMs < endsMs) {
      clock.advance(next.atMs - clock.nowMs());
      returns.shift();
      come(next.tries);
    } else {
      clock.advance(endsMs - clock.nowMs());
      rooms.runner.finish();
      endsMs = Number.POSITIVE_INFINITY;
    }
    await settle();
  }
  return {
    refused: toldMs.length,
    refusedAgain: again.refused,
    toldMs,
    totalMs: clock.nowMs() - startMs,
  };
}

function comeOrRefused(rooms: Rooms, coming: Coming): ServiceError | undefined {
  let isIn = false;
  try {
    return refusalOf(() => {
      rooms.come(coming);
      isIn = true;
    });
  } catch (error) {
    if (isIn) return undefined;
    throw error;
  }
}
