// The coming runs. One is planned always; short ones are planned several ahead, because the word of what comes next
// takes longer to the runner than such a run does.

import { Joint } from '../estimator/joint.js';
import type { Prediction } from '../prediction.js';
import { type BatchOptions, composeBatch } from './batch.js';

export interface Plan {
  readonly runs: readonly (readonly Prediction[])[];
  /** Later than this, one of the runs would be too long for someone's deadline and must be composed anew. */
  readonly beginByMs: number;
}

/** Longer than the server's event loop is busy at a time; the runner is told of any change long before. */
const AHEAD_MS = 10;
/** Each is named in each message. */
const AHEAD_RUNS = 32;
/** What lies with the runner lies in memory twice. */
const AHEAD_BYTES = 64 * 1024 * 1024;

/**
 * The coming runs, in order.
 * @param line everyone who waits, from the head; read as far as it takes
 */
export function composePlan(line: Iterable<Prediction>, options: BatchOptions): Plan {
  const { freeInMs, times } = options;
  const rest = new Rest(line);
  const runs: (readonly Prediction[])[] = [];
  let [aheadMs, aheadBytes, beginByMs] = [0, 0, Number.POSITIVE_INFINITY];
  while (aheadMs < AHEAD_MS && aheadBytes < AHEAD_BYTES && runs.length < AHEAD_RUNS) {
    const next = composeBatch(rest, { ...options, freeInMs: freeInMs + aheadMs });
    if (next.batch.length === 0) break;
    runs.push(next.batch);
    rest.take(next.batch);
    beginByMs = Math.min(beginByMs, next.beginByMs);
    // Nobody knows how far ahead the plan reaches behind a run of unknown length.
    aheadMs += new Joint(times, next.batch).runMs ?? AHEAD_MS;
    aheadBytes += next.batch.reduce((sum, { bytes }) => sum + bytes, 0);
  }
  return { runs, beginByMs };
}

/** A line from which some are taken, read only as far as someone looks. */
class Rest implements Iterable<Prediction> {
  readonly #unread: Iterator<Prediction>;
  #read: Prediction[] = [];

  constructor(line: Iterable<Prediction>) {
    this.#unread = line[Symbol.iterator]();
  }

  *[Symbol.iterator](): Generator<Prediction> {
    for (let index = 0; ; index++) {
      if (index === this.#read.length) {
        const next = this.#unread.next();
        if (next.done) return;
        this.#read.push(next.value);
      }
      yield this.#read[index]!;
    }
  }

  take(batch: readonly Prediction[]): void {
    const taken = new Set(batch);
    this.#read = this.#read.filter((prediction) => !taken.has(prediction));
  }
}
