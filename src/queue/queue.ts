// Who is next: p-queue with concurrency 1 over a line of ours. Translates p-queue's `size` and `pending` into `queued`
// and `running`, once.

import PQueue from 'p-queue';
import type { Clock } from '../clock.js';
import type { Prediction } from '../prediction.js';
import { type EnqueueOptions, Line, type LineOptions } from './line.js';

export interface QueueOptions extends Pick<LineOptions, 'compose'> {
  readonly ageMs: number;
  readonly clock: Clock;
  /** The slot takes these: p-queue found it free. */
  readonly onTake: (batch: readonly Prediction[]) => void;
  /** Someone came, left or was taken. */
  readonly onChange: () => void;
}

export class Queue {
  readonly #pqueue: PQueue<Line, EnqueueOptions>;
  readonly #line: Line;
  readonly #nowMs: () => number;
  readonly #onChange: () => void;
  readonly #ended = new Map<number, () => void>();
  #version = 0;

  constructor(options: QueueOptions) {
    const { ageMs, clock, compose, onChange } = options;
    const onTake = (batch: readonly Prediction[]): void => {
      options.onTake(batch);
      this.#changed();
    };
    const line = new Line({ ageMs, nowMs: clock.nowMs, compose, onTake });
    this.#line = line;
    this.#nowMs = clock.nowMs;
    this.#onChange = onChange;
    // No timeout and no signal: p-queue would free its slot at once, while the run goes on.
    this.#pqueue = new PQueue({
      concurrency: 1,
      autoStart: false,
      queueClass: class {
        constructor() {
          // biome-ignore lint/correctness/noConstructorReturn: p-queue makes its queue itself; this hands it ours.
          return line;
        }
      } as unknown as new () => Line,
    });
  }

  /** Waiting in line. */
  get queued(): number {
    return this.#line.size;
  }

  /** Taken out of the line, and not yet ended. */
  get running(): number {
    return this.#pqueue.pending;
  }

  /** Changes with the line. */
  get version(): number {
    return this.#version;
  }

  /** From the head of the line. */
  inOrder(): Iterable<Prediction> {
    return this.#line.inOrder();
  }

  get head(): Prediction | undefined {
    return this.#line.inOrder().next().value;
  }

  /** Time until age may change the order of these, the first in line, as long as nobody comes or goes. */
  holdsForMs(first: readonly Prediction[]): number {
    return this.#line.holdsForMs(first);
  }

  /** Predictions that a newcomer of this urgency would wait for, from the head of the line. */
  *ahead(urgency: number): Generator<Prediction> {
    const nowMs = this.#nowMs();
    for (const prediction of this.#line.inOrder()) {
      if (this.#line.level(prediction, nowMs) > urgency) return;
      yield prediction;
    }
  }

  /** Puts it in line, or straight into the slot where that is free. */
  enter(prediction: Prediction): void {
    this.#add({ prediction });
    this.#changed();
  }

  /** Takes out one who is settled before its turn. Whether it was in line. */
  leave(prediction: Prediction): boolean {
    const wasQueued = this.#line.leave(prediction);
    if (wasQueued) {
      this.#ended.delete(prediction.id);
      this.#changed();
    }
    return wasQueued;
  }

  /** The runner has begun these from what was staged: p-queue counts them from now, and starts nobody beside them. */
  begin(batch: readonly Prediction[]): void {
    const waiting = batch.filter((prediction) => this.#line.has(prediction));
    if (waiting.length === 0) return;
    void this.#line.take(waiting)();
    this.#changed();
  }

  /** Those whom p-queue has taken and the runner has not begun go back to the places that they had. */
  putBack(batch: readonly Prediction[]): void {
    for (const prediction of batch) {
      this.end(prediction);
      this.#add({ prediction, isBack: true });
    }
    if (batch.length > 0) this.#changed();
  }

  /** Its run has ended: p-queue may start the next. */
  end(prediction: Prediction): void {
    this.#ended.get(prediction.id)?.();
    this.#ended.delete(prediction.id);
  }

  /** Starts nobody until `resume`; who is in line stays there. */
  pause(): void {
    this.#pqueue.pause();
  }

  resume(): void {
    this.#pqueue.start();
  }

  #add(options: EnqueueOptions): void {
    const ended = new Promise<void>((resolve) => {
      this.#ended.set(options.prediction.id, resolve);
    });
    void this.#pqueue.add(() => ended, options);
  }

  #changed(): void {
    this.#version += 1;
    this.#onChange();
  }
}
