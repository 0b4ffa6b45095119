// A request's body: into one buffer that grows as it comes, or a refusal that leaves the rest unread.

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
  /** Told of what comes, as it comes; throws where there is no room for it. */
  readonly onBytes: (bytes: number) => void;
  /** Rejects when nobody wants the body any more; what has come of it is then let go at once. */
  readonly unwanted: Promise<never>;
  /** Asked once where a body of the promised size goes, as soon as a good part of it has come; left out: into memory of its own. */
  readonly place?: (() => Uint8Array | undefined) | undefined;
}

/** Size that the headers promise; undefined for a chunked body. No body has size 0. */
export function promisedBytes(request: Request): number | undefined {
  if (request.headers['transfer-encoding'] !== undefined) return undefined;
  return Number(request.headers['content-length'] ?? 0);
}

/**
 * The whole body. Rejects with ServiceError `body_too_large`, with ClientLeft when there is nobody any more to answer, and
 * with what `onBytes` throws or `unwanted` rejects with.
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
    const turns = new Turns(request);
    const onData = (chunk: Buffer): void => {
      const { length } = chunk;
      try {
        limits.onBytes(length);
        if (collector.add(chunk)) turns.read(length);
        else finish(tooLarge(limits.maxBytes));
      } catch (refusal) {
        finish(refusal as Error);
      }
    };
    const onEnd = (): void => finish(undefined);
    const onClose = (): void => finish(new ClientLeft());
    let isOver = false;
    const finish = (error: Error | undefined): void => {
      if (isOver) return;
      isOver = true;
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

/** A buffer is made so many times as large as what has come: memory is not taken for what is only promised. */
const GROWTH = 4;
const LEAST_BYTES = 1024;

/** From here on it is worth asking for a place: a client that promises and sends nothing gets none. */
const PLACE_AFTER_BYTES = 64 * 1024;

/** Gathers chunks in one buffer. Chunks are not kept as they are: each may be a single byte, and takes hundreds. */
class Collector implements Collecting<Uint8Array> {
  #buffer: Uint8Array = new Uint8Array();
  #place: BodyLimits['place'];
  readonly #maxBytes: number;
  length = 0;

  constructor(promised: number | undefined, { maxBytes, place }: BodyLimits) {
    this.#place = place;
    this.#maxBytes = promised ?? maxBytes;
  }

  add(chunk: Buffer): boolean {
    const length = this.length + chunk.length;
    if (length > this.#maxBytes) return false;
    // Mostly the first one is all.
    if (this.length === 0) this.#buffer = chunk;
    else {
      this.#reserve(length);
      this.#buffer.set(chunk, this.length);
      giveBack(chunk);
    }
    this.length = length;
    return true;
  }

  take(): Uint8Array {
    const { length } = this;
    const whole = this.#buffer.byteLength === length ? this.#buffer : this.#buffer.slice(0, length);
    this.drop();
    return whole;
  }

  drop(): void {
    this.#buffer = new Uint8Array();
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#buffer.byteLength) return;
    const before = this.#buffer;
    this.#buffer = this.#placeFor(bytes) ?? this.#memoryFor(bytes);
    this.#buffer.set(before.subarray(0, this.length));
    giveBack(before);
  }

  #placeFor(bytes: number): Uint8Array | undefined {
    if (bytes <= PLACE_AFTER_BYTES) return undefined;
    const place = this.#place?.();
    this.#place = undefined;
    return place;
  }

  /** Of its own, not of Node's pool: it may be handed to a worker thread. */
  #memoryFor(bytes: number): Uint8Array {
    return Buffer.allocUnsafeSlow(Math.min(this.#maxBytes, Math.max(LEAST_BYTES, GROWTH * bytes)));
  }
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
