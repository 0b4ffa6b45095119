// How long a run takes, learned from the runs themselves: a mean and a spread per model and size of input.

import type { Estimate, Workload } from '../workload.js';

/** Weight of the newest run once there are enough: the last ten or so decide, so that a throttled GPU shows soon. */
const NEWEST_WEIGHT = 0.1;

/** Weight that older samples keep with each new one, where run time is fitted to a cost. */
const FIT_MEMORY = 0.95;

/** Relative spread of the costs, squared, that a line needs: with costs c and 1.25 c it is about this. */
const LEAST_SPREAD = 0.01;

/** A proportion is taken as measured up to so many times the largest cost that has run. */
const FAR_OUT = 4;

/** Shorter times are mostly the clock's and the scheduler's. */
const SHORTEST_MS = 0.01;

/** Mean and spread of recent runs, by exponentially weighted moments (West 1979's update with a fixed weight). */
class Average {
  #count = 0;
  #mean = 0;
  #variance = 0;

  add(value: number): void {
    this.#count += 1;
    const weight = Math.max(1 / this.#count, NEWEST_WEIGHT);
    const deviation = value - this.#mean;
    this.#mean += weight * deviation;
    this.#variance = (1 - weight) * (this.#variance + weight * deviation * deviation);
  }

  get mean(): number {
    return this.#mean;
  }

  get estimate(): Estimate {
    return { meanMs: this.#mean, sdMs: Math.sqrt(this.#variance), leastMs: this.#mean };
  }
}

/**
 * Run time as a line over a cost: least squares, older samples fading. Each counts by its relative error, so that runs
 * of a second do not drown what runs of a millisecond tell about the offset.
 */
class Fit {
  readonly #residual = new Average();
  #maxCost = 0;
  #weight = 0;
  #x = 0;
  #y = 0;
  #xx = 0;
  #xy = 0;

  add(cost: number, ms: number): void {
    if (this.#weight > 0)
      this.#residual.add(Math.abs(ms - this.#at(cost)) / Math.max(this.#at(cost), SHORTEST_MS));
    this.#maxCost = Math.max(this.#maxCost, cost);
    const weight = 1 / Math.max(ms, SHORTEST_MS) ** 2;
    this.#weight = this.#weight * FIT_MEMORY + weight;
    this.#x = this.#x * FIT_MEMORY + weight * cost;
    this.#y = this.#y * FIT_MEMORY + weight * ms;
    this.#xx = this.#xx * FIT_MEMORY + weight * cost * cost;
    this.#xy = this.#xy * FIT_MEMORY + weight * cost * ms;
  }

  estimate(cost: number): Estimate {
    const meanMs = this.#at(cost);
    const isFarOut = this.#line === undefined && cost > FAR_OUT * this.#maxCost;
    const leastMs = isFarOut ? Math.min(meanMs, this.#at(this.#maxCost)) : meanMs;
    return { meanMs, sdMs: this.#residual.estimate.meanMs * meanMs, leastMs };
  }

  #at(cost: number): number {
    const { offset, slope } = this.#line ?? this.#proportion;
    return offset + slope * cost;
  }

  /**
   * Undefined where the costs were too much alike to tell, or where noise makes the line fall. Where noise makes it
   * start below zero, the fixed part is too small to see, and time goes by the cost alone.
   */
  get #line(): Line | undefined {
    const spread = this.#weight * this.#xx - this.#x * this.#x;
    if (spread <= LEAST_SPREAD * this.#weight * this.#xx) return undefined;
    const slope = (this.#weight * this.#xy - this.#x * this.#y) / spread;
    const offset = (this.#y - slope * this.#x) / this.#weight;
    if (slope <= 0) return undefined;
    return offset >= 0 ? { offset, slope } : this.#proportion;
  }

  /** As model.json promises; where only a cost of zero has run, as long as that took. */
  get #proportion(): Line {
    if (this.#xx === 0) return { offset: this.#y / this.#weight, slope: 0 };
    return { offset: 0, slope: this.#xy / this.#xx };
  }
}

interface Line {
  readonly offset: number;
  readonly slope: number;
}

interface ModelHistory {
  readonly all: Average;
  /** Per power of two of the input's elements. */
  readonly bySize: Map<number, Average>;
  readonly byCost: Fit;
  costed: boolean;
}

const sizeBucket = ({ elements }: Workload): number => Math.ceil(Math.log2(Math.max(1, elements)));

export class Estimator {
  readonly #models = new Map<string, ModelHistory>();

  /** Learns from a run of this work; warm-up runs count too. */
  observe(model: string, workload: Workload, runMs: number): void {
    const history = this.#history(model);
    history.all.add(runMs);
    if (workload.cost !== undefined) {
      history.costed = true;
      history.byCost.add(workload.cost, runMs);
    }
    // A batch of a costed model has no one cost, and its size tells nothing.
    if (history.costed) return;
    const bucket = sizeBucket(workload);
    if (!history.bySize.has(bucket)) history.bySize.set(bucket, new Average());
    history.bySize.get(bucket)!.add(runMs);
  }

  /** Run time of this work; undefined where nothing like it has run. */
  estimate(model: string, workload: Workload): Estimate | undefined {
    const history = this.#models.get(model);
    if (history === undefined) return undefined;
    if (workload.cost !== undefined)
      return history.costed ? history.byCost.estimate(workload.cost) : undefined;
    return history.costed ? undefined : history.bySize.get(sizeBucket(workload))?.estimate;
  }

  /** The mean of what `estimate` gives, for those who ask often. */
  meanMs(model: string, workload: Workload): number | undefined {
    const history = this.#models.get(model);
    if (history === undefined || history.costed) return this.estimate(model, workload)?.meanMs;
    return workload.cost === undefined ? history.bySize.get(sizeBucket(workload))?.mean : undefined;
  }

  /** The mean of all recent runs of a model; undefined before the first. */
  typical(model: string): Estimate | undefined {
    return this.#models.get(model)?.all.estimate;
  }

  /** The least that a run can be expected to take while its input is unknown, ms. */
  lowerBoundMs(model: string): number | undefined {
    const history = this.#models.get(model);
    if (history === undefined || history.costed) return undefined;
    let least = Number.POSITIVE_INFINITY;
    for (const { mean } of history.bySize.values()) least = Math.min(least, mean);
    return least;
  }

  #history(model: string): ModelHistory {
    let history = this.#models.get(model);
    if (history === undefined) {
      history = { all: new Average(), bySize: new Map(), byCost: new Fit(), costed: false };
      this.#models.set(model, history);
    }
    return history;
  }
}

/** A run that is overdue goes on for a while: in proportion to what it has taken, and to how much its kind varies. */
const OVERDUE_SHARE = 0.05;

/** What is left of a run after `elapsedMs`; never zero. */
export function restMs({ meanMs, sdMs }: Pick<Estimate, 'meanMs' | 'sdMs'>, elapsedMs: number): number {
  return Math.max(meanMs - elapsedMs, sdMs / 2, elapsedMs * OVERDUE_SHARE, 0.01);
}
