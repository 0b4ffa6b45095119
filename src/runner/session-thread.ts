// The runner's session thread: holds the ONNX Runtime sessions, runs one model at a time, and between two runs
// takes the next one from what was staged meanwhile, so that the slot's idle gap is a few microseconds.

import { writeSync } from 'node:fs';
import { receiveMessageOnPort } from 'node:worker_threads';
import * as ort from 'onnxruntime-node';
import { monotonicMs } from '../clock.js';
import { giveBack } from '../memory.js';
import { openSharedMemory } from '../shared-memory.js';
import type { Tensor } from '../tensor.js';
import { port, unwritten } from './io.js';
import { loadModel } from './load-model.js';
import type { LoadedModel } from './loaded-model.js';
import { ortMessage } from './ort-error.js';
import { hideFloat16Array } from './ort-tensors.js';
import { Outlet } from './outlet.js';
import {
  decodeFrame,
  encodeFrame,
  type FromRunner,
  MEMORY_FD,
  type Plan,
  type PredictionId,
  RUN_HAS_FAILED,
  type RunnerSettings,
  type RunResult,
  type RunStart,
  type ToRunner,
} from './protocol.js';
import { type RunInput, runAll, withoutOutputs } from './run.js';
import { type Fault, MemoryFaults } from './run-failure.js';
import { shareThreads } from './shared-threads.js';

interface Staged extends RunInput {
  readonly model: LoadedModel;
  /** Memory of the inputs. */
  readonly frame: Uint8Array;
}

const STDERR_FD = 2;

type LoadRequest = Extract<ToRunner, { kind: 'load' }>;

const outlet = new Outlet(port, unwritten);
const staged = new Map<PredictionId, Staged>();
const models = new Map<string, LoadedModel>();
/** Models whose arena could not grow as a run asked it to, or keeps far more than any answer may take. */
const overdrawn = new Set<LoadedModel>();
const memoryFaults = new MemoryFaults();
/** Loads that wait until no run is in progress. */
const loads: LoadRequest[] = [];
let plan: Plan = [];
let sharesOneThreadPool: boolean | undefined;
let busy = false;
/** After a device error every further run would fail too; the server replaces this process. */
let isBroken = false;
let sharedMemoryBytes = 0;
let maxAnswerBytes = 0;
/** Bytes of outputs since the start, and how many there may be. */
let sentBytes = 0;
let roomBytes = 0;
/** Memory that this process had when it had loaded. */
let loadedBytes = 0;
let sharedMemory: Uint8Array | undefined;

/** Mapped as its first input comes; most models have small ones. */
function shared(): Uint8Array {
  sharedMemory ??= openSharedMemory(MEMORY_FD, sharedMemoryBytes);
  return sharedMemory;
}

function post(message: FromRunner, tensors: readonly (readonly [string, Tensor])[] = []): void {
  outlet.send(encodeFrame(message, tensors));
}

function accept(frames: readonly ArrayBuffer[]): void {
  for (const frame of frames) handle(frame);
}

function handle(frame: ArrayBuffer): void {
  const { message, tensors } = decodeFrame<ToRunner>(frame, shared);
  switch (message.kind) {
    case 'load':
      ({ sharedMemoryBytes, maxAnswerBytes } = message.settings);
      loads.push(message);
      break;
    case 'input': {
      const model = models.get(message.model)!;
      const { id, outputs } = message;
      staged.set(id, { id, model, inputs: tensors, outputs, frame: new Uint8Array(frame) });
      break;
    }
    case 'plan':
      plan = message.runs;
      break;
    case 'room':
      roomBytes = message.bytes;
      onRoom();
      break;
    case 'drop': {
      const ids = message.ids.filter(forget);
      if (ids.length > 0) post({ kind: 'dropped', ids });
      break;
    }
  }
}

/** Whether it was there: one whose run has begun is not, and still uses its input. */
function forget(id: PredictionId): boolean {
  const input = staged.get(id);
  if (input === undefined) return false;
  staged.delete(id);
  giveBack(input.frame);
  return true;
}

/** What has come while a run went on: the port's events wait behind it, the messages themselves do not. */
function acceptWhatWaits(): void {
  for (let item = receiveMessageOnPort(port); item !== undefined; item = receiveMessageOnPort(port)) {
    accept(item.message as ArrayBuffer[]);
  }
}

const hasRoom = (): boolean => sentBytes + maxAnswerBytes <= roomBytes;

/** Called when there is more room, by then enough or not. */
let onRoom: () => void = () => {};

/** Gives these away in the middle of a run, which goes on when there is room for another answer. */
async function answer(results: readonly RunResult[]): Promise<void> {
  post({ kind: 'answered', results: results.map(withoutOutputs) }, outputsOf(results));
  acceptWhatWaits();
  while (!hasRoom()) {
    await new Promise<void>((resolve) => {
      onRoom = resolve;
    });
  }
}

/** The next run of the plan of which anyone is left; empty where there is none, or no room for its answer. */
function takeNext(): Staged[] {
  let taken: Staged[] = [];
  if (!hasRoom()) return taken;
  while (taken.length === 0 && plan.length > 0) {
    const [ids, ...rest] = plan;
    plan = rest;
    taken = ids!.map((id) => staged.get(id)).filter((input) => input !== undefined);
  }
  for (const { id } of taken) staged.delete(id);
  return taken;
}

const startOf = (batch: readonly Staged[]): RunStart => ({
  ids: batch.map(({ id }) => id),
  model: batch[0]!.model.report.name,
  atMs: monotonicMs(),
});

/** What the server is told that a model begins to load must have left before it does: the load may end the process. */
async function load({ settings, models: wanted, known }: LoadRequest): Promise<void> {
  sharesOneThreadPool ??= sharesThreads(settings);
  for (const files of wanted) {
    post({ kind: 'loading', model: files.name });
    await outlet.written();
    const result = await loadModel(ort, files, {
      ...settings,
      known,
      sharesThreads: sharesOneThreadPool,
    });
    if ('failure' in result) {
      post({ kind: 'model_failed', model: files.name, ...result });
      isBroken ||= result.isBroken;
      if (isBroken) return;
    } else {
      models.set(files.name, result);
      post({ kind: 'model_loaded', report: result.report });
    }
  }
  loadedBytes = process.memoryUsage.rss();
  post({ kind: 'loaded' });
}

/** A lone model has a pool of its own, for it takes time to make a shared one. */
function sharesThreads({ modelCount, intraOpThreads }: RunnerSettings): boolean {
  if (modelCount < 2) return false;
  try {
    shareThreads(intraOpThreads);
    return true;
  } catch (error) {
    console.error(`each model has threads of its own: they can't be shared: ${(error as Error).message}`);
    return false;
  }
}

/** Runs what is planned, and between two runs loads what is to be loaded, until nothing of both is left. */
async function work(): Promise<void> {
  if (busy) return;
  busy = true;
  while (!isBroken) {
    for (let request = loads.shift(); request !== undefined; request = loads.shift()) await load(request);
    let batch = takeNext();
    if (batch.length > 0) {
      post({ kind: 'started', ...startOf(batch) });
      while (batch.length > 0) batch = await runOne(batch);
    } else if (overdrawn.size > 0) {
      await dropArenas();
      acceptWhatWaits();
    } else break;
  }
  busy = false;
}

/** Runs one batch, reports it together with the start of the following one, and gives that one back. */
async function runOne(batch: readonly Staged[]): Promise<Staged[]> {
  const startedMs = monotonicMs();
  const { model } = batch[0]!;
  const results = judged(model, await runAll({ ort, maxAnswerBytes, answer }, model, batch));
  const endedMs = monotonicMs();
  if (results.some(({ ok }) => !ok)) markOutput();
  acceptWhatWaits();
  isBroken ||= results.some(hasFault('device'));
  const outputs = outputsOf(results);
  const following = isBroken || loads.length > 0 ? [] : takeNext();
  const next = following.length > 0 && { next: startOf(following) };
  post({ kind: 'ended', startedMs, endedMs, results: results.map(withoutOutputs), ...next }, outputs);
  for (const { frame } of batch) giveBack(frame);
  return following;
}

function markOutput(): void {
  try {
    writeSync(STDERR_FD, `${RUN_HAS_FAILED}\n`);
  } catch {
    // Nobody reads it now: then nobody takes the words for another run's either.
  }
}

/** Its faults as they are to be taken after those of the runs before. */
function judged(model: LoadedModel, results: readonly RunResult[]): RunResult[] {
  const { provider } = model.report;
  const all = results.map((result): RunResult => {
    const fault = memoryFaults.judge(result.ok ? undefined : result.fault, provider);
    return result.ok ? result : { ...result, fault: fault! };
  });
  if (model.openWithoutArena !== undefined && (all.some(hasFault('memory')) || isBloated(all)))
    overdrawn.add(model);
  return all;
}

/** Whether the arena keeps what a run took whose answer was too large for anyone. */
function isBloated(results: readonly RunResult[]): boolean {
  if (!results.some((result) => !result.ok && result.code === 'answer_too_large')) return false;
  return process.memoryUsage.rss() - loadedBytes > 2 * maxAnswerBytes;
}

const hasFault = (fault: Fault) => (result: RunResult) => !result.ok && result.fault === fault;

/**
 * An arena that could not grow tries to take all memory of the machine as it grows next, and gives none back; nor does one
 * that has grown. Its model is opened anew without one, as soon as nobody waits.
 */
async function dropArenas(): Promise<void> {
  for (const model of overdrawn) {
    overdrawn.delete(model);
    const open = model.openWithoutArena!;
    model.openWithoutArena = undefined;
    try {
      const session = await open();
      if (session === undefined) continue;
      await model.session.release();
      model.session = session;
    } catch (error) {
      console.error(`${model.report.name} keeps its arena: ${ortMessage(error)}`);
    }
  }
}

/** Outputs travel beside the header, named `<id>/<output>`. */
function outputsOf(results: readonly RunResult[]): (readonly [string, Tensor])[] {
  const tensors = results.flatMap((result) =>
    result.ok
      ? Object.entries(result.outputs).map(([name, tensor]) => [`${result.id}/${name}`, tensor] as const)
      : [],
  );
  for (const [, { bytes }] of tensors) sentBytes += bytes.byteLength;
  return tensors;
}

hideFloat16Array();
port.on('message', (frames: ArrayBuffer[]) => {
  accept(frames);
  void work();
});
