// What a model's file says and onnxruntime-node does not: whether an input or output without dimensions is a scalar, or of
// a rank that nobody knows.
//
// An ONNX file is a protocol buffer. Only its descriptions of inputs and outputs are read; all else, such as gigabytes of
// weights, is passed over. The field numbers are those of onnx.proto3.

import { closeSync, openSync, readSync } from 'node:fs';

/** ModelProto.graph. */
const GRAPH = 7;
/** GraphProto.input and output, each a ValueInfoProto. */
const INPUT = 11;
const OUTPUT = 12;
/** ValueInfoProto.name and type, TypeProto.tensor_type, and TypeProto.Tensor.shape. */
const NAME = 1;
const TYPE = 2;
const TENSOR_TYPE = 1;
const SHAPE = 2;

/** A description of more than this is none. */
const MOST_BYTES = 2 ** 20;
const CHUNK_BYTES = 64 * 1024;

/** Names of inputs and outputs whose type has no shape at all; none where the file is no ONNX. */
export function unrankedNames(path: string): ReadonlySet<string> {
  const names = new Set<string>();
  const file = openSync(path, 'r');
  try {
    const source = new FileSource(file);
    for (const graph of fieldsOf(source, Number.POSITIVE_INFINITY)) {
      if (graph.field !== GRAPH) continue;
      for (const value of fieldsOf(source, graph.end)) {
        if (value.field !== INPUT && value.field !== OUTPUT) continue;
        const name = unrankedName(source, value);
        if (name !== undefined) names.add(name);
      }
    }
  } catch (error) {
    // ONNX Runtime reads other formats too; in those a tensor without dimensions is taken for a scalar.
    if (!(error instanceof NoProtocolBuffer)) throw error;
  } finally {
    closeSync(file);
  }
  return names;
}

class NoProtocolBuffer extends Error {}

/** A field with content of its own; numbers are passed over. */
interface Field {
  readonly field: number;
  readonly start: number;
  readonly end: number;
}

/** The fields from here to `end`. What is not read of one is passed over. */
function* fieldsOf(source: FileSource, end: number): Generator<Field> {
  while (source.at < end && !source.isAtEnd) {
    const tag = source.varint();
    const length = lengthOf(source, tag % 8);
    const field = { field: Math.floor(tag / 8), start: source.at, end: source.at + length };
    if (tag % 8 === 2) yield field;
    source.at = field.end;
  }
}

/** Bytes of what follows a tag of this wire type. */
function lengthOf(source: FileSource, wireType: number): number {
  switch (wireType) {
    case 0:
      source.varint();
      return 0;
    case 1:
      return 8;
    case 2:
      return source.varint();
    case 5:
      return 4;
    default:
      throw new NoProtocolBuffer();
  }
}

function unrankedName(source: FileSource, value: Field): string | undefined {
  if (value.end - value.start > MOST_BYTES) return undefined;
  let name = '';
  let isUnranked = false;
  for (const part of fieldsOf(source, value.end)) {
    if (part.field === NAME) name = source.text(part.end);
    if (part.field !== TYPE) continue;
    for (const type of fieldsOf(source, part.end)) {
      if (type.field !== TENSOR_TYPE) continue;
      isUnranked = [...fieldsOf(source, type.end)].every(({ field }) => field !== SHAPE);
    }
  }
  return isUnranked ? name : undefined;
}

/** Bytes of a file, of which a chunk is held. */
class FileSource {
  readonly #file: number;
  #chunk = Buffer.alloc(0);
  #chunkAt = 0;
  /** Where the next byte is read. */
  at = 0;

  constructor(file: number) {
    this.#file = file;
  }

  get isAtEnd(): boolean {
    return !this.#holds();
  }

  varint(): number {
    let value = 0;
    for (let factor = 1; factor < 2 ** 63; factor *= 128) {
      const byte = this.#byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
    // The tenth byte of a negative number.
    this.#byte();
    return value;
  }

  text(end: number): string {
    if (end - this.at > MOST_BYTES) throw new NoProtocolBuffer();
    const bytes = Buffer.alloc(end - this.at);
    for (let index = 0; index < bytes.length; index++) bytes[index] = this.#byte();
    return bytes.toString('utf8');
  }

  #byte(): number {
    if (!this.#holds()) throw new NoProtocolBuffer();
    const byte = this.#chunk[this.at - this.#chunkAt]!;
    this.at += 1;
    return byte;
  }

  /** Whether there is a byte here. */
  #holds(): boolean {
    const isHeld = this.at >= this.#chunkAt && this.at < this.#chunkAt + this.#chunk.length;
    if (isHeld) return true;
    if (!Number.isSafeInteger(this.at)) throw new NoProtocolBuffer();
    const chunk = Buffer.alloc(CHUNK_BYTES);
    this.#chunk = chunk.subarray(0, readSync(this.#file, chunk, 0, CHUNK_BYTES, this.at));
    this.#chunkAt = this.at;
    return this.#chunk.length > 0;
  }
}
