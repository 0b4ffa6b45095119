// Waits of queues that have formulas, for runs one at a time on each of c replicas behind one queue.

/** Arrivals a second, mean run in seconds, its coefficient of variation. */
export interface Load {
  readonly rate: number;
  readonly mean: number;
  readonly cv: number;
}

/** Time in the queue, in seconds; all Infinity where the load is more than the replicas can do. */
export interface Waits {
  readonly mean: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  /** At the quantile that was asked for. */
  readonly target: number;
}

/** Replicas' worth of work: the load in erlangs. */
export const offered = ({ rate, mean }: Load): number => rate * mean;

/** Mean wait of M/M/1 (Kleinrock, Queueing Systems 1, 1975, 3.2). */
export function mm1Wait({ rate, mean }: Load): number {
  const busy = rate * mean;
  return busy < 1 ? (busy * mean) / (1 - busy) : Number.POSITIVE_INFINITY;
}

/** Mean wait of M/G/1 (Pollaczek 1930, Khinchine 1932; Kleinrock 1975, 5.6). */
export function mg1Wait(load: Load): number {
  return (mm1Wait(load) * (1 + load.cv ** 2)) / 2;
}

/**
 * Probability that an arrival at M/M/c has to wait (A. K. Erlang, 1917). From Erlang's B by the recursion
 * B(k) = aB(k-1) / (k + aB(k-1)), which only ever divides numbers between 0 and 1: no factorials, no overflow.
 */
export function erlangC(replicas: number, load: number): number {
  if (load >= replicas) return 1;
  let blocked = 1;
  for (let k = 1; k <= replicas; k++) blocked = (load * blocked) / (k + load * blocked);
  return blocked / (1 - (load / replicas) * (1 - blocked));
}

/**
 * Mean wait of M/G/c by Allen and Cunneen (Allen, Probability, Statistics, and Queueing Theory, 1990, 5.3): M/M/c's
 * times (1 + cv²)/2. Exact for M/M/c and for M/G/1.
 */
export function mgcWait(replicas: number, load: Load): number {
  const spare = replicas - offered(load);
  if (spare <= 0) return Number.POSITIVE_INFINITY;
  return ((erlangC(replicas, offered(load)) * load.mean) / spare) * ((1 + load.cv ** 2) / 2);
}

/** The wait that this share of arrivals does not exceed: who waits at all, waits exponentially long (exact for M/M/c). */
export function mgcWaitQuantile(replicas: number, load: Load, quantile: number): number {
  const waits = erlangC(replicas, offered(load));
  const mean = mgcWait(replicas, load);
  if (!Number.isFinite(mean)) return mean;
  return waits <= 1 - quantile ? 0 : (mean / waits) * Math.log(waits / (1 - quantile));
}

export function mgcWaits(replicas: number, load: Load, quantile: number): Waits {
  const at = (share: number): number => mgcWaitQuantile(replicas, load, share);
  return { mean: mgcWait(replicas, load), p50: at(0.5), p95: at(0.95), p99: at(0.99), target: at(quantile) };
}

/** The fewest replicas whose wait at the quantile is within the target; undefined where `most` are too few. */
export function fewestReplicas(
  load: Load,
  target: { quantile: number; wait: number },
  most: number,
): number | undefined {
  const meets = (replicas: number): boolean =>
    mgcWaitQuantile(replicas, load, target.quantile) <= target.wait;
  return fewest(Math.max(1, Math.ceil(offered(load))), most, meets);
}

/** The least of a range that passes, where all after it pass too. */
function fewest(least: number, most: number, passes: (value: number) => boolean): number | undefined {
  if (least > most || !passes(most)) return undefined;
  let [low, high] = [least, most];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (passes(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
