// Proof in service that company changes nobody's answer: when the slot is idle and nobody waits, one prediction of a batch
// that was answered runs again, alone. Where its answer is another one now, the model's predictions are not joined any more.
//
// A check is a run like any other: it goes through the line, holds the slot and counts in every predicted wait. It costs at
// most a hundredth of the time, and is made only where it is short and nobody waits. What it needs is copied, and forgotten after seconds.

import type { Cancel, Clock } from '../clock.js';
import type { Estimator } from '../estimator/estimator.js';
import type { Logger } from '../log.js';
import type { Model } from '../model-repository/model.js';
import type { Observer } from '../observer.js';
import { Prediction, type Settlement, type Watcher, type Work } from '../prediction.js';
import type { Batching } from '../queue/batching.js';
import type { Queue } from '../queue/queue.js';
import type { PredictionId } from '../runner/protocol.js';
import { differenceOf, isDiscrete, usualScale } from '../runner/same-answer.js';
import { type Tensor, type Tensors, tensorsBytes } from '../tensor.js';
import { CheckTimes } from './check-times.js';
import type { Slot } from './slot.js';

export interface BatchChecksOptions {
  readonly batching: Batching;
  readonly estimator: Pick<Estimator, 'meanMs'>;
  readonly observer: Pick<Observer, 'batchChecked'>;
  readonly clock: Clock;
  readonly log: Pick<Logger, 'error' | 'warn'>;
}

export interface CheckedRooms {
  readonly slot: Pick<Slot, 'isFree' | 'settled' | 'lineChanged'>;
  readonly queue: Pick<Queue, 'queued' | 'running' | 'enter' | 'leave'>;
}

/** One of a batch, copied: what it brought, and what it was answered. */
interface Sample {
  /** The prediction's. */
  readonly id: PredictionId;
  readonly model: Model;
  readonly work: Work;
  readonly together: Tensors;
  /** Of each output, the scale that answers usually have. */
  readonly scales: ReadonlyMap<string, number>;
  readonly runMs: number;
  readonly bytes: number;
}

/** Larger ones take too long to copy, or to compare. */
const MOST_INPUT_BYTES = 16 * 2 ** 20;
const MOST_OUTPUT_BYTES = 4 * 2 ** 20;

/** Whoever comes during a check waits for its end. */
const LONGEST_CHECK_MS = 1_000;

/** A sample that finds no idle slot for so long is forgotten. */
const KEPT_MS = 10_000;

/** Of an output of integers or strings, as large a share may differ: near ties. */
const DIFFERING_SHARE = 0.01;

export class BatchChecks {
  readonly #options: BatchChecksOptions;
  readonly #times: CheckTimes;
  #rooms!: CheckedRooms;
  #sample: Sample | undefined;
  #check: Prediction | undefined;
  #cancelForget: Cancel = () => {};
  #isStartDue = false;
  #lastId = 0;
  #batches = 0;

  constructor(options: BatchChecksOptions) {
    this.#options = options;
    this.#times = new CheckTimes(options.clock);
  }

  /** The rooms in which checks run. */
  serve(rooms: CheckedRooms): void {
    this.#rooms = rooms;
  }

  /** What is held for a check that waits or runs. */
  get bytes(): number {
    return this.#sample?.bytes ?? 0;
  }

  /** Id of the prediction whose answer is checked now. */
  get checkedId(): PredictionId | undefined {
    return this.#sample?.id;
  }

  /** These were answered by one run, and their inputs are still there. */
  batchEnded(batch: readonly Prediction[], outputs: ReadonlyMap<PredictionId, Tensors>, runMs: number): void {
    const model = batch[0]?.model;
    if (model === undefined || this.#sample !== undefined) return;
    if (!this.#options.batching.isOn(model.name) || !this.#times.isDue(model.name)) return;
    this.#batches += 1;
    const prediction = batch[this.#batches % batch.length]!;
    this.#keep(prediction, outputs, { batch, runMs });
  }

  /** The slot is idle, or may be. Called often, and mostly for nothing. */
  slotFreed(): void {
    if (this.#sample === undefined || this.#check !== undefined || this.#isStartDue) return;
    this.#isStartDue = true;
    // p-queue counts who has just ended until the turn is over.
    setImmediate(() => {
      this.#isStartDue = false;
      this.#start();
    });
  }

  /** A check that had not begun is not for the next runner. */
  runnerLost(): void {
    if (this.#check?.phase === 'queued') this.#check.leave();
  }

  /** Forgets what it holds. */
  stop(): void {
    if (this.#check === undefined) this.#forget();
  }

  #keep(
    { id, model, work }: Prediction,
    outputs: ReadonlyMap<PredictionId, Tensors>,
    { batch, runMs }: { readonly batch: readonly Prediction[]; readonly runMs: number },
  ): void {
    const together = outputs.get(id);
    if (together === undefined) return;
    const [inputBytes, outputBytes] = [tensorsBytes(work.inputs), tensorsBytes(together)];
    if (inputBytes > MOST_INPUT_BYTES || outputBytes * batch.length > MOST_OUTPUT_BYTES) return;
    const answers = batch.map((each) => outputs.get(each.id) ?? {});
    const scaleOf = (name: string): number =>
      usualScale(answers.flatMap((answer) => (Object.hasOwn(answer, name) ? [answer[name]!] : [])));
    this.#sample = {
      id,
      model,
      work: { ...work, inputs: copied(work.inputs), own: undefined, batchKey: undefined },
      together: copied(together),
      scales: new Map(work.outputs.map((name) => [name, scaleOf(name)])),
      runMs,
      bytes: inputBytes + outputBytes,
    };
    this.#cancelForget = this.#options.clock.after(KEPT_MS, () => {
      if (this.#check === undefined) this.#forget();
    });
  }

  #start(): void {
    const { queue, slot } = this.#rooms;
    const sample = this.#sample;
    if (sample === undefined || this.#check !== undefined) return;
    if (!slot.isFree || queue.queued + queue.running > 0) return;
    const { batching, estimator, clock } = this.#options;
    const { model, work, runMs } = sample;
    const expectedMs = estimator.meanMs(model.name, work.workload) ?? runMs;
    const isShort = expectedMs <= LONGEST_CHECK_MS;
    if (!isShort) this.#times.made(model.name, expectedMs);
    if (!isShort || !batching.isOn(model.name)) {
      this.#forget();
      return;
    }
    this.#lastId -= 1;
    const check = new Prediction({
      // Predictions count upwards from 1.
      id: this.#lastId,
      model,
      urgency: LEAST_URGENT,
      patienceMs: undefined,
      bytes: 0,
      client: undefined,
      clock,
      watcher: this.#watcher,
      isCheck: true,
    });
    this.#check = check;
    batching.suspend(model.name);
    void check.settlement.then((settlement) => this.#settled(check, sample, settlement));
    check.queued(work);
    queue.enter(check);
    // Whoever came in the same turn goes first.
    if (queue.queued > 0) check.leave();
  }

  /** A check stands in no books: nobody asked for it. */
  readonly #watcher: Watcher = {
    moved() {},
    resized() {},
    answerGrew() {},
    settled: (prediction, phase) => {
      if (phase === 'queued') this.#rooms.queue.leave(prediction);
      this.#rooms.slot.settled(prediction);
    },
  };

  #settled(check: Prediction, { model, together, scales }: Sample, settlement: Settlement): void {
    const { batching } = this.#options;
    let passed: boolean | undefined;
    try {
      if (settlement.kind === 'completed')
        passed = this.#compare(model, { together, scales }, settlement.outputs);
    } finally {
      check.answered();
      // One that left before it ran has cost nothing, and the next batch may be checked.
      if (settlement.kind !== 'left') this.#times.made(model.name, check.times.run);
      this.#check = undefined;
      this.#forget();
      batching.resume(passed);
      this.#rooms.slot.lineChanged();
    }
  }

  /** Whether the answer was the same. */
  #compare(
    model: Model,
    { together, scales }: Pick<Sample, 'together' | 'scales'>,
    outputs: Tensors,
  ): boolean {
    for (const [name, alone] of Object.entries(outputs)) {
      const how = { tolerance: model.settings.batch?.tolerance, leastScale: scales.get(name) };
      const difference = differenceOf(together[name]!, alone, how);
      if (difference === undefined) continue;
      const mayBeTie = isDiscrete(alone) && difference.size !== Number.POSITIVE_INFINITY;
      if (mayBeTie && difference.size <= DIFFERING_SHARE) continue;
      this.#differs(model.name, name, { ...difference, mayBeTie });
      return false;
    }
    this.#options.observer.batchChecked(model.name, false);
    this.#times.passed(model.name);
    return true;
  }

  #differs(
    model: string,
    output: string,
    {
      size,
      allowed,
      mayBeTie,
    }: { readonly size: number; readonly allowed: number; readonly mayBeTie: boolean },
  ): void {
    const { batching, observer, log } = this.#options;
    const facts = { model, output, difference: size, allowed };
    const isTie = mayBeTie && this.#times.isFirstDoubt(model);
    observer.batchChecked(model, !isTie);
    if (isTie) {
      log.warn(
        facts,
        'an answer of a batch is another one alone, perhaps by a near tie: another one is checked next',
      );
      return;
    }
    batching.end(model, `output ${output} of a prediction was another one in company than alone`);
    log.error(facts, 'batching ended: an answer of a batch is another one alone');
  }

  #forget(): void {
    this.#cancelForget();
    this.#sample = undefined;
  }
}

/** RFC 9218. */
const LEAST_URGENT = 7;

function copied(tensors: Tensors): Tensors {
  const copies: Record<string, Tensor> = Object.create(null);
  for (const name in tensors)
    copies[name] = { ...tensors[name]!, bytes: Uint8Array.from(tensors[name]!.bytes) };
  return copies;
}
