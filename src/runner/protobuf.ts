// Protocol buffers, as far as a model's file is read and written: parts that nobody looks into pass as they are.

/** One field of a message. */
export interface Part {
  readonly field: number;
  /** Content of a field that has any: a message, a text, packed numbers. */
  readonly content: Uint8Array;
  /** Of a field that is one number. */
  readonly number: bigint;
  /** The whole field, as it lies in the message. */
  readonly whole: Uint8Array;
}

const NOTHING = new Uint8Array();

/** @throws RangeError where the bytes are no message. */
export function* partsOf(message: Uint8Array): Generator<Part> {
  const reader = new Reader(message);
  while (reader.at < message.length) {
    const start = reader.at;
    const tag = Number(reader.varint());
    const number = tag % 8 === 0 ? reader.varint() : 0n;
    const content = tag % 8 === 0 ? NOTHING : reader.take(lengthOf(reader, tag % 8));
    yield { field: Math.floor(tag / 8), content, number, whole: message.subarray(start, reader.at) };
  }
}

export const textOf = (content: Uint8Array): string => Buffer.from(content).toString('utf8');

/** Numbers of a repeated field, packed or one by one; of 64 bits with a sign. */
export function integersOf(parts: readonly Part[]): bigint[] {
  return parts.flatMap(({ content, number }) => {
    if (content.length === 0) return [BigInt.asIntN(64, number)];
    const reader = new Reader(content);
    const numbers: bigint[] = [];
    while (reader.at < content.length) numbers.push(BigInt.asIntN(64, reader.varint()));
    return numbers;
  });
}

export const messageField = (field: number, content: Uint8Array): Uint8Array =>
  Buffer.concat([varint(field * 8 + 2), varint(content.length), content]);

export const textField = (field: number, text: string): Uint8Array => messageField(field, Buffer.from(text));

export const numberField = (field: number, value: number): Uint8Array =>
  Buffer.concat([varint(field * 8), varint(value)]);

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Uint8Array.of(...bytes, rest);
}

function lengthOf(reader: Reader, wireType: number): number {
  if (wireType === 1) return 8;
  if (wireType === 5) return 4;
  if (wireType === 2) return Number(reader.varint());
  throw new RangeError(`no protocol buffer: wire type ${wireType}`);
}

class Reader {
  readonly #bytes: Uint8Array;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.at++];
      if (byte === undefined) break;
      value += BigInt(byte % 128) << shift;
      if (byte < 128) return BigInt.asUintN(64, value);
    }
    throw new RangeError('no protocol buffer: a number without an end');
  }

  take(length: number): Uint8Array {
    if (this.at + length > this.#bytes.length) throw new RangeError('no protocol buffer: it ends too early');
    const taken = this.#bytes.subarray(this.at, this.at + length);
    this.at += length;
    return taken;
  }
}
