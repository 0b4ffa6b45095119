// One prediction's life, from its headers to its end. Knows nothing of HTTP.
//
//   receiving ──▶ queued ──▶ running ──▶ sending ──▶ over
//       └────────────┴──────────┴───────────────────▲
//
// Two things happen to each exactly once, and not always together: it is settled (there is an answer or an error for its
// caller, or that has left), and it is over (it is out of the queue and out of the slot, and its answer is handed over).
// One that is settled while it runs stays running, because the slot does: only the runner ends a run. One that has an
// answer is completed only when its caller has taken it.

import type { Cancel, Clock } from './clock.js';
import { type Outcome, ServiceError } from './errors.js';
import { giveBack } from './memory.js';
import type { Model } from './model-repository/model.js';
import { type Tensors, tensorsBytes } from './tensor.js';
import type { Estimate, Workload } from './workload.js';

export type Phase = 'receiving' | 'queued' | 'running' | 'sending' | 'over';

/** What it takes to run it, known once its body is decoded. */
export interface Work {
  readonly inputs: Tensors;
  /** Memory of the inputs that is nobody else's. */
  readonly own?: readonly Uint8Array[] | undefined;
  readonly outputs: readonly string[];
  readonly workload: Workload;
  /** Predictions with equal keys may share a run; undefined: never. */
  readonly batchKey: string | undefined;
  /** Rows along the batch axis. */
  readonly rows: number;
}

export type Settlement =
  | { readonly kind: 'completed'; readonly outputs: Tensors }
  | { readonly kind: 'failed'; readonly error: ServiceError }
  | { readonly kind: 'left' };

/** Durations in ms of what is behind it. */
export interface Times {
  receive: number;
  decode: number;
  queue: number;
  run: number;
}

/** Whoever keeps the books of all predictions; told of each move as it happens. */
export interface Watcher {
  moved(prediction: Prediction, from: Phase | undefined): void;
  settled(prediction: Prediction, phase: Phase): void;
  resized(prediction: Prediction, byBytes: number): void;
  /** An answer that is there takes so much more, or less when it is over. */
  answerGrew(byBytes: number): void;
}

export interface PredictionOptions {
  readonly id: number;
  readonly model: Model;
  /** 0 first … 7 last (RFC 9218). */
  readonly urgency: number;
  /** The caller's patience, from arrival; undefined: none stated. */
  readonly patienceMs: number | undefined;
  /** Bytes that its place reserves. */
  readonly bytes: number;
  /** Name of the API key that it came with. */
  readonly client: string | undefined;
  readonly clock: Clock;
  readonly watcher: Watcher;
  /** It is no caller's: an answer is checked with it. @default false */
  readonly isCheck?: boolean;
}

export class Prediction {
  readonly id: number;
  readonly model: Model;
  readonly client: string | undefined;
  readonly isCheck: boolean;
  readonly receivedMs: number;
  readonly settlement: Promise<Settlement>;
  readonly times: Times = { receive: 0, decode: 0, queue: 0, run: 0 };
  /** Run time estimated as it entered the line; undefined where nothing is known of such work. */
  estimate: Estimate | undefined;
  readonly #clock: Clock;
  readonly #watcher: Watcher;
  #phase: Phase = 'receiving';
  #bytes: number;
  #urgency: number;
  #deadlineMs: number | undefined;
  #cancelDeadline: Cancel | undefined;
  #settlement: Settlement | undefined;
  /** What became of its answer; undefined while it is not handed over, and where there is none. */
  #answered: Outcome | undefined;
  #answerBytes = 0;
  #resolve!: (settlement: Settlement) => void;
  #work: Work | undefined;
  #queuedMs = 0;
  #onStarted: () => void = () => {};
  #hasStarted = false;
  /** It shares no run: a runner has died with it, or may. */
  runsAlone = false;

  constructor(options: PredictionOptions) {
    this.id = options.id;
    this.model = options.model;
    this.client = options.client;
    this.isCheck = options.isCheck ?? false;
    this.#urgency = options.urgency;
    this.#bytes = options.bytes;
    this.#clock = options.clock;
    this.#watcher = options.watcher;
    this.receivedMs = this.#clock.nowMs();
    this.settlement = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.#watcher.moved(this, undefined);
    if (options.patienceMs !== undefined) this.limitPatience(options.patienceMs);
  }

  get phase(): Phase {
    return this.#phase;
  }

  get urgency(): number {
    return this.#urgency;
  }

  /** The body may say another urgency than the headers did. */
  set urgency(urgency: number) {
    if (this.#phase !== 'receiving')
      throw new Error('an urgency is changed after it was queued: this is a bug');
    this.#urgency = urgency;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get queuedMs(): number {
    return this.#queuedMs;
  }

  /** Monotonic time by which the caller wants its answer. */
  get deadlineMs(): number | undefined {
    return this.#deadlineMs;
  }

  get isSettled(): boolean {
    return this.#settlement !== undefined;
  }

  /** What became of it; undefined while it is not settled. */
  get outcome(): Outcome | undefined {
    return this.#answered ?? (this.#settlement && outcomeOf(this.#settlement));
  }

  /** What its answer takes in memory, as far as it is known. */
  get answerBytes(): number {
    return this.#answerBytes;
  }

  /** What is to be run. @throws Error before it is decoded. */
  get work(): Work {
    if (this.#work === undefined) throw new Error('work of a prediction that is not decoded: this is a bug');
    return this.#work;
  }

  /** Takes the shorter of the patience it has and this one, counted from its arrival. */
  limitPatience(patienceMs: number): void {
    const deadlineMs = this.receivedMs + patienceMs;
    if (this.#deadlineMs !== undefined && this.#deadlineMs <= deadlineMs) return;
    this.#deadlineMs = deadlineMs;
    this.#watchTime(deadlineMs);
  }

  /** Reserves more or gives some back, as the size of what it holds becomes known. */
  resize(bytes: number): void {
    const byBytes = bytes - this.#bytes;
    this.#bytes = bytes;
    if (this.#phase !== 'over' && this.#phase !== 'sending') this.#watcher.resized(this, byBytes);
  }

  /** Its body is decoded; from here it waits for the slot. */
  queued(work: Work): void {
    this.#work = work;
    this.#queuedMs = this.#clock.nowMs();
    this.#move('receiving', 'queued');
    // Begun later than this it could not end in time, and no GPU time goes to that.
    if (this.#deadlineMs !== undefined) this.#watchTime(this.#deadlineMs - (this.estimate?.leastMs ?? 0));
  }

  /** The runner has begun with it. `atMs` is the runner's own clock, which is ours too. */
  started(atMs: number): void {
    this.#hasStarted = true;
    this.times.queue = Math.max(0, atMs - this.#queuedMs);
    this.#move('queued', 'running');
    if (this.#deadlineMs !== undefined) this.#watchTime(this.#deadlineMs);
    this.#onStarted();
  }

  /** Its run was lost to somebody who ran with it, as far as is known: it waits again in its old place, and runs alone. */
  waitAgain(): void {
    this.runsAlone = true;
    this.#move('running', 'queued');
    if (this.#deadlineMs !== undefined) this.#watchTime(this.#deadlineMs - (this.estimate?.leastMs ?? 0));
  }

  /** Calls back as its run begins, and again where that was lost and it has another. One listener: the caller's event stream. */
  onStarted(listener: () => void): void {
    this.#onStarted = listener;
  }

  /** Gives the caller its answer. The first one counts; later ones are ignored. */
  complete(outputs: Tensors): void {
    if (this.isSettled) return;
    this.#answerBytes = tensorsBytes(outputs);
    this.#watcher.answerGrew(this.#answerBytes);
    this.#settle({ kind: 'completed', outputs });
  }

  /** An answer that could not be made or sent fails too. */
  fail(error: ServiceError): void {
    this.#settle({ kind: 'failed', error });
    this.#answer(error.outcome);
  }

  /** The caller is gone, before its answer was handed over. */
  leave(): void {
    this.#settle({ kind: 'left' });
    this.#answer('cancelled');
  }

  /** Its answer takes so much more memory, until it is handed over. */
  holdAnswer(bytes: number): void {
    if (!this.#isToAnswer) return;
    this.#answerBytes += bytes;
    this.#watcher.answerGrew(bytes);
  }

  /** The whole answer is handed over to whoever carries it to its caller. */
  answered(): void {
    this.#answer('completed');
  }

  /** Whether it is too late to begin with it, if its run takes `leastMs`. */
  isLate(nowMs: number, leastMs: number): boolean {
    return this.#deadlineMs !== undefined && nowMs >= this.#deadlineMs - leastMs;
  }

  /** Its time is up: there is no answer any more that its caller would wait for. */
  expire(): void {
    const waited = seconds(this.#clock.nowMs() - this.receivedMs);
    const patience = seconds(this.#deadlineMs! - this.receivedMs);
    if (this.#hasStarted) {
      this.fail(new ServiceError('deadline_exceeded', `the deadline of ${patience} passed during the run`));
      return;
    }
    const run =
      this.estimate === undefined ? '' : `, and its run would take ${seconds(this.estimate.meanMs)}`;
    const message = `it waited ${waited} of the ${patience} that its caller has${run}; it never ran`;
    this.fail(new ServiceError('expired_in_queue', message));
  }

  /** The runner has ended its run, or is gone. It must be settled by then. */
  ended(): void {
    if (!this.isSettled) throw new Error('a run has ended without a settlement: this is a bug');
    this.#work?.own?.forEach(giveBack);
    this.#work = undefined;
    this.#move('running', this.#isToAnswer ? 'sending' : 'over');
  }

  get #isToAnswer(): boolean {
    return this.#settlement?.kind === 'completed' && this.#answered === undefined;
  }

  #answer(outcome: Outcome): void {
    if (!this.#isToAnswer) return;
    this.#answered = outcome;
    this.#watcher.answerGrew(-this.#answerBytes);
    if (this.#phase === 'sending') this.#move('sending', 'over');
  }

  #settle(settlement: Settlement): void {
    if (this.#settlement !== undefined) return;
    this.#settlement = settlement;
    this.#cancelDeadline?.();
    const phase = this.#phase;
    if (phase !== 'running') this.#move(phase, 'over');
    this.#watcher.settled(this, phase);
    this.#resolve(settlement);
  }

  #watchTime(untilMs: number): void {
    this.#cancelDeadline?.();
    if (this.isSettled) return;
    this.#cancelDeadline = this.#clock.after(Math.max(0, untilMs - this.#clock.nowMs()), () => this.expire());
  }

  #move(from: Phase, to: Phase): void {
    if (this.#phase !== from)
      throw new Error(`a prediction that is ${this.#phase} can't become ${to}: this is a bug`);
    this.#phase = to;
    this.#watcher.moved(this, from);
    if (to === 'over') this.#work = undefined;
  }
}

function outcomeOf(settlement: Settlement): Outcome {
  switch (settlement.kind) {
    case 'completed':
      return 'completed';
    case 'left':
      return 'cancelled';
    case 'failed':
      return settlement.error.outcome;
  }
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(3)} s`;
