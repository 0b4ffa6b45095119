// Who runs together: the head of the line, and those of the same model who fit beside it and delay nobody too much.

import { Joint, type Times } from '../estimator/joint.js';
import type { Prediction } from '../prediction.js';

export interface BatchOptions {
  readonly nowMs: number;
  /** Time until the slot is free. */
  readonly freeInMs: number;
  readonly times: Times;
  /** Whether one may share a run. @default whoever has a batch key */
  readonly mayJoin?: (prediction: Prediction) => boolean;
}

export interface NextRun {
  /** Those who run together; empty where nobody is left. */
  readonly batch: readonly Prediction[];
  /** Begun later than this, it would be too long for someone's deadline and must be composed anew. */
  readonly beginByMs: number;
}

const NEVER = Number.POSITIVE_INFINITY;

/**
 * The next run. Nobody waits for a batch to fill: it holds just who is in line now.
 * @param line everyone who waits, from the head; read as far as it takes
 */
export function composeBatch(line: Iterable<Prediction>, options: BatchOptions): NextRun {
  let composer: Composer | undefined;
  for (const prediction of line) {
    if (composer === undefined) composer = new Composer(prediction, options);
    else composer.offer(prediction);
    if (composer.isFull) break;
  }
  return composer ?? { batch: [], beginByMs: NEVER };
}

class Composer implements NextRun {
  readonly batch: Prediction[];
  readonly #endMs: (runMs: number) => number;
  readonly #times: Times;
  readonly #batchKey: string | undefined;
  #freeRows: number;
  #joint: Joint | undefined;
  /** The first deadline of those in the batch. */
  #batchDeadlineMs: number;
  /** Run time of those whom the batch's next member would pass. */
  #passedRunMs = 0;
  /** The last moment at which the run may end for all whom its next member would pass, */
  #passedLatestMs = NEVER;
  /** and for all whom its present members have passed. */
  #heldUpLatestMs = NEVER;

  constructor(head: Prediction, { nowMs, freeInMs, times, mayJoin }: BatchOptions) {
    this.batch = [head];
    this.#times = times;
    this.#endMs = (runMs) => nowMs + freeInMs + runMs;
    const isAlone = head.runsAlone || mayJoin?.(head) === false;
    this.#batchKey = isAlone ? undefined : head.work.batchKey;
    this.#freeRows = (head.model.settings.batch?.max ?? 0) - head.work.rows;
    this.#batchDeadlineMs = head.deadlineMs ?? NEVER;
  }

  get isFull(): boolean {
    return this.#batchKey === undefined || this.#freeRows <= 0;
  }

  get beginByMs(): number {
    const latestMs = Math.min(this.#batchDeadlineMs, this.#heldUpLatestMs);
    if (this.batch.length === 1 || latestMs === NEVER) return NEVER;
    return latestMs - (this.#jointOfBatch().runMs ?? 0);
  }

  offer(candidate: Prediction): void {
    if (this.#canJoin(candidate) && this.#keepsDeadlines(candidate)) this.#join(candidate);
    else this.#pass(candidate);
  }

  #canJoin({ work, runsAlone }: Prediction): boolean {
    return !runsAlone && work.batchKey === this.#batchKey && work.rows <= this.#freeRows;
  }

  /**
   * Whether the longer run still ends in time for all of the batch, and for all whom its last member passes.
   * Those behind that member only gain: it would have run before them anyway.
   */
  #keepsDeadlines(candidate: Prediction): boolean {
    const latestMs = Math.min(this.#batchDeadlineMs, candidate.deadlineMs ?? NEVER, this.#passedLatestMs);
    if (latestMs === NEVER) return true;
    const joint = this.#jointOfBatch();
    joint.add(candidate);
    const { runMs } = joint;
    joint.pop();
    return runMs !== undefined && this.#endMs(runMs) <= latestMs;
  }

  #join(candidate: Prediction): void {
    this.batch.push(candidate);
    this.#joint?.add(candidate);
    this.#freeRows -= candidate.work.rows;
    this.#batchDeadlineMs = Math.min(this.#batchDeadlineMs, candidate.deadlineMs ?? NEVER);
    this.#heldUpLatestMs = this.#passedLatestMs;
  }

  #pass(candidate: Prediction): void {
    const { model, work, deadlineMs } = candidate;
    this.#passedRunMs += this.#times.meanMs(model.name, work.workload) ?? 0;
    this.#passedLatestMs = Math.min(this.#passedLatestMs, (deadlineMs ?? NEVER) - this.#passedRunMs);
  }

  /** Put together only where somebody has a deadline, and then kept. */
  #jointOfBatch(): Joint {
    this.#joint ??= new Joint(this.#times, this.batch);
    return this.#joint;
  }
}
