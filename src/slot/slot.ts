// Whether anyone may run. The runner's word is the truth: the slot is in use from `started` to `ended`, and in doubt
// from the runner's death until its replacement has loaded. A client that leaves, a deadline or a timeout settles the
// response; none of them frees the slot.
//
//   idle ──▶ loading ──▶ idle
//   idle ──▶ in use ──▶ idle
//                └──▶ ending ──▶ in doubt ──▶ idle
//
// Where the runner dies by itself, the slot is in doubt at once, whatever it was before.

import type { Cancel, Clock } from '../clock.js';
import type { Span } from '../estimator/backlog.js';
import type { Estimator } from '../estimator/estimator.js';
import { Joint } from '../estimator/joint.js';
import type { Observer, RestartReason } from '../observer.js';
import type { Prediction } from '../prediction.js';
import type { Batching } from '../queue/batching.js';
import type { Queue } from '../queue/queue.js';
import type { Death } from '../runner/death.js';
import type { KillReason, PredictionId, RunEnd, RunResult, RunStart } from '../runner/protocol.js';
import type { Runner } from '../runner/runner.js';
import type { BusyMeter } from '../scaling/scaling.js';
import type { Tensors } from '../tensor.js';
import type { BatchChecks } from './batch-checks.js';
import { hasLostDevice, settle, settleLost, suspectError } from './outcomes.js';
import { Planner } from './planner.js';
import { PresentRun } from './present-run.js';
import { Staging } from './staging.js';
import type { Suspects } from './suspects.js';

type SlotState =
  | { readonly kind: 'idle'; readonly sinceMs: number }
  /** Between two runs the runner loads a model; nothing is run meanwhile. */
  | { readonly kind: 'loading'; readonly sinceMs: number; readonly expectedMs: number | undefined }
  | { readonly kind: 'in use'; readonly run: PresentRun }
  /** Its runner was told to end, and whatever it still says that it begins is void. */
  | { readonly kind: 'ending'; readonly run: PresentRun; readonly sinceMs: number }
  | { readonly kind: 'in doubt'; readonly sinceMs: number };

export interface SlotOptions {
  readonly runner: Pick<Runner, 'stage' | 'plan' | 'drop' | 'kill' | 'loadMs'>;
  readonly estimator: Estimator;
  readonly observer: Observer;
  readonly busyMeter: BusyMeter;
  readonly suspects: Suspects;
  readonly clock: Clock;
  /** Left out, every model joins whom it may. */
  readonly batching?: Batching;
  readonly checks?: BatchChecks;
  /** Whether the largest answer would fit. Left out, it always does. */
  readonly hasRoom?: () => boolean;
  /** Hard limit of a run, where the model names none. */
  readonly runTimeoutMs: number;
}

/** While an abandoned run goes on, its rest is predicted anew this often. */
const ABANDONED_CHECK_MS = 250;

/** Runners that may die as one and the same prediction is about to run. */
const DEATHS_AT_MOST = 3;

export class Slot {
  readonly #options: SlotOptions;
  readonly #staging: Staging;
  readonly #planner: Planner;
  #queue!: Queue;
  #state: SlotState;
  /** Taken out of the line for the runner, which has not said yet that it began. Only while the slot is idle. */
  #taken: readonly Prediction[] = [];
  /** Ends the watch over a runner that was told to begin and has not said that it did. */
  #cancelHandOver: Cancel = () => {};
  /** Runners that died while it was taken. */
  readonly #deaths = new WeakMap<Prediction, number>();

  constructor(options: SlotOptions) {
    const { runner, estimator, clock } = options;
    this.#options = options;
    this.#staging = new Staging(runner);
    const present = (): PresentRun | undefined =>
      this.#state.kind === 'in use' ? this.#state.run : undefined;
    const mayJoin = options.batching?.joinsNow;
    this.#planner = new Planner({
      staging: this.#staging,
      estimator,
      clock,
      present,
      ...(mayJoin && { mayJoin }),
    });
    this.#state = { kind: 'in doubt', sinceMs: clock.nowMs() };
  }

  /** The queue that it takes from; the two know each other. */
  serve(queue: Queue): void {
    this.#queue = queue;
    this.#planner.serve(queue);
  }

  get run(): PresentRun | undefined {
    return 'run' in this.#state ? this.#state.run : undefined;
  }

  /** Nothing runs, and nobody is about to. */
  get isFree(): boolean {
    return this.#state.kind === 'idle' && this.#taken.length === 0;
  }

  /** How many inputs the runner holds ahead of their run. */
  get staged(): number {
    return this.#staging.size;
  }

  /** Predicted time until those in line have the slot. */
  get rest(): Span {
    const restMs = this.#restMs();
    return { knownMs: restMs ?? 0, isComplete: restMs !== undefined };
  }

  /** Those who run together next. */
  compose(): readonly Prediction[] {
    return this.#planner.compose();
  }

  /** p-queue found the slot free and gives it to these. */
  take(batch: readonly Prediction[]): void {
    if (this.#state.kind !== 'idle') throw new Error(`taken while ${this.#state.kind}: this is a bug`);
    this.#taken = batch;
    this.#staging.tell([batch]);
    this.#watchHandOver();
  }

  lineChanged(): void {
    this.#planner.lineChanged();
  }

  /** Its caller has an answer or is gone. */
  settled(prediction: Prediction): void {
    const { run } = this;
    if (run?.batch.includes(prediction)) this.#endIfAbandoned(run);
    if (!this.#staging.has(prediction)) return;
    if (this.#taken.includes(prediction)) this.#untake(prediction);
    else this.#planner.replan();
    this.#staging.drop(prediction);
  }

  /** A runner that is up has begun to load a model. */
  loading(expectedMs: number | undefined): void {
    if (this.#state.kind !== 'idle') return;
    this.#state = { kind: 'loading', sinceMs: this.#options.clock.nowMs(), expectedMs };
    this.#holdOrRelease();
  }

  /** A runner is up, or has loaded what it was to load between two runs. */
  loaded(): void {
    if (this.#state.kind !== 'in doubt' && this.#state.kind !== 'loading') return;
    this.#state = { kind: 'idle', sinceMs: this.#options.clock.nowMs() };
    this.#holdOrRelease();
  }

  started(start: RunStart): void {
    // Begun by a runner that was told to end: it ends with it, and those whom it was for stay in line.
    if (this.#state.kind !== 'idle') return;
    const batch = this.#staging.begun(start.ids);
    this.#cancelHandOver();
    const overtaken = this.#taken.filter((prediction) => !batch.includes(prediction));
    this.#taken = [];
    this.#queue.begin(batch);
    this.#begin(batch, start);
    this.#holdOrRelease();
    this.#queue.putBack(overtaken);
    this.#planner.lineChanged();
  }

  ended(end: RunEnd, outputs: ReadonlyMap<PredictionId, Tensors>): void {
    const { run } = this;
    if (run === undefined) return;
    const runMs = end.endedMs - end.startedMs;
    const isEnding = this.#state.kind === 'ending';
    this.#finish(run, runMs, end.endedMs);
    this.#state = { kind: isEnding ? 'in doubt' : 'idle', sinceMs: end.endedMs };
    this.#learn(run, end);
    this.#options.suspects.acquit(run.batch);
    settle(run.batch, end.results, outputs);
    if (end.results.length > 1) this.#options.checks?.batchEnded(run.batch, outputs, runMs);
    for (const prediction of run.batch) this.#release(prediction);
    if (hasLostDevice(end.results)) this.#replace('device_error');
    if (end.next !== undefined) this.started(end.next);
    this.#holdOrRelease();
    this.#options.checks?.slotFreed();
  }

  /** Some of a run that goes on have their results. */
  answered(results: readonly RunResult[], outputs: ReadonlyMap<PredictionId, Tensors>): void {
    const answered = new Set(results.map(({ id }) => id));
    const batch = this.run?.batch.filter(({ id }) => answered.has(id)) ?? [];
    settle(batch, results, outputs);
  }

  /** There is room for answers again. */
  roomForAnswers(): void {
    this.#holdOrRelease();
  }

  /** The runner is gone: its run is lost, and nothing else. */
  lost(reason: RestartReason, death: Death): void {
    const { run } = this;
    this.#doubt();
    if (run === undefined) return;
    this.#finish(run, run.elapsedMs, this.#options.clock.nowMs());
    const { suspects } = this.#options;
    const innocent = settleLost({ run, reason, death }, suspects);
    suspects.recognise(this.#queue.inOrder(), run.batch);
    for (const prediction of run.batch) if (prediction.isSettled) this.#release(prediction);
    for (const prediction of innocent) prediction.waitAgain();
    this.#queue.putBack(innocent);
    const convicted = [...this.#queue.inOrder()].filter((each) => suspects.isConvicted(each));
    for (const prediction of convicted) prediction.fail(suspects.refusal(prediction));
  }

  #begin(batch: readonly Prediction[], { ids, model, atMs }: RunStart): void {
    const { estimator, observer, busyMeter, clock } = this.#options;
    const joint = batch.length === ids.length ? new Joint(estimator, batch) : undefined;
    const estimate = joint === undefined ? estimator.typical(model) : joint.estimate;
    const gapMs = this.#gapMs(batch, atMs);
    const run = new PresentRun({
      clock,
      startedMs: atMs,
      batch,
      isShared: ids.length > 1,
      model,
      workload: joint?.workload,
      estimate,
    });
    this.#state = { kind: 'in use', run };
    busyMeter.started(atMs);
    const timeoutMs = this.#staging.modelOf(model).settings.runTimeoutMs ?? this.#options.runTimeoutMs;
    run.after(timeoutMs, () => this.#replace('run_timeout'));
    if (!run.isCheck)
      observer.runStarted(model, batch.length, gapMs === undefined ? undefined : gapMs / 1000);
    for (const prediction of batch) {
      prediction.started(atMs);
      if (!run.isCheck) observer.started(model, prediction.times.queue / 1000);
    }
    if (batch.length === 0) this.#endIfAbandoned(run);
  }

  #finish(run: PresentRun, runMs: number, endedMs: number): void {
    run.close();
    this.#options.busyMeter.ended(endedMs);
    for (const prediction of run.batch) prediction.times.run = runMs;
    if (!run.isCheck) this.#options.observer.runEnded(run.model, runMs / 1000);
  }

  #learn({ model, workload }: PresentRun, { results, startedMs, endedMs }: RunEnd): void {
    if (workload === undefined || results.some(({ ok }) => !ok)) return;
    this.#options.estimator.observe(model, workload, endedMs - startedMs);
  }

  /** A runner that hangs before it could begin would hold the slot for ever: no run of its own is there to time out. */
  #watchHandOver(): void {
    const { clock, runTimeoutMs } = this.#options;
    this.#cancelHandOver();
    this.#cancelHandOver = clock.after(runTimeoutMs, () => {
      if (this.#taken.length > 0) this.#replace('run_timeout');
    });
  }

  #release(prediction: Prediction): void {
    prediction.ended();
    this.#queue.end(prediction);
  }

  #untake(prediction: Prediction): void {
    this.#taken = this.#taken.filter((other) => other !== prediction);
    if (this.#taken.length === 0) this.#cancelHandOver();
    this.#staging.tell(this.#taken.length === 0 ? [] : [this.#taken]);
    this.#queue.end(prediction);
  }

  /** Ends the runner. Its present run goes on until the process is gone; nobody is begun with any more. */
  #replace(reason: KillReason): void {
    const { run } = this;
    if (run === undefined) this.#doubt();
    else this.#state = { kind: 'ending', run, sinceMs: this.#options.clock.nowMs() };
    this.#holdOrRelease();
    this.#options.runner.kill(reason);
  }

  #doubt(): void {
    this.#state = { kind: 'in doubt', sinceMs: this.#options.clock.nowMs() };
    this.#holdOrRelease();
    this.#staging.clear();
    this.#cancelHandOver();
    const taken = this.#taken;
    this.#taken = [];
    this.#queue.putBack(taken);
    for (const prediction of taken) this.#suspect(prediction);
    this.#options.checks?.runnerLost();
  }

  /**
   * It may have begun and killed the runner before that could say so. It is tried again, for more likely it is innocent,
   * but not for ever.
   */
  #suspect(prediction: Prediction): void {
    const deaths = (this.#deaths.get(prediction) ?? 0) + 1;
    this.#deaths.set(prediction, deaths);
    if (deaths === DEATHS_AT_MOST) prediction.fail(suspectError(deaths));
  }

  /** p-queue counts those who run. Where the slot is held by none of them, it has to be told. */
  #holdOrRelease(): void {
    const { kind } = this.#state;
    const mayBegin = kind === 'idle' && this.#options.hasRoom?.() !== false;
    if (mayBegin || (kind === 'in use' && this.#state.run.batch.length > 0)) this.#queue.resume();
    else this.#queue.pause();
  }

  /** A run that nobody waits for is ended where a new runner would be there sooner than its end. */
  #endIfAbandoned(run: PresentRun): void {
    if (this.#state.kind !== 'in use' || this.#state.run !== run || !run.isAbandoned) return;
    const { restMs } = run;
    const { loadMs } = this.#options.runner;
    if (restMs !== undefined && loadMs !== undefined && restMs > loadMs) this.#replace('cancelled');
    else run.after(ABANDONED_CHECK_MS, () => this.#endIfAbandoned(run));
  }

  #restMs(): number | undefined {
    switch (this.#state.kind) {
      case 'idle':
        return this.#taken.length === 0 ? 0 : new Joint(this.#options.estimator, this.#taken).runMs;
      case 'in use':
        return this.#state.run.restMs;
      case 'loading':
        return this.#loadRestMs(this.#state);
      case 'ending':
      case 'in doubt':
        return this.#reloadRestMs(this.#state.sinceMs);
    }
  }

  /** Whoever is taken already runs first then. */
  #loadRestMs({
    sinceMs,
    expectedMs,
  }: {
    sinceMs: number;
    expectedMs: number | undefined;
  }): number | undefined {
    if (expectedMs === undefined) return undefined;
    const loadMs = Math.max(expectedMs - (this.#options.clock.nowMs() - sinceMs), expectedMs / 10);
    const takenMs = this.#taken.length === 0 ? 0 : new Joint(this.#options.estimator, this.#taken).runMs;
    return takenMs === undefined ? undefined : takenMs + loadMs;
  }

  #reloadRestMs(sinceMs: number): number | undefined {
    const { loadMs } = this.#options.runner;
    return loadMs && Math.max(loadMs - (this.#options.clock.nowMs() - sinceMs), loadMs / 10);
  }

  /** How long the slot stood idle while the first of these waited. */
  #gapMs(batch: readonly Prediction[], startedMs: number): number | undefined {
    const first = batch[0];
    if (first === undefined || this.#state.kind !== 'idle') return undefined;
    return Math.max(0, startedMs - Math.max(this.#state.sinceMs, first.queuedMs));
  }
}
