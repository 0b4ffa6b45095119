// Adds up run times, as far as they are known, and tells when each one's turn comes.

import type { Prediction } from '../prediction.js';
import { Joint, type Times } from './joint.js';

/** A span of time ahead. */
export interface Span {
  /** Sum of what is known: it takes that long at the least. */
  readonly knownMs: number;
  /** Whether all of it was known: only then is the sum a prediction. */
  readonly isComplete: boolean;
}

/** When one in line should begin and end, from now. */
export interface Turn {
  readonly prediction: Prediction;
  readonly start: Span;
  readonly end: Span;
}

/** A batch that the line will make. */
interface Batch {
  readonly start: Span;
  readonly joint: Joint;
  rows: number;
  /** As it was counted last. */
  runMs: number | undefined;
  hasGrown: boolean;
}

/**
 * Adds up a line from its head. Those who may share a run are taken as the batches that they will make: they join the
 * last one of their kind, past others, as long as there is room.
 */
export class Backlog {
  readonly #times: Times;
  readonly #mayJoin: (prediction: Prediction) => boolean;
  /** The last batch of each kind. */
  readonly #batches = new Map<string, Batch>();
  /** Counted when somebody asks: a line of sixty-four then costs one estimate, not sixty-four. */
  readonly #grown: Batch[] = [];
  #knownMs: number;
  #unknown: number;

  /**
   * @param ahead what comes before the line: the rest of the present run
   * @param mayJoin whether one may share a run
   */
  constructor(times: Times, ahead: Span, mayJoin: (prediction: Prediction) => boolean = () => true) {
    this.#times = times;
    this.#mayJoin = mayJoin;
    this.#knownMs = ahead.knownMs;
    this.#unknown = ahead.isComplete ? 0 : 1;
  }

  get span(): Span {
    for (const batch of this.#grown.splice(0)) this.#recount(batch);
    return { knownMs: this.#knownMs, isComplete: this.#unknown === 0 };
  }

  /** Puts one behind those who are there. */
  add(prediction: Prediction): void {
    const { batchKey, workload, rows } = prediction.work;
    if (batchKey === undefined || !this.#mayJoin(prediction)) {
      this.#count(this.#times.meanMs(prediction.model.name, workload), 1);
      return;
    }
    const batch = this.#batchFor(prediction);
    if (batch === undefined) {
      this.#batches.set(batchKey, this.#open(prediction));
      return;
    }
    batch.joint.add(prediction);
    batch.rows += rows;
    if (!batch.hasGrown) this.#grown.push(batch);
    batch.hasGrown = true;
  }

  /** When one would begin who comes behind those who are there. */
  startOf(prediction: Prediction): Span {
    return this.#batchFor(prediction)?.start ?? this.span;
  }

  /** The turn of one who would come behind those who are there. */
  turnOf(prediction: Prediction): Turn {
    const batch = this.#batchFor(prediction);
    if (batch === undefined) {
      return turn(prediction, this.span, new Joint(this.#times, [prediction]).runMs);
    }
    batch.joint.add(prediction);
    const { runMs } = batch.joint;
    batch.joint.pop();
    return turn(prediction, batch.start, runMs);
  }

  #batchFor(prediction: Prediction): Batch | undefined {
    const { work, model } = prediction;
    if (!this.#mayJoin(prediction)) return undefined;
    const batch = work.batchKey === undefined ? undefined : this.#batches.get(work.batchKey);
    return batch !== undefined && batch.rows + work.rows <= model.settings.batch!.max ? batch : undefined;
  }

  #open(prediction: Prediction): Batch {
    const { span: start } = this;
    const joint = new Joint(this.#times, [prediction]);
    const batch = { start, joint, rows: prediction.work.rows, runMs: joint.runMs, hasGrown: false };
    this.#count(batch.runMs, 1);
    return batch;
  }

  #recount(batch: Batch): void {
    this.#count(batch.runMs, -1);
    batch.runMs = batch.joint.runMs;
    batch.hasGrown = false;
    this.#count(batch.runMs, 1);
  }

  /** @param sign -1 takes back what has been counted */
  #count(ms: number | undefined, sign: 1 | -1): void {
    if (ms === undefined) this.#unknown += sign;
    else this.#knownMs += sign * ms;
  }
}

function turn(prediction: Prediction, start: Span, runMs: number | undefined): Turn {
  const isComplete = start.isComplete && runMs !== undefined;
  return { prediction, start, end: { knownMs: start.knownMs + (runMs ?? 0), isComplete } };
}
