// The server's hold on its runner process: start, hand over, kill, replace. Holds no predictions, only their names.

import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { monotonicMs } from '../clock.js';
import type { Logger } from '../log.js';
import type { FoundModel, LoadFailure, LoadReport } from '../model-repository/model.js';
import type { RestartReason } from '../observer.js';
import type { SharedMemory } from '../shared-memory.js';
import { type Tensor, type Tensors, tensorsBytes } from '../tensor.js';
import type { AnswerRoom } from './answer-room.js';
import { type Death, deathOf, oomKills } from './death.js';
import type { Block, InputMemory } from './input-memory.js';
import { LastWords } from './last-words.js';
import {
  decodeFrame,
  encodeFrame,
  FrameReader,
  type FromRunner,
  type KillReason,
  type Plan,
  type PredictionId,
  RUN_HAS_FAILED,
  type RunEnd,
  type RunnerSettings,
  type RunResult,
  type RunStart,
  SOCKET_FD,
  type ToRunner,
} from './protocol.js';
import { startProcess } from './runner-process.js';

/** A runner that fails to load is started again after 0.1 s, 0.2 s, … 30 s: a broken model must not burn a core. */
const BACKOFF_FIRST_MS = 100;
const BACKOFF_MAX_MS = 30_000;

export type RunnerState =
  | { readonly kind: 'stopped' }
  /** `failure` is what the last try died of; `attempts` counts the failed tries in a row. */
  | {
      readonly kind: 'starting';
      readonly sinceMs: number;
      readonly attempts: number;
      readonly failure?: string;
    }
  | { readonly kind: 'backing_off'; readonly attempts: number; readonly failure: string }
  | { readonly kind: 'up' };

/** What the runner's owner is told; each call is made in the order in which it happened in the runner. */
export interface RunnerListener {
  /** The load of this model has begun; until it has ended, nothing is run. */
  loading(model: string): void;
  modelLoaded(report: LoadReport): void;
  /** `endedRunner`: with the load of this model the process has ended too. */
  modelFailed(model: string, failure: LoadFailure, how: { readonly endedRunner: boolean }): void;
  /** All that it was told to load has been told of: it takes runs again. */
  loaded(): void;
  started(start: RunStart): void;
  /** Some of a run that goes on have their results. */
  answered(results: readonly RunResult[], outputs: ReadonlyMap<PredictionId, Tensors>): void;
  ended(end: RunEnd, outputs: ReadonlyMap<PredictionId, Tensors>): void;
  /** The process is gone, and with it every input that it held. */
  lost(reason: RestartReason, death: Death): void;
}

/** Memory that the runner inherits, and how it is divided among the inputs. */
export interface RunnerMemory {
  readonly shared: SharedMemory;
  readonly inputs: InputMemory;
}

export interface RunnerOptions {
  readonly settings: Omit<RunnerSettings, 'sharedMemoryBytes'>;
  /** What a new process loads, as it lies on disk now. Rejects with an Error that says why it must not load anything. */
  readonly toLoad: () => Promise<readonly FoundModel[]>;
  /** Left out, every input travels. */
  readonly memory?: RunnerMemory | undefined;
  /** Left out, it runs nothing. */
  readonly answers?: AnswerRoom | undefined;
  /** Of each model. */
  readonly loadTimeoutMs: number;
  readonly log: Logger;
  readonly listener: RunnerListener;
}

export class Runner {
  readonly #options: RunnerOptions;
  #state: RunnerState = { kind: 'stopped' };
  #child: ChildProcess | undefined;
  /** Memory in which it may still read. */
  readonly #held = new Map<PredictionId, readonly Block[]>();
  #killReason: KillReason | undefined;
  /** Of the machine, as it was started. */
  #oomKills: number | undefined;
  /** The last lines that it wrote since its present run began, or its load. They may quote what a caller sent. */
  readonly #lastWords = new LastWords();
  /** The model whose load goes on; what it is said to have died of, where that is known already. */
  #loading: { readonly model: string; failure?: LoadFailure } | undefined;
  /** Why the process that starts must not load anything. */
  #refusal: string | undefined;
  /** What was last told of each model that has loaded, in any process. */
  readonly #known = new Map<string, LoadReport>();
  #loadMs: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: RunnerOptions) {
    this.#options = options;
  }

  get state(): RunnerState {
    return this.#state;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Duration of the last start, from spawn to loaded: what replacing the runner costs. */
  get loadMs(): number | undefined {
    return this.#loadMs;
  }

  start(): void {
    this.#spawn(0, undefined);
  }

  /** Hands an input over, ahead of its run. */
  stage(input: Omit<Extract<ToRunner, { kind: 'input' }>, 'kind'>, tensors: Tensors): void {
    if (this.#child === undefined) return;
    const shared = this.#options.memory?.inputs.share(tensors);
    if (shared !== undefined) this.#held.set(input.id, shared.blocks);
    this.#send({ kind: 'input', ...input }, shared?.tensors ?? tensors);
  }

  /** Names the coming runs; the first begins as soon as the present one has ended. */
  plan(runs: Plan): void {
    this.#send({ kind: 'plan', runs });
  }

  drop(ids: readonly PredictionId[]): void {
    this.#send({ kind: 'drop', ids });
  }

  /** Loads these beside those that are loaded, as soon as no run is in progress. */
  load(models: readonly FoundModel[]): void {
    const { memory, settings } = this.#options;
    const sharedMemoryBytes = memory?.shared.bytes.byteLength ?? 0;
    const known = models.map(({ name }) => this.#known.get(name)).filter((report) => report !== undefined);
    this.#send({ kind: 'load', settings: { ...settings, sharedMemoryBytes }, models, known });
  }

  /** Ends the process and starts another; `lost` follows once it is gone. */
  kill(reason: KillReason): void {
    this.#killReason ??= reason;
    this.#child?.kill('SIGKILL');
  }

  /** Ends the process in which a model is being loaded, for this reason. */
  endLoad(reason: string): void {
    if (this.#loading !== undefined)
      this.#loading = { ...this.#loading, failure: { reason, told: reason, isPermanent: false } };
    this.kill('load_timeout');
  }

  /** Ends the process for good. Resolves when it is gone. */
  async stop(): Promise<void> {
    this.#state = { kind: 'stopped' };
    clearTimeout(this.#timer);
    const child = this.#child;
    if (child === undefined) return;
    const gone = new Promise<void>((resolve) => child.once('close', () => resolve()));
    child.kill('SIGKILL');
    await gone;
  }

  #spawn(attempts: number, failure: string | undefined): void {
    this.#killReason = undefined;
    this.#oomKills = oomKills();
    this.#lastWords.clear();
    this.#loading = undefined;
    this.#refusal = undefined;
    this.#state = {
      kind: 'starting',
      sinceMs: monotonicMs(),
      attempts,
      ...(failure !== undefined && { failure }),
    };
    const { memory } = this.#options;
    const child = startProcess(memory?.shared.fd, (error) => this.#notStarted(error));
    if (child === undefined) return;
    this.#child = child;
    this.#listen(child);
    this.#options.answers?.runnerStarted((bytes) => this.#send({ kind: 'room', bytes }));
    // They are looked at while the process starts.
    void this.#options.toLoad().then(
      (models) => {
        if (this.#child === child) this.load(models);
      },
      (error: Error) => {
        this.#refusal = error.message;
        child.kill('SIGKILL');
      },
    );
    this.#watchLoad();
    this.#options.log.info({ pid: child.pid, attempt: attempts + 1 }, 'runner starting');
  }

  #notStarted({ message }: Error): void {
    if (this.#state.kind !== 'starting') return;
    this.#backOff(this.#state.attempts + 1, `the system did not start it: ${message}`);
    this.#options.listener.lost('load_failed', { how: 'could not be started', isFromOutside: true });
  }

  #listen(child: ChildProcess): void {
    const socket = this.#socket(child);
    const reader = new FrameReader();
    socket.on('data', (chunk: Buffer) => {
      for (const frame of reader.push(chunk)) this.#receive(frame);
    });
    // The process's end tells more than its socket's.
    socket.on('error', () => {});
    this.#relayOutput(child.stdout!);
    this.#relayOutput(child.stderr!);
    child.on('error', (error) => this.#lastWords.add(error.message));
    // 'close' comes after the last byte was read, 'exit' might come before it.
    child.on('close', (code, signal) => this.#gone(code, signal));
  }

  #socket(child: ChildProcess): Socket {
    return child.stdio[SOCKET_FD] as Socket;
  }

  #relayOutput(stream: Readable): void {
    createInterface({ input: stream }).on('line', (text) => {
      if (text === RUN_HAS_FAILED) {
        this.#lastWords.clear();
        return;
      }
      // ONNX Runtime colours its lines even where nobody sees it.
      const line = stripVTControlCharacters(text);
      this.#lastWords.add(line);
      this.#options.log.warn({ runner: line.slice(0, 2000) }, 'runner output');
    });
  }

  #send(message: ToRunner, tensors: Tensors = {}): void {
    if (this.#child === undefined) return;
    const socket = this.#socket(this.#child);
    if (socket.destroyed) return;
    if (socket.writableCorked === 0) {
      // Everything that one turn of the event loop says leaves in one write: fewer wake-ups on the other side.
      socket.cork();
      process.nextTick(() => socket.uncork());
    }
    const shared = this.#options.memory?.shared.bytes;
    for (const piece of encodeFrame(message, Object.entries(tensors), shared)) socket.write(piece);
  }

  #receive(frame: ArrayBuffer): void {
    const { message, tensors } = decodeFrame<FromRunner>(frame);
    const { listener } = this.#options;
    switch (message.kind) {
      case 'loading':
        this.#loading = { model: message.model };
        this.#lastWords.clear();
        this.#watchLoad();
        listener.loading(message.model);
        break;
      case 'model_loaded':
        this.#loading = undefined;
        this.#known.set(message.report.name, message.report);
        listener.modelLoaded(message.report);
        break;
      case 'model_failed':
        this.#modelFailed(message);
        break;
      case 'loaded':
        this.#loaded();
        break;
      case 'dropped':
        this.#release(message.ids);
        break;
      case 'started':
        this.#lastWords.clear();
        listener.started(message);
        break;
      case 'ended':
        this.#lastWords.clear();
        this.#release(message.results.map(({ id }) => id));
        listener.ended(message, byPrediction(tensors));
        this.#options.answers?.runnerSent(tensorsBytes(tensors));
        break;
      case 'answered':
        listener.answered(message.results, byPrediction(tensors));
        this.#options.answers?.runnerSent(tensorsBytes(tensors));
        break;
    }
  }

  /** The runner is done with these inputs. */
  #release(ids: Iterable<PredictionId>): void {
    for (const id of ids) {
      for (const block of this.#held.get(id) ?? []) block.release();
      this.#held.delete(id);
    }
  }

  /** A device that has failed stays so until its process ends. */
  #modelFailed({ model, failure, isBroken }: Extract<FromRunner, { kind: 'model_failed' }>): void {
    if (isBroken) {
      this.#loading = { model, failure };
      this.#child?.kill('SIGKILL');
      return;
    }
    this.#loading = undefined;
    this.#options.listener.modelFailed(model, failure, { endedRunner: false });
  }

  #loaded(): void {
    // It was told to end, and what it still says of its loads comes too late.
    if (this.#killReason !== undefined) return;
    clearTimeout(this.#timer);
    if (this.#state.kind === 'starting') {
      this.#loadMs = monotonicMs() - this.#state.sinceMs;
      this.#state = { kind: 'up' };
      this.#options.log.info({ pid: this.pid, loadMs: Math.round(this.#loadMs) }, 'runner up');
    }
    this.#options.listener.loaded();
  }

  #watchLoad(): void {
    clearTimeout(this.#timer);
    const { loadTimeoutMs } = this.#options;
    const told = `its load took longer than --load-timeout, ${loadTimeoutMs / 1000} s`;
    this.#timer = setTimeout(() => this.endLoad(told), loadTimeoutMs);
  }

  #gone(code: number | null, signal: NodeJS.Signals | null): void {
    const was = this.#state;
    this.#child = undefined;
    clearTimeout(this.#timer);
    this.#tellOfDeath(was, code, signal);
    // Not before: whoever is told looks at the inputs of the run that died.
    this.#release([...this.#held.keys()]);
  }

  #tellOfDeath(was: RunnerState, code: number | null, signal: NodeJS.Signals | null): void {
    if (was.kind === 'stopped') return;
    const death = deathOf(code, signal, this.#oomKills);
    const isLoad = was.kind === 'starting' || this.#loading !== undefined;
    const reason = this.#killReason ?? (isLoad ? 'load_failed' : 'crashed');
    const words = this.#lastWords.telling;
    this.#options.log.warn({ reason, code, signal, ...(words.length > 0 && { words }) }, 'runner gone');
    this.#pinOnModel(death.how);
    if (was.kind === 'starting') this.#backOff(was.attempts + 1, this.#startFailure(death.how));
    else this.#spawn(0, undefined);
    this.#options.listener.lost(reason, death);
  }

  /** Whose load it was that the process ended in. */
  #pinOnModel(how: string): void {
    if (this.#loading === undefined) return;
    const told = `the runner ${how} while it loaded this model`;
    const reason = [told, ...this.#lastWords.telling].join('\n');
    const { model, failure = { reason, told, isPermanent: false } } = this.#loading;
    this.#options.listener.modelFailed(model, failure, { endedRunner: true });
  }

  #startFailure(how: string): string {
    if (this.#refusal !== undefined) return this.#refusal;
    if (this.#loading !== undefined) return `it ended as it loaded ${this.#loading.model}`;
    if (this.#killReason === 'load_timeout')
      return `it did not begin to load within --load-timeout, ${this.#options.loadTimeoutMs / 1000} s`;
    return [`it ${how} before it began to load`, ...this.#lastWords.telling].join('\n');
  }

  #backOff(attempts: number, failure: string): void {
    this.#state = { kind: 'backing_off', attempts, failure };
    const delayMs = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** (attempts - 1));
    this.#options.log.error({ attempts, delayMs, failure }, 'the runner could not start; trying again');
    this.#timer = setTimeout(() => this.#spawn(attempts, failure), delayMs);
  }
}

/** Tensors come keyed `<id>/<output>`. */
function byPrediction(tensors: Tensors): ReadonlyMap<PredictionId, Tensors> {
  const outputs = new Map<PredictionId, Record<string, Tensor>>();
  for (const key in tensors) {
    const slash = key.indexOf('/');
    const id = Number(key.slice(0, slash));
    if (!outputs.has(id)) outputs.set(id, Object.create(null));
    outputs.get(id)![key.slice(slash + 1)] = tensors[key]!;
  }
  return outputs;
}
