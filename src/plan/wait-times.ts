// Very many waits in little memory: counts in buckets that grow by one hundredth, so quantiles are within 1 %.

import type { Waits } from './closed-forms.js';

const { floor, log, min } = Math;
/** Shorter waits count as none; seconds. */
const SHORTEST = 1e-4;
const LONGEST = 1e7;
const GROWTH = Math.log(1.01);
const BUCKETS = 2 + Math.ceil(Math.log(LONGEST / SHORTEST) / GROWTH);

export class WaitTimes {
  count = 0;
  #sum = 0;
  readonly #counts = new Uint32Array(BUCKETS);

  add(wait: number): void {
    this.count++;
    this.#sum += wait;
    const bucket = wait < SHORTEST ? 0 : 1 + floor(log(wait / SHORTEST) / GROWTH);
    this.#counts[min(bucket, BUCKETS - 1)]!++;
  }

  get mean(): number {
    return this.count === 0 ? 0 : this.#sum / this.count;
  }

  /** The wait that this share of all does not exceed. */
  quantile(share: number): number {
    let rest = share * this.count;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      rest -= this.#counts[bucket]!;
      if (rest <= 0) return bucket === 0 ? 0 : SHORTEST * Math.exp((bucket - 0.5) * GROWTH);
    }
    return 0;
  }

  /** Share of waits within the bound. */
  within(bound: number): number {
    if (this.count === 0) return 1;
    const last = bound < SHORTEST ? 0 : Math.floor(0.5 + Math.log(bound / SHORTEST) / GROWTH);
    return this.#counts.subarray(0, last + 1).reduce((sum, count) => sum + count, 0) / this.count;
  }

  summary(quantile: number): Waits {
    const [p50, p95, p99, target] = [0.5, 0.95, 0.99, quantile].map((share) => this.quantile(share));
    return { mean: this.mean, p50: p50!, p95: p95!, p99: p99!, target: target! };
  }
}
