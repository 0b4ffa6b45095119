// When a model's batches are checked: the first one soon, later ones now and then, and never more than a hundredth of the time.

import type { Clock } from '../clock.js';

/** A check is followed by so many times its own duration without one, */
const COST_FACTOR = 100;
/** and by a second at first, twice as long after each one, up to a minute. */
const FIRST_MS = 1_000;
const LONGEST_MS = 60_000;

/** A second doubt within so many checks is one too many for near ties. */
const DOUBT_FOR = 10;

interface Times {
  dueMs: number;
  intervalMs: number;
  /** Checks that have passed since the last doubt; undefined where there was none. */
  passedSinceDoubt: number | undefined;
}

export class CheckTimes {
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #models = new Map<string, Times>();

  constructor(clock: Pick<Clock, 'nowMs'>) {
    this.#clock = clock;
  }

  isDue(model: string): boolean {
    return this.#clock.nowMs() >= (this.#models.get(model)?.dueMs ?? 0);
  }

  /** A check took so long, or would have. */
  made(model: string, ms: number): void {
    const times = this.#timesOf(model);
    times.dueMs = this.#clock.nowMs() + Math.max(times.intervalMs, COST_FACTOR * ms);
    times.intervalMs = Math.min(LONGEST_MS, 2 * times.intervalMs);
  }

  passed(model: string): void {
    const times = this.#timesOf(model);
    if (times.passedSinceDoubt !== undefined) times.passedSinceDoubt += 1;
  }

  /** A check has found what may be a near tie. Whether there was none before; then the next check follows soon. */
  isFirstDoubt(model: string): boolean {
    const times = this.#timesOf(model);
    const isFirst = times.passedSinceDoubt === undefined || times.passedSinceDoubt >= DOUBT_FOR;
    times.passedSinceDoubt = 0;
    times.intervalMs = FIRST_MS;
    return isFirst;
  }

  #timesOf(model: string): Times {
    let times = this.#models.get(model);
    if (times === undefined) {
      times = { dueMs: 0, intervalMs: FIRST_MS, passedSinceDoubt: undefined };
      this.#models.set(model, times);
    }
    return times;
  }
}
