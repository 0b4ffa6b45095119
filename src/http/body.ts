// A request's body: into one buffer of a size that admission has reserved, or a refusal that leaves it unread.

import type { Request, Response } from 'express';
import { type Pieces, PieceWriter } from '../codecs/pieces.js';
import { ServiceError } from '../errors.js';
import { giveBack } from '../memory.js';

/** Marks requests that came with `Expect: 100-continue` and still wait for our word. */
const awaitingContinue = new WeakSet<Request>();

export function expectsContinue(request: Request): void {
  awaitingContinue.add(request);
}

/** The client closed the connection before the end of its body; there is nobody to answer. */
export class ClientLeft extends Error {
  override readonly name = 'ClientLeft';
}

export interface BodyLimits {
  readonly maxBytes: number;
  readonly timeoutMs: number;
  /** Rejects when nobody wants the body any more; what has come of it is then let go at once. */
  readonly unwanted: Promise<never>;
  /** Where a body of the promised size goes; left out, into memory of its own. */
  readonly into?: Uint8Array | undefined;
}

/** Size that the headers promise; undefined for a chunked body. No body has size 0. */
export function promisedBytes(request: Request): number | undefined {
  if (request.headers['transfer-encoding'] !== undefined) return undefined;
  return Number(request.headers['content-length'] ?? 0);
}

/**
 * The whole body. Rejects with ServiceError `upload_timeout` or `body_too_large`, with ClientLeft when there is nobody
 * any more to answer, and with what `unwanted` rejects with.
 */
export async function readBody(
  request: Request,
  response: Response,
  limits: BodyLimits,
): Promise<Uint8Array> {
  const collector = new Collector(promisedBytes(request), limits);
  return await collect(request, response, { ...limits, collector });
}

/** The same for a body that goes to a worker thread as it comes; only for one whose size is promised. */
export async function readInPieces(
  request: Request,
  response: Response,
  limits: BodyLimits,
): Promise<Pieces> {
  const collector = new PieceCollector(promisedBytes(request)!);
  return await collect(request, response, { ...limits, collector });
}

interface Collecting<Whole> {
  /** Bytes so far. */
  readonly length: number;
  /** Whether the chunk still fits. Its memory is the collector's. */
  add(chunk: Buffer): boolean;
  /** What has come, once. */
  take(): Whole;
  /** What has come is let go. */
  drop(): void;
}

async function collect<Whole>(
  request: Request,
  response: Response,
  { collector, ...limits }: BodyLimits & { readonly collector: Collecting<Whole> },
): Promise<Whole> {
  if (awaitingContinue.delete(request)) response.writeContinue();
  return await new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => finish(timeoutError(limits.timeoutMs, collector.length)),
      limits.timeoutMs,
    );
    const turns = new Turns(request);
    const onData = (chunk: Buffer): void => {
      const { length } = chunk;
      if (collector.add(chunk)) turns.read(length);
      else finish(tooLarge(limits.maxBytes));
    };
    const onEnd = (): void => finish(undefined);
    const onClose = (): void => finish(new ClientLeft());
    let isOver = false;
    const finish = (error: Error | undefined): void => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      turns.end();
      request.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose);
      if (error === undefined) {
        resolve(collector.take());
        return;
      }
      request.pause();
      collector.drop();
      reject(error);
    };
    request.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onClose);
    limits.unwanted.catch(finish);
  });
}

/** So much of one body is read at a time; Node would go on for 2 MB, and everyone else wait. */
const TURN_BYTES = 512 * 1024;

/** Several large bodies that come at once take turns with each other, and with everything else on the event loop. */
class Turns {
  readonly #request: Request;
  #bytes = 0;
  #pause: NodeJS.Immediate | undefined;

  constructor(request: Request) {
    this.#request = request;
  }

  read(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < TURN_BYTES) return;
    this.#bytes = 0;
    this.#request.pause();
    this.#pause = setImmediate(() => this.#request.resume());
  }

  /** Nobody reads any more; what is paused stays so. */
  end(): void {
    clearImmediate(this.#pause);
  }
}

class PieceCollector implements Collecting<Pieces> {
  readonly #writer = new PieceWriter();
  readonly #promised: number;

  constructor(promised: number) {
    this.#promised = promised;
  }

  get length(): number {
    return this.#writer.byteLength;
  }

  add(chunk: Buffer): boolean {
    if (this.length + chunk.length > this.#promised) return false;
    this.#writer.add(chunk);
    return true;
  }

  take(): Pieces {
    return this.#writer.end();
  }

  drop(): void {
    this.#writer.drop();
  }
}

/** Fills a buffer of the promised size, or gathers chunks where none was promised. */
class Collector implements Collecting<Uint8Array> {
  #buffer: Uint8Array | undefined;
  readonly #chunks: Buffer[] = [];
  readonly #maxBytes: number;
  length = 0;

  constructor(promised: number | undefined, { maxBytes, into }: BodyLimits) {
    // A buffer of its own, not of Node's pool: its memory may be handed to a worker thread.
    this.#buffer = into ?? (promised === undefined ? undefined : Buffer.allocUnsafeSlow(promised));
    this.#maxBytes = promised ?? maxBytes;
  }

  add(chunk: Buffer): boolean {
    if (this.length + chunk.length > this.#maxBytes) return false;
    const offset = this.length;
    this.length += chunk.length;
    if (this.#buffer === undefined) this.#chunks.push(chunk);
    else {
      this.#buffer.set(chunk, offset);
      giveBack(chunk);
    }
    return true;
  }

  take(): Uint8Array {
    const whole = this.#buffer ?? this.#joined();
    this.drop();
    return whole;
  }

  drop(): void {
    this.#buffer = undefined;
    this.#chunks.length = 0;
  }

  #joined(): Buffer {
    const joined = Buffer.allocUnsafeSlow(this.length);
    let offset = 0;
    for (const chunk of this.#chunks) {
      offset += chunk.copy(joined, offset);
      giveBack(chunk);
    }
    return joined;
  }
}

function timeoutError(timeoutMs: number, received: number): ServiceError {
  return new ServiceError(
    'upload_timeout',
    `the body did not arrive within ${timeoutMs / 1000} s; ${received} bytes came`,
  );
}

function tooLarge(maxBytes: number): ServiceError {
  return new ServiceError('body_too_large', `the body has more than the ${maxBytes} bytes that are taken`);
}

/** What is left of a body this small is read and thrown away, so that the connection can be used again. */
const DISCARD_BYTES = 64 * 1024;

/** Whether the answer must close the connection, because the body's rest is not worth reading. */
export function mustClose(request: Request): boolean {
  if (awaitingContinue.has(request)) return true;
  if (request.complete) return false;
  return (promisedBytes(request) ?? Number.POSITIVE_INFINITY) > DISCARD_BYTES;
}

/** How long the rest of a refused body is read and thrown away before the connection is closed. */
const LINGER_MS = 2000;

/**
 * Sends a refusal whole, then goes on reading for a while before it closes: with a body still on its way, closing at
 * once resets the connection, and many clients then report a broken pipe instead of the refusal.
 */
export function endLingering(request: Request, response: Response, body: Buffer): void {
  response.write(body);
  const end = (): void => {
    clearTimeout(timer);
    response.end();
  };
  const timer = setTimeout(end, LINGER_MS);
  const turns = new Turns(request);
  request.on('data', (chunk: Buffer) => {
    turns.read(chunk.length);
    giveBack(chunk);
  });
  request.once('end', end).once('close', end).once('error', end).resume();
}
