// When those who are refused shall come back. Places free one after the other, so each is told another time: that of
// the first place which is not meant for somebody told before. Nobody can make them come, or come in time; a place that
// nobody takes is free for whoever comes.

import type { Clock } from '../clock.js';
import { SortedTimes } from './sorted-times.js';

/** Moments at which places free. */
export interface Places {
  /** Clock times, ascending, as far as they can be told. */
  readonly knownMs: readonly number[];
  /** Between two of those that follow. */
  readonly paceMs: number;
  /** How many are free at once where nobody comes for a while. */
  readonly room: number;
}

/** When one of them shall come back, from now. */
export interface ReturnTime {
  readonly afterMs: number;
  /** For those who count whole seconds: never earlier, and later where too many would come at the same one. */
  readonly afterSeconds: number;
}

export interface ReturnTimesOptions {
  readonly clock: Pick<Clock, 'nowMs'>;
  /** From 0 on, below 1. */
  readonly random: () => number;
}

/** So many are remembered; where more are away, the others are told times spread over the same span. */
const MOST_AWAY = 1024;

/** Runs take a little longer now and then, and whoever comes too early is refused again. */
const SLACK = 1.05;

const MOST_JITTER_MS = 1000;

/** Who is to come within so long of each other comes at once: no run ends in between on which to rely. */
const TOGETHER_MS = 25;

export class ReturnTimes {
  readonly #options: ReturnTimesOptions;
  /** When each of those who are away is to come back. */
  readonly #due = new SortedTimes();
  /** The same, for those who read `Retry-After` and count whole seconds. */
  readonly #dueSeconds = new SortedTimes();

  constructor(options: ReturnTimesOptions) {
    this.#options = options;
  }

  /** For one more: not earlier than a place frees for it, and remembered until then. */
  next(places: Places): ReturnTime {
    const { clock, random } = this.#options;
    const nowMs = clock.nowMs();
    this.#due.forget(nowMs);
    this.#dueSeconds.forget(nowMs);
    const isFull = this.#due.size >= MOST_AWAY;
    const index = isFull ? Math.floor(random() * MOST_AWAY) : this.#firstFree(places, nowMs);
    const momentMs = momentOf(places, index, nowMs);
    const gapMs = momentOf(places, index + 1, nowMs) - momentMs;
    const jitterMs = (random() * Math.min(gapMs, MOST_JITTER_MS)) / 2;
    const afterMs = Math.max(1, Math.ceil(momentMs + jitterMs - nowMs));
    if (isFull) return returnTime(afterMs);
    this.#due.add(nowMs + afterMs);
    return { afterMs, afterSeconds: this.#secondsFor(afterMs, places, nowMs) };
  }

  /** A place that stays free though all who come before the next one frees take theirs; by bisection. */
  #firstFree(places: Places, nowMs: number): number {
    let [from, to] = [0, this.#due.size];
    while (from < to) {
      const middle = (from + to) >>> 1;
      const momentMs = momentOf(places, middle, nowMs);
      // Several may free at one moment, and times are told in whole ms.
      const nextMs = Math.max(momentOf(places, middle + 1, nowMs), momentMs + 1);
      if (this.#due.countBelow(nextMs) > middle) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  /**
   * Whole seconds lie far apart beside short runs: where as many come at the same one as find room, the next comes at
   * a later one.
   */
  #secondsFor(afterMs: number, { room }: Places, nowMs: number): number {
    const times = this.#dueSeconds;
    let afterSeconds = Math.ceil(afterMs / 1000);
    if (times.size < MOST_AWAY) {
      while (this.#comeAbout(nowMs + afterSeconds * 1000) >= room) afterSeconds += 1;
      times.add(nowMs + afterSeconds * 1000);
    }
    return afterSeconds;
  }

  #comeAbout(timeMs: number): number {
    const times = this.#dueSeconds;
    return times.countBelow(timeMs + TOGETHER_MS) - times.countBelow(timeMs - TOGETHER_MS);
  }
}

function momentOf({ knownMs, paceMs }: Places, index: number, nowMs: number): number {
  const firstMs = Math.max(nowMs, knownMs[0] ?? nowMs + paceMs);
  const last = knownMs.length - 1;
  const timeMs = index <= last ? knownMs[index]! : (knownMs[last] ?? nowMs) + (index - last) * paceMs;
  return firstMs + Math.max(0, timeMs - firstMs) * SLACK;
}

export const returnTime = (afterMs: number): ReturnTime => ({
  afterMs,
  afterSeconds: Math.ceil(afterMs / 1000),
});
