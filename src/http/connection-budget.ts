// How many connections a server may have: as many as it is allowed, and as file descriptors can be spared.

import { type Clock, systemClock } from '../clock.js';
import { descriptorLimit, openDescriptors } from '../descriptors.js';

/** For the runner's pipes, worker threads, files, the platform's endpoints. */
const RESERVED = 40;

/** With fewer no server makes sense: what the system refuses then is refused. */
const LEAST = 8;

/** The limit can be changed from outside; it is looked at again after so long. */
const FRESH_MS = 1000;

export interface BudgetOptions {
  readonly maxConnections: number;
  /** Descriptors that other servers of this process may take. */
  readonly others: number;
  readonly clock?: Clock;
}

/** To be made when all is open that stays open. The function that it gives may be called for each connection. */
export function connectionBudget({
  maxConnections,
  others,
  clock = systemClock,
}: BudgetOptions): () => number {
  const spoken = (openDescriptors() ?? 0) + RESERVED + others;
  let limit: number | undefined;
  let askedMs = Number.NEGATIVE_INFINITY;
  return () => {
    if (clock.nowMs() - askedMs > FRESH_MS) {
      askedMs = clock.nowMs();
      limit = descriptorLimit() ?? limit;
    }
    return Math.max(LEAST, Math.min(maxConnections, (limit ?? Number.POSITIVE_INFINITY) - spoken));
  };
}
