// The codecs room: request bytes become checked tensors, output tensors become answer bytes. Start reading here.
//
// Small JSON and texts are read and written on the event loop; more of it by worker threads, so that nothing else waits
// for it.
// Pictures are decoded by sharp, on threads of its own.

import type { Model } from '../model-repository/model.js';
import type { Tensor, Tensors } from '../tensor.js';
import { type Answer, mostTextBytes, writeAnswer } from './answer.js';
import { streamedAnswer } from './answer-stream.js';
import { decodeBinary, encodeBinary, type RawAnswer } from './binary.js';
import type { Gate } from './gate.js';
import { decodePicture, decodingGate } from './image.js';
import { type Coding, type InflateLimits, inflate } from './inflate.js';
import { checkedInputs, type GivenInputs } from './inputs.js';
import { readRequest } from './json-request.js';
import { isPictureType } from './media-types.js';
import { isInPieces, type Pieces } from './pieces.js';
import { Pool } from './pool.js';
import { stripPicture } from './strip.js';
import { readText, textPlan } from './text.js';

export { acceptsMediaType, registeredType } from './media-types.js';

/** A request, as far as its body tells. */
export interface Decoded {
  /** One tensor for each input of the model, given or by default. */
  readonly inputs: Tensors;
  /** Memory of the inputs that is nobody else's. */
  readonly own: readonly Uint8Array[];
  /** The outputs that are asked for, all of the model's where the body names none. */
  readonly outputs: readonly string[];
  /** The caller's patience. */
  readonly timeoutMs?: number;
  /** Urgency, 0…7. */
  readonly priority?: unknown;
}

/** A request's body as it came, its content coding undone. */
export interface Encoded {
  readonly mediaType: string;
  /** Not to be used any more afterwards: its memory may have gone to a worker thread. In pieces only where `takesPieces`. */
  readonly body: Uint8Array | Pieces;
  readonly headers: { readonly tensorShape?: string };
  readonly model: Model;
  /** Rejects when nobody wants it any more: what waits for a thread then is let go. @default somebody always does */
  readonly unwanted?: Promise<never> | undefined;
}

export interface Codecs {
  /** Rejects with a ServiceError that names what was expected and what came. */
  decode(request: Encoded): Promise<Decoded>;
  /** Undoes a content coding. Rejects with `body_too_large` or `bad_request`, and with what `onBytes` throws. */
  inflate(raw: Uint8Array, coding: string, limits: InflateLimits): Promise<Uint8Array>;
  /** Rejects with `answer_too_large`. */
  encodeJson(answer: AnswerToWrite): Promise<AnswerText>;
  /** @throws ServiceError `not_acceptable` for strings. */
  encodeBinary(tensor: Tensor): RawAnswer;
  /** Ends the worker threads. What they were doing rejects. */
  close(): Promise<void>;
}

export interface AnswerToWrite {
  readonly model: Model;
  readonly outputs: Tensors;
  /** Whether its caller is still there. @default it always is */
  readonly isWanted?: () => boolean;
}

/** Whole, or, where it is large, in pieces that are written as they are asked for. */
export type AnswerText = Uint8Array | AsyncIterable<Uint8Array>;

export interface CodecsOptions {
  readonly maxBodyBytes: number;
  /** What an answer may take as JSON. */
  readonly maxAnswerBytes: number;
  /** How much of JavaScript's heap a worker thread may use. @default room for the largest body of strings */
  readonly workerHeapMiB?: number;
}

/** Text from this size on goes to a worker thread: to read so much takes about 0.2 ms, to write so much 0.5 ms. */
export const OFFLOAD_BYTES = 64 * 1024;

/** An answer that may take so much as text is sent as it is written. */
const STREAM_BYTES = 2 ** 20;

/**
 * Numbers take at most four times as much memory as JSON ("0," and a float64), and strings are held to the same, for the
 * runner that makes them. A thread makes none but names of inputs and outputs; its heap has room for one that is all of a
 * body. A heap that is really full can end the process, not only the thread.
 */
const MEMORY_PER_BODY = 4;
const MIN_HEAP_MIB = 256;

export function createCodecs({ maxBodyBytes, maxAnswerBytes, workerHeapMiB }: CodecsOptions): Codecs {
  const maxStringBytes = MEMORY_PER_BODY * maxBodyBytes;
  const heapMiB = Math.max(MIN_HEAP_MIB, Math.ceil((2 * maxStringBytes) / 2 ** 20));
  const gate = decodingGate(maxBodyBytes);
  const pool = new Pool({ heapMiB: workerHeapMiB ?? heapMiB });
  return {
    decode: async (request) =>
      request.mediaType === 'application/json'
        ? await decodeJson(request, pool, maxStringBytes)
        : decodedAlone(request, await decodeOther(request, { pool, gate, maxBodyBytes })),
    inflate: (raw, coding, limits) => inflate(raw, coding as Coding, limits),
    encodeJson: ({ model, outputs, isWanted = () => true }) =>
      encodeJson(answerOf(model, outputs, maxAnswerBytes), isWanted, pool),
    encodeBinary,
    close: () => pool.close(),
  };
}

/** Whether a body of this type, where it is large, may come in pieces. */
export const takesPieces = (mediaType: string): boolean =>
  mediaType === 'application/json' || mediaType === 'text/plain';

const isSmall = (body: Uint8Array | Pieces): body is Uint8Array =>
  !isInPieces(body) && body.byteLength < OFFLOAD_BYTES;

async function decodeJson(
  { body, model, unwanted }: Encoded,
  pool: Pool,
  maxStringBytes: number,
): Promise<Decoded> {
  const { inputs: specs, outputs } = model.signature;
  const plan = { inputs: specs, outputs: outputs.map(({ name }) => name), maxStringBytes };
  const read = isSmall(body) ? readRequest(body, plan) : await pool.readRequest(body, plan, unwanted);
  const { inputs, ...rest } = read;
  return { ...rest, own: memoryOf(inputs), inputs: checkedInputs(model, inputs) };
}

/** The body is one input; there is nothing in it to say more. */
function decodedAlone({ model, mediaType }: Encoded, inputs: GivenInputs): Decoded {
  return {
    inputs: checkedInputs(model, inputs),
    // A picture's pixels may lie in sharp's memory, which it alone can free.
    own: isPictureType(mediaType) ? [] : memoryOf(inputs),
    outputs: model.signature.outputs.map(({ name }) => name),
  };
}

const memoryOf = (inputs: GivenInputs): Uint8Array[] => inputs.map(([, { bytes }]) => bytes);

interface Rooms {
  readonly pool: Pool;
  readonly gate: Gate;
  readonly maxBodyBytes: number;
}

async function decodeOther(request: Encoded, { pool, gate, maxBodyBytes }: Rooms): Promise<GivenInputs> {
  const { mediaType, body, headers, model } = request;
  if (mediaType === 'text/plain') return [await decodeText(request, pool)];
  if (isInPieces(body)) throw new Error(`a body of ${mediaType} in pieces: this is a bug`);
  if (isPictureType(mediaType))
    return [
      await decodePicture({
        mediaType,
        body,
        model,
        maxBytes: maxBodyBytes,
        gate,
        unwanted: request.unwanted,
        strip: (file) =>
          isSmall(file.body) ? stripPicture(file) : pool.stripPicture(file, request.unwanted),
      }),
    ];
  return [decodeBinary({ body, tensorShape: headers.tensorShape, model, maxBytes: maxBodyBytes })];
}

async function decodeText({ body, model, unwanted }: Encoded, pool: Pool): Promise<GivenInputs[number]> {
  const plan = textPlan(model);
  return isSmall(body) ? readText(body, plan) : await pool.readText(body, plan, unwanted);
}

function answerOf(model: Model, outputs: Tensors, maxBytes: number): Answer {
  const { name, version, settings } = model;
  const mapKeys = mapKeysOf(model);
  return {
    model: name,
    version,
    outputs: mapKeys === NO_KEYS ? Object.entries(outputs) : withRows(outputs, mapKeys),
    mapKeys,
    labels: settings.labels,
    maxBytes,
  };
}

const NO_KEYS: Answer['mapKeys'] = Object.freeze({});
const mapKeysByModel = new WeakMap<Model, Answer['mapKeys']>();

/** What was a sequence of maps has a dimension before that of the keys, one map too. */
function withRows(outputs: Tensors, mapKeys: Answer['mapKeys']): Answer['outputs'] {
  return Object.entries(outputs).map(([name, tensor]) => {
    const hasRows = !Object.hasOwn(mapKeys, name) || tensor.dims.length > 1;
    return [name, hasRows ? tensor : { ...tensor, dims: [1, tensor.dims[0] ?? 1] }];
  });
}

/** Made once a model, and mostly there are none. */
function mapKeysOf(model: Model): Answer['mapKeys'] {
  const known = mapKeysByModel.get(model);
  if (known !== undefined) return known;
  const maps = model.signature.outputs.filter(({ mapKeys }) => mapKeys !== undefined);
  const keys =
    maps.length === 0 ? NO_KEYS : Object.fromEntries(maps.map(({ name, mapKeys }) => [name, mapKeys!]));
  mapKeysByModel.set(model, keys);
  return keys;
}

async function encodeJson(answer: Answer, isWanted: () => boolean, pool: Pool): Promise<AnswerText> {
  const mostBytes = mostTextBytes(answer);
  if (mostBytes < OFFLOAD_BYTES) return writeAnswer(answer);
  if (mostBytes < STREAM_BYTES) return await pool.writeAnswer(answer);
  return await streamedAnswer(answer, (part) => pool.writePart(part), isWanted);
}
