// Worker threads for JSON and texts that would keep the event loop too long. They start with the first such body or answer.

import { availableParallelism } from 'node:os';
import type { MessagePort } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { ServiceError } from '../errors.js';
import type { Tensor } from '../tensor.js';
import type { Answer } from './answer.js';
import type { Part, Piece } from './answer-pieces.js';
import { Gate } from './gate.js';
import type { GivenInputs } from './inputs.js';
import type { JsonRequest, RequestPlan } from './json-request.js';
import { isInPieces, type Pieces } from './pieces.js';
import type { PictureFile } from './strip.js';
import type { TextPlan } from './text.js';
import type { Job, Outcome, ReadJob } from './worker.js';

/** The event loop and the runner want cores too. */
const THREADS = availableParallelism() > 2 ? 2 : 1;

type Unwanted = Promise<never> | undefined;

type TransferList = readonly (ArrayBuffer | MessagePort)[];

export interface PoolOptions {
  /** How much of JavaScript's heap each thread may use; tensors lie outside of it. */
  readonly heapMiB: number;
}

export class Pool {
  readonly #heapMiB: number;
  #piscina: Piscina<Job, Outcome<unknown>> | undefined;
  #isClosed = false;
  /** Piscina lets none go that waits: a signal that aborts ends the thread where it has begun. */
  readonly #gate = new Gate({ atOnce: THREADS });

  constructor({ heapMiB }: PoolOptions) {
    this.#heapMiB = heapMiB;
  }

  /** Takes the body's memory. Rejects as readRequest() throws, and with `body_too_large` when memory runs out. */
  async readRequest(body: Uint8Array | Pieces, plan: RequestPlan, unwanted?: Unwanted): Promise<JsonRequest> {
    return (await this.#read({ kind: 'request', body: owned(body), plan }, unwanted)) as JsonRequest;
  }

  /** Takes the body's memory. Rejects as readText() throws, and with `body_too_large` when memory runs out. */
  async readText(
    body: Uint8Array | Pieces,
    plan: TextPlan,
    unwanted?: Unwanted,
  ): Promise<GivenInputs[number]> {
    return (await this.#read({ kind: 'text', body: owned(body), plan }, unwanted)) as GivenInputs[number];
  }

  /** Takes the body's memory. Rejects as stripPicture() throws. */
  async stripPicture({ body, ...file }: PictureFile, unwanted?: Unwanted): Promise<Uint8Array> {
    const whole = owned(body) as Uint8Array;
    const job: Job = { kind: 'picture', body: whole, file };
    return (await this.#run(job, [whole.buffer as ArrayBuffer], unwanted)) as Uint8Array;
  }

  async writeAnswer(answer: Answer): Promise<Uint8Array> {
    const outputs = answer.outputs.map(([name, tensor]) => [name, copied(tensor)] as const);
    const buffers = outputs.map(([, { bytes }]) => bytes.buffer as ArrayBuffer);
    return (await this.#run({ kind: 'answer', answer: { ...answer, outputs } }, buffers)) as Uint8Array;
  }

  /** Takes the part's memory. */
  async writePart(part: Part): Promise<Piece> {
    const memory = memoryOf(part);
    return (await this.#run({ kind: 'part', part }, memory)) as Piece;
  }

  /** Ends the threads at once. Whoever still waits for one is told that the server shuts down. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#piscina?.destroy();
  }

  async #read(job: ReadJob, unwanted: Unwanted): Promise<unknown> {
    const { body } = job;
    const memory = isInPieces(body) ? body.port : (body.buffer as ArrayBuffer);
    try {
      return await this.#run(job, [memory], unwanted);
    } catch (error) {
      // Where no thread has taken it, its pieces would wait for ever.
      if (isInPieces(body)) body.port.close();
      throw isOutOfMemory(error) ? this.#bodyTooLarge(error) : error;
    }
  }

  async #run(job: Job, transferList: TransferList, unwanted?: Unwanted): Promise<unknown> {
    return await this.#gate.pass({ bytes: 0, task: () => this.#runNow(job, transferList), unwanted });
  }

  async #runNow(job: Job, transferList: TransferList): Promise<unknown> {
    if (this.#isClosed) throw shutDown();
    const piscina = this.#started();
    try {
      const outcome = await piscina.run(job, { transferList });
      if (outcome.ok) return outcome.value;
      throw new ServiceError(outcome.code, outcome.message);
    } catch (error) {
      if (this.#isClosed) throw shutDown();
      this.#replaceIfDead(piscina);
      throw codeOf(error) === 'ERR_WORKER_INIT_FAILED' || this.#isLost(piscina, error)
        ? noThread(error)
        : error;
    }
  }

  #started(): Piscina<Job, Outcome<unknown>> {
    this.#piscina ??= this.#start();
    return this.#piscina;
  }

  /**
   * The minimum of threads is the maximum: when one dies, piscina starts another for the jobs that wait only where it
   * then has fewer than the minimum.
   */
  #start(): Piscina<Job, Outcome<unknown>> {
    const piscina = new Piscina<Job, Outcome<unknown>>({
      filename: new URL('./worker.js', import.meta.url).href,
      minThreads: THREADS,
      maxThreads: THREADS,
      resourceLimits: { maxOldGenerationSizeMb: this.#heapMiB },
    });
    // A thread that dies while idle, or that the system did not start. Without a listener it would end the process.
    piscina.on('error', () => this.#replaceIfDead(piscina));
    return piscina;
  }

  /** Whether a job waited for threads that never came. */
  #isLost(piscina: Piscina, error: unknown): boolean {
    return this.#piscina !== piscina && !(error instanceof ServiceError) && !isOutOfMemory(error);
  }

  /** After a thread that could not be started piscina starts none any more, and jobs would wait for ever. */
  #replaceIfDead(piscina: Piscina): void {
    if (this.#isClosed || this.#piscina !== piscina || piscina.threads.length > 0) return;
    this.#piscina = undefined;
    // Whoever waits for it is told.
    void piscina.destroy();
  }

  #bodyTooLarge(cause: unknown): ServiceError {
    const message = `the body holds more than fits into the ${this.#heapMiB} MiB that there are to read it`;
    return new ServiceError('body_too_large', message, { cause });
  }
}

function memoryOf(part: Part): ArrayBuffer[] {
  switch (part.kind) {
    case 'elements':
      return [part.tensor.bytes.buffer as ArrayBuffer];
    case 'strings':
      return [part.bytes.buffer as ArrayBuffer];
    case 'empty':
      return [];
  }
}

/** A body that is part of other memory is copied: that must stay. */
function owned(body: Uint8Array | Pieces): Uint8Array | Pieces {
  if (isInPieces(body)) return body;
  return body.buffer.byteLength === body.byteLength ? body : new Uint8Array(body);
}

/** An output may be a view of memory that it shares with others, which a transfer would take from them. */
function copied(tensor: Tensor): Tensor {
  return { ...tensor, bytes: new Uint8Array(tensor.bytes) };
}

function isOutOfMemory(error: unknown): boolean {
  return codeOf(error) === 'ERR_WORKER_OUT_OF_MEMORY';
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

function noThread(cause: unknown): ServiceError {
  const message =
    'the system gave no thread to read or write this: it has no file descriptors or no memory left';
  return new ServiceError('no_resources', message, { cause });
}

function shutDown(): ServiceError {
  return new ServiceError('draining', 'this replica is shutting down');
}
