// Elements of one type on their way from JSON into the bytes of a tensor. How each type looks is in docs/bodies.md.

import { ServiceError } from '../errors.js';
import { ELEMENT_BYTES, type NumericType, type Tensor, type TensorSpec } from '../tensor.js';
import { toFloat16Bits } from './float16.js';
import { BYTE, type JsonReader } from './json-reader.js';
import { JsonWriter } from './json-writer.js';

/** Memory for the elements of one tensor, filled in order. */
export interface Elements {
  /** What read() takes, for messages. */
  readonly expected: string;
  /**
   * Takes the next value. False if it is none of this type; the reader may then stand anywhere behind it.
   * @throws ServiceError `invalid_input` for a string with a NUL.
   */
  read(reader: JsonReader): boolean;
  /** The tensor, in memory of its own. */
  tensor(dims: readonly number[]): Tensor;
}

export interface Room {
  /** Elements that there is memory for at first. */
  readonly capacity: number;
  /** How long the JSON can be at most that they are read from. */
  readonly textBytes: number;
}

export function elementsOf({ name, type }: TensorSpec, { capacity, textBytes }: Room): Elements {
  switch (type) {
    case 'float32':
    case 'float64':
      return new FloatElements(type, capacity);
    case 'float16':
      return new HalfElements(type, capacity);
    case 'bool':
      return new BoolElements(type, capacity);
    case 'int64':
    case 'uint64':
      return new LongElements(type, capacity);
    case 'string':
      return new StringElements(name, textBytes);
    default:
      return new IntegerElements(type, capacity);
  }
}

/** The memory of a numeric type. 64 bits are two words, the low one first; float16 is its bits. */
const ARRAYS = {
  bool: Uint8Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  float16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  float32: Float32Array,
  int64: Uint32Array,
  uint64: Uint32Array,
  float64: Float64Array,
} as const satisfies Record<NumericType, unknown>;

type NumericArray = InstanceType<(typeof ARRAYS)[NumericType]>;

/** Memory beyond the last element that is not worth a copy to be rid of. */
const SPARE_BYTES = 8 * 1024;

function withoutSpare(bytes: Uint8Array): Uint8Array {
  const isWasteful = bytes.buffer.byteLength - bytes.byteLength > SPARE_BYTES;
  return isWasteful ? new Uint8Array(bytes) : bytes;
}

abstract class NumericElements implements Elements {
  abstract readonly expected: string;
  readonly #type: NumericType;
  protected array: NumericArray;
  /** Entries of the array in use. */
  protected used = 0;

  constructor(type: NumericType, capacity: number) {
    this.#type = type;
    const entries = (capacity * ELEMENT_BYTES[type]) / ARRAYS[type].BYTES_PER_ELEMENT;
    this.array = new ARRAYS[type](entries);
  }

  abstract read(reader: JsonReader): boolean;

  tensor(dims: readonly number[]): Tensor {
    const { array, used } = this;
    const bytes = new Uint8Array(array.buffer, 0, used * array.BYTES_PER_ELEMENT);
    return { type: this.#type, dims, bytes: withoutSpare(bytes) };
  }

  protected push(value: number): void {
    if (this.used === this.array.length) this.#grow();
    this.array[this.used++] = value;
  }

  #grow(): void {
    const grown = new ARRAYS[this.#type](Math.max(16, 2 * this.array.length));
    grown.set(this.array);
    this.array = grown;
  }
}

/** As in the JSON mapping of Protocol Buffers: what JSON has no number for comes as a string. */
const SPECIAL_NUMBERS: ReadonlyMap<string, number> = new Map([
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
]);

const EXPECTED_FLOAT = 'a number, "NaN", "Infinity" or "-Infinity"';

function specialNumber(reader: JsonReader): number | undefined {
  return reader.peek() === BYTE.quote ? SPECIAL_NUMBERS.get(reader.string()) : undefined;
}

class FloatElements extends NumericElements {
  readonly expected = EXPECTED_FLOAT;
  readonly #is32: boolean;

  constructor(type: 'float32' | 'float64', capacity: number) {
    super(type, capacity);
    this.#is32 = type === 'float32';
  }

  read(reader: JsonReader): boolean {
    const value = reader.isAtNumber() ? this.#number(reader) : specialNumber(reader);
    if (value === undefined) return false;
    this.push(value);
    return true;
  }

  #number(reader: JsonReader): number {
    return this.#is32 ? reader.float32() : reader.number();
  }
}

class HalfElements extends NumericElements {
  readonly expected = EXPECTED_FLOAT;

  read(reader: JsonReader): boolean {
    const value = reader.isAtNumber() ? reader.number() : specialNumber(reader);
    if (value === undefined) return false;
    this.push(toFloat16Bits(value));
    return true;
  }
}

type SmallInteger = 'int8' | 'uint8' | 'int16' | 'uint16' | 'int32' | 'uint32';

/** Smallest and largest value, for 64 bits only about. */
export function integerRange(type: NumericType): { readonly min: number; readonly max: number } {
  const values = 2 ** (8 * ELEMENT_BYTES[type]);
  const min = type.startsWith('u') ? 0 : -values / 2;
  return { min, max: min + values - 1 };
}

class IntegerElements extends NumericElements {
  readonly expected: string;
  readonly #min: number;
  readonly #max: number;

  constructor(type: SmallInteger, capacity: number) {
    super(type, capacity);
    const { min, max } = integerRange(type);
    this.#min = min;
    this.#max = max;
    this.expected = `an integer from ${this.#min} to ${this.#max}`;
  }

  read(reader: JsonReader): boolean {
    if (!reader.isAtNumber()) return false;
    const value = reader.number();
    if (!(value >= this.#min && value <= this.#max) || value % 1 !== 0) return false;
    this.push(value);
    return true;
  }
}

class BoolElements extends NumericElements {
  readonly expected = 'true, false, 0 or 1';

  read(reader: JsonReader): boolean {
    const value = reader.isAtNumber() ? reader.number() : reader.word();
    if (
      value === undefined ||
      value === null ||
      (value !== true && value !== false && value !== 0 && value !== 1)
    ) {
      return false;
    }
    this.push(Number(value));
    return true;
  }
}

const WORD_SIZE = 2 ** 32;
const DIGITS = /^-?\d{1,20}$/;

/** int64 and uint64. Beyond 2^53 most JSON readers and writers lose digits, so there a string is demanded. */
class LongElements extends NumericElements {
  readonly expected: string;
  readonly #min: bigint;
  readonly #max: bigint;

  constructor(type: 'int64' | 'uint64', capacity: number) {
    super(type, capacity);
    this.#min = type === 'int64' ? -(2n ** 63n) : 0n;
    this.#max = this.#min + 2n ** 64n - 1n;
    const range = type === 'int64' ? '-2^63 to 2^63-1' : '0 to 2^64-1';
    this.expected = `an integer from ${range} (from 2^53 on as a string, "9007199254740993")`;
  }

  read(reader: JsonReader): boolean {
    return reader.isAtNumber() ? this.#readNumber(reader.number()) : this.#readString(reader);
  }

  #readNumber(value: number): boolean {
    if (!Number.isSafeInteger(value) || (value < 0 && this.#min === 0n)) return false;
    this.push(value >>> 0);
    this.push(Math.floor(value / WORD_SIZE));
    return true;
  }

  #readString(reader: JsonReader): boolean {
    const text = reader.peek() === BYTE.quote ? reader.string() : '';
    if (!DIGITS.test(text)) return false;
    const value = BigInt(text);
    if (value < this.#min || value > this.#max) return false;
    this.push(Number(BigInt.asUintN(32, value)));
    this.push(Number(BigInt.asUintN(32, value >> 32n)));
    return true;
  }
}

/** What stands around the strings in the text of their list. */
const BRACKETS_BYTES = 2;

/** The text of the list of strings. Each takes no more of it than it took in the JSON, so the memory never grows. */
class StringElements implements Elements {
  readonly expected = 'a string';
  readonly #name: string;
  readonly #text: JsonWriter;
  #isEmpty = true;

  constructor(name: string, textBytes: number) {
    this.#name = name;
    this.#text = new JsonWriter(textBytes + BRACKETS_BYTES);
    this.#text.byte(BYTE.openArray);
  }

  read(reader: JsonReader): boolean {
    if (reader.peek() !== BYTE.quote) return false;
    if (!this.#isEmpty) this.#text.byte(BYTE.comma);
    this.#isEmpty = false;
    if (!reader.copyString(this.#text)) throw stringWithNul(this.#name);
    return true;
  }

  tensor(dims: readonly number[]): Tensor {
    this.#text.byte(BYTE.closeArray);
    const { buffer, byteLength } = this.#text.take();
    return { type: 'string', dims, bytes: withoutSpare(new Uint8Array(buffer, 0, byteLength)) };
  }
}

/** ONNX Runtime's binding takes strings as C does: it would cut them off at a NUL, unsaid. */
export function stringWithNul(input: string): ServiceError {
  const problem = 'expected strings without a NUL, got one that has it';
  return new ServiceError('invalid_input', `input ${input}: ${problem}`);
}
