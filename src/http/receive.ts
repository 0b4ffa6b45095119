// A prediction's body: read as it comes, its content coding undone, decoded. All of it is counted while it grows.

import type { Request } from 'express';
import type { Admission } from '../admission/admission.js';
import type { Clock } from '../clock.js';
import { type Codecs, type Decoded, takesPieces } from '../codecs/codecs.js';
import type { Pieces } from '../codecs/pieces.js';
import type { Prediction, Settlement } from '../prediction.js';
import type { Block, InputMemory } from '../runner/input-memory.js';
import { ClientLeft, promisedBytes, readBody, readInPieces } from './body.js';
import type { Exchange, PredictHeaders } from './exchange.js';

export interface ReceiveOptions {
  readonly admission: Admission;
  readonly clock: Clock;
  readonly codecs: Codecs;
  /** Left out where the runner shares no memory. */
  readonly inputMemory: InputMemory | undefined;
  readonly limits: { readonly maxBodyBytes: number };
}

/** Reads and decodes the body. A caller who has left meanwhile, or whose time is up, ends it early. */
export async function receive(
  exchange: Exchange,
  headers: PredictHeaders,
  options: ReceiveOptions,
): Promise<Decoded> {
  const { request, response } = exchange;
  const { admission, clock, limits } = options;
  const prediction = exchange.prediction!;
  const unwanted = failureOf(prediction.settlement);
  const place = placeFor(exchange, headers, options);
  const read = isForThread(request, headers) ? readInPieces : readBody;
  const raw = await read(request, response, {
    maxBytes: limits.maxBodyBytes,
    onBytes: (bytes) => admission.receiving.received(prediction, bytes),
    unwanted,
    place: place?.take,
  }).finally(() => place?.release());
  admission.whole(prediction);
  const receivedMs = clock.nowMs();
  prediction.times.receive = receivedMs - exchange.arrivedMs;
  const decoded = await Promise.race([decode(raw, exchange, headers, { ...options, unwanted }), unwanted]);
  prediction.times.decode = clock.nowMs() - receivedMs;
  return decoded;
}

/** From this size on a body that a worker thread reads goes there as it comes. */
const IN_PIECES_BYTES = 2 ** 20;

function isForThread(request: Request, { coding, mediaType }: PredictHeaders): boolean {
  return coding === undefined && takesPieces(mediaType) && (promisedBytes(request) ?? 0) >= IN_PIECES_BYTES;
}

interface Place {
  readonly take: () => Uint8Array | undefined;
  /** The body is whole, or will not be. */
  readonly release: () => void;
}

/** A raw tensor goes straight to where the runner finds it. It stays there until nobody waits for it any more. */
function placeFor(
  { request, prediction }: Exchange,
  { coding, mediaType }: PredictHeaders,
  { inputMemory }: ReceiveOptions,
): Place | undefined {
  if (coding !== undefined || mediaType !== 'application/octet-stream') return undefined;
  let block: Block | undefined;
  const take = (): Uint8Array | undefined => {
    block = inputMemory?.take(promisedBytes(request) ?? 0);
    block?.hold();
    void prediction!.settlement.then(() => block?.release());
    return block?.bytes;
  };
  return { take, release: () => block?.release() };
}

/** Rejects with the error that a prediction is settled with, or when its caller has left; else never settles. */
function failureOf(settlement: Promise<Settlement>): Promise<never> {
  const failure = new Promise<never>((_, reject) => {
    void settlement.then((settled) => {
      if (settled.kind === 'failed') reject(settled.error);
      else if (settled.kind === 'left') reject(new ClientLeft());
    });
  });
  // By then nobody may listen any more: the caller gets the settlement itself.
  failure.catch(() => {});
  return failure;
}

async function decode(
  raw: Uint8Array | Pieces,
  { request, prediction }: Exchange,
  { coding, mediaType, model, outputs }: PredictHeaders,
  options: ReceiveOptions & { readonly unwanted: Promise<never> },
): Promise<Decoded> {
  const { codecs, unwanted } = options;
  const body = coding === undefined ? raw : await inflated(raw as Uint8Array, coding, prediction!, options);
  const tensorShape = request.get('tensor-shape');
  const decoded = await codecs.decode({
    mediaType,
    body,
    headers: { ...(tensorShape !== undefined && { tensorShape }) },
    model,
    unwanted,
  });
  return outputs === undefined ? decoded : { ...decoded, outputs };
}

async function inflated(
  raw: Uint8Array,
  coding: string,
  prediction: Prediction,
  { codecs, admission, limits }: ReceiveOptions,
): Promise<Uint8Array> {
  const onBytes = (bytes: number): void => {
    if (prediction.isSettled) throw new ClientLeft();
    admission.receiving.grow(prediction, bytes);
  };
  const body = await codecs.inflate(raw, coding, { maxBytes: limits.maxBodyBytes, onBytes });
  prediction.resize(body.byteLength);
  return body;
}
