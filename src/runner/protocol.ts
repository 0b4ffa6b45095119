// The language between the server and its runner process: framed messages over one inherited socket pair.
//
// A frame is: u32 total length, u32 header length (both little-endian, the total counts itself), a JSON header,
// then the tensors' bytes, each aligned to 8 so that a typed array can be laid over them without a copy. Of tensors that
// lie in memory which both sides hold, the frame only says where.

import type { FoundModel, LoadFailure, LoadReport, ProviderChoice } from '../model-repository/model.js';
import type { RestartReason } from '../observer.js';
import { ELEMENT_BYTES, type ElementType, type NumericType, type Tensor, type Tensors } from '../tensor.js';
import type { Fault } from './run-failure.js';

/** Number by which both sides name a prediction; unique for the life of the server. */
export type PredictionId = number;

export interface RunnerSettings {
  /** Of the server, whether they load or not. */
  readonly modelCount: number;
  readonly provider: ProviderChoice;
  readonly deviceId: number;
  readonly requireGpu: boolean;
  /** ONNX Runtime's intra-op threads; 0 leaves the choice to it, which is one for each core of the machine. */
  readonly intraOpThreads: number;
  /** What the outputs of one prediction may take together. */
  readonly maxAnswerBytes: number;
  /** Size of the memory for inputs that the runner inherits as `MEMORY_FD`; 0: there is none. */
  readonly sharedMemoryBytes: number;
}

/** What the runner inherits after stdin, stdout and stderr: its end of the socket pair, and the inputs' memory. */
export const SOCKET_FD = 3;
export const MEMORY_FD = 4;

/**
 * A line of its own in the runner's output, behind what ONNX Runtime wrote of a run that has failed: the output and the socket
 * are read apart, and whatever ends the next run must not be laid to those words.
 */
export const RUN_HAS_FAILED = '\u0000run has failed';

/** Messages to the runner. Data and decision are apart: inputs are staged ahead, the plan says which of them run. */
export type ToRunner =
  /** Load these in turn, beside those that are loaded, as soon as no run is in progress. */
  | {
      readonly kind: 'load';
      readonly settings: RunnerSettings;
      readonly models: readonly FoundModel[];
      /** What earlier runners of this server told of them. */
      readonly known: readonly LoadReport[];
    }
  | {
      readonly kind: 'input';
      readonly id: PredictionId;
      readonly model: string;
      readonly outputs: readonly string[];
    }
  /** The coming runs in order; replaces what was said before. Empty: run nothing. */
  | { readonly kind: 'plan'; readonly runs: Plan }
  /** How many bytes of outputs it may have sent since its start. It begins no run whose outputs might go beyond. */
  | { readonly kind: 'room'; readonly bytes: number }
  /** Forget these staged inputs. Has no effect on a run that has begun. */
  | { readonly kind: 'drop'; readonly ids: readonly PredictionId[] };

/** Runs in their order, each of predictions of one model. Who is not staged any more has run or left, and is passed over. */
export type Plan = readonly (readonly PredictionId[])[];

/** One prediction's part of a run. */
export type RunResult =
  | { readonly id: PredictionId; readonly ok: true; readonly outputs: Tensors }
  | {
      readonly id: PredictionId;
      readonly ok: false;
      readonly code: 'run_failed' | 'answer_too_large';
      readonly message: string;
      readonly fault: Fault;
    };

export interface RunStart {
  readonly ids: readonly PredictionId[];
  readonly model: string;
  readonly atMs: number;
}

export interface RunEnd {
  readonly startedMs: number;
  readonly endedMs: number;
  readonly results: readonly RunResult[];
  /** The run that begins right now in its place, from what was staged. */
  readonly next?: RunStart;
}

export type FromRunner =
  /** The load of this model begins; should the process end now, this model has ended it. */
  | { readonly kind: 'loading'; readonly model: string }
  | { readonly kind: 'model_loaded'; readonly report: LoadReport }
  | {
      readonly kind: 'model_failed';
      readonly model: string;
      readonly failure: LoadFailure;
      /** The device has failed: nothing more can be loaded or run in this process. */
      readonly isBroken: boolean;
    }
  /** Of a whole `load` message: each of its models has been told of. */
  | { readonly kind: 'loaded' }
  /** These inputs are forgotten and were not run; those of which nothing is said here are in a run that ends. */
  | { readonly kind: 'dropped'; readonly ids: readonly PredictionId[] }
  | ({ readonly kind: 'started' } & RunStart)
  /** Some of a run that goes on: each was run alone, and all their outputs are too large for one frame. */
  | { readonly kind: 'answered'; readonly results: readonly RunResult[] }
  /** Of those answered before, the results have no outputs. */
  | ({ readonly kind: 'ended' } & RunEnd);

/** Why a runner is ended before its time. */
export type KillReason = Exclude<RestartReason, 'crashed' | 'load_failed'>;

interface TensorHeader {
  readonly name: string;
  readonly type: ElementType;
  readonly dims: readonly number[];
  readonly bytes: number;
  /** Where it begins in the memory that both sides hold; left out where its bytes are in the frame. */
  readonly at?: number;
}

interface Header {
  readonly message: unknown;
  readonly tensors: readonly TensorHeader[];
}

const PREFIX_BYTES = 8;
const ALIGNMENT = 8;
/** Below this, one copy into one buffer costs less than a vectored write. */
const COALESCE_BYTES = 16 * 1024;

const align = (offset: number): number => Math.ceil(offset / ALIGNMENT) * ALIGNMENT;

/**
 * A message and its tensors as the pieces of one frame, in order; small frames are one piece.
 * Payloads are not copied: they must stay unchanged until the pieces are written.
 *
 * @param shared memory that the reader holds too: what lies in it must stay unchanged as long as the reader uses it
 */
export function encodeFrame(
  message: unknown,
  tensors: readonly (readonly [string, Tensor])[] = [],
  shared?: Uint8Array,
): Uint8Array[] {
  const isShared = ({ bytes }: Tensor): boolean => bytes.buffer === shared?.buffer;
  const payloads = tensors.filter(([, tensor]) => !isShared(tensor)).map(([, { bytes }]) => bytes);
  const header: Header = {
    message,
    tensors: tensors.map(([name, tensor]) => ({
      name,
      type: tensor.type,
      dims: tensor.dims,
      bytes: tensor.bytes.byteLength,
      ...(isShared(tensor) && { at: tensor.bytes.byteOffset }),
    })),
  };
  const text = JSON.stringify(header);
  const headerBytes = Buffer.byteLength(text);
  const bodyOffset = align(PREFIX_BYTES + headerBytes);
  const total = payloads.reduce((sum, payload) => sum + align(payload.byteLength), bodyOffset);

  const head = Buffer.alloc(total <= COALESCE_BYTES ? total : bodyOffset);
  head.writeUInt32LE(total, 0);
  head.writeUInt32LE(headerBytes, 4);
  head.write(text, PREFIX_BYTES);
  return total <= COALESCE_BYTES
    ? [copyInto(head, bodyOffset, payloads)]
    : [head, ...payloads.flatMap(padded)];
}

function copyInto(frame: Buffer, bodyOffset: number, payloads: readonly Uint8Array[]): Uint8Array {
  let offset = bodyOffset;
  for (const payload of payloads) {
    frame.set(payload, offset);
    offset += align(payload.byteLength);
  }
  return frame;
}

function padded(payload: Uint8Array): Uint8Array[] {
  const padding = align(payload.byteLength) - payload.byteLength;
  return padding === 0 ? [payload] : [payload, new Uint8Array(padding)];
}

/** Reads one whole frame back; the tensors are views of it, or of the memory that both sides hold. */
export function decodeFrame<Message>(
  frame: ArrayBuffer,
  shared?: () => Uint8Array,
): { message: Message; tensors: Tensors } {
  const head = Buffer.from(frame, 0);
  const headerBytes = head.readUInt32LE(4);
  const header = JSON.parse(head.toString('utf8', PREFIX_BYTES, PREFIX_BYTES + headerBytes)) as Header;
  let offset = align(PREFIX_BYTES + headerBytes);
  const tensors: Record<string, Tensor> = Object.create(null);
  for (const { name, type, dims, bytes, at } of header.tensors) {
    if (at !== undefined) {
      tensors[name] = { type, dims, bytes: shared!().subarray(at, at + bytes) };
      continue;
    }
    tensors[name] = { type, dims, bytes: new Uint8Array(frame, offset, bytes) };
    offset += align(bytes);
  }
  return { message: header.message as Message, tensors };
}

/** Cuts a byte stream into frames, each in an ArrayBuffer of its own that may be transferred. */
export class FrameReader {
  #prefix = Buffer.alloc(PREFIX_BYTES);
  #prefixFill = 0;
  #frame: Uint8Array<ArrayBuffer> | undefined;
  #fill = 0;

  /** Takes the next bytes of the stream and gives the frames that they complete. */
  push(chunk: Uint8Array): ArrayBuffer[] {
    const frames: ArrayBuffer[] = [];
    let offset = 0;
    while (offset < chunk.length) {
      offset += this.#frame === undefined ? this.#readPrefix(chunk, offset) : this.#readBody(chunk, offset);
      if (this.#frame !== undefined && this.#fill === this.#frame.length) {
        frames.push(this.#frame.buffer);
        this.#frame = undefined;
        this.#prefixFill = 0;
      }
    }
    return frames;
  }

  #readPrefix(chunk: Uint8Array, offset: number): number {
    const part = chunk.subarray(offset, offset + PREFIX_BYTES - this.#prefixFill);
    this.#prefix.set(part, this.#prefixFill);
    this.#prefixFill += part.length;
    if (this.#prefixFill === PREFIX_BYTES) {
      // Not of Node's pool, and not filled with zeros first.
      this.#frame = Buffer.allocUnsafeSlow(this.#prefix.readUInt32LE(0)) as Uint8Array<ArrayBuffer>;
      this.#frame.set(this.#prefix);
      this.#fill = PREFIX_BYTES;
    }
    return part.length;
  }

  #readBody(chunk: Uint8Array, offset: number): number {
    const frame = this.#frame!;
    const part = chunk.subarray(offset, offset + frame.length - this.#fill);
    frame.set(part, this.#fill);
    this.#fill += part.length;
    return part.length;
  }
}

/** Size in bytes that a tensor of these dims must have. */
export function expectedBytes(type: NumericType, dims: readonly number[]): number {
  return dims.reduce((product, size) => product * size, ELEMENT_BYTES[type]);
}
