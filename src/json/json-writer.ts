// JSON text, written token by token as bytes into memory that grows with it.

import { ServiceError } from '../errors.js';
import { type Decimal, shortFloat16, shortFloat32 } from './decimal.js';

const ZERO = 0x30;
const MINUS = 0x2d;
const DOT = 0x2e;
const LETTER_E = 0x65;

/** The longest number that is written digit by digit: sign, "0.", zeros and digits, or an exponent. */
const MAX_NUMBER_BYTES = 40;

/** So many are copied sooner one by one than all together. */
const FEW_BYTES = 64;

/** Integers below this are written with integer arithmetic. */
const INT32_LIMIT = 2 ** 31;

/** Powers of ten between which a number is written without an exponent. */
const MIN_PLAIN_EXPONENT = -6;
const MAX_PLAIN_EXPONENT = 15;

/** Integers up to this are the same as float32, and no shorter digits would do. */
const FLOAT32_INTEGERS = 2 ** 24;

export class JsonWriter {
  #bytes: Buffer;
  #used = 0;

  readonly #maxBytes: number;

  constructor(capacity = 512, maxBytes = Number.POSITIVE_INFINITY) {
    this.#bytes = Buffer.allocUnsafeSlow(Math.min(capacity, maxBytes));
    this.#maxBytes = maxBytes;
  }

  /** What has been written. The writer must not be used any more. */
  take(): Uint8Array {
    return this.#bytes.subarray(0, this.#used);
  }

  byte(code: number): void {
    this.#reserve(1);
    this.#bytes[this.#used++] = code;
  }

  ascii(text: string): void {
    this.#reserve(text.length);
    this.#used += this.#bytes.write(text, this.#used, 'latin1');
  }

  string(text: string): void {
    const json = JSON.stringify(text);
    this.#reserve(3 * json.length);
    this.#used += this.#bytes.write(json, this.#used, 'utf8');
  }

  /** Bytes of JSON text as they are, from `start` to before `end`. */
  copy(source: Uint8Array, start: number, end: number): void {
    this.#reserve(end - start);
    if (end - start > FEW_BYTES) this.#bytes.set(source.subarray(start, end), this.#used);
    else for (let at = start; at < end; at++) this.#bytes[this.#used + at - start] = source[at]!;
    this.#used += end - start;
  }

  /** @param value a safe integer */
  integer(value: number): void {
    const size = Math.abs(value);
    if (size >= INT32_LIMIT) {
      this.ascii(String(value));
      return;
    }
    this.#reserve(MAX_NUMBER_BYTES);
    if (value < 0) this.#bytes[this.#used++] = MINUS;
    this.#digits(size, digitCount(size));
  }

  float16(value: number): void {
    if (this.#isWrittenAlready(value)) return;
    this.#decimal(shortFloat16(Math.abs(value)), value < 0);
  }

  float32(value: number): void {
    if (this.#isWrittenAlready(value)) return;
    this.#decimal(shortFloat32(Math.abs(value)), value < 0);
  }

  /** A double's own shortest digits, as JavaScript gives them. */
  float64(value: number): void {
    if (!this.#isWrittenAlready(value)) this.ascii(String(value));
  }

  /** Writes what needs no search for digits: integers, and what JSON has no number for. */
  #isWrittenAlready(value: number): boolean {
    if (!Number.isFinite(value)) this.ascii(`"${value}"`);
    else if (Object.is(value, -0)) this.ascii('-0.0');
    else if (Number.isInteger(value) && Math.abs(value) < FLOAT32_INTEGERS) this.integer(value);
    else return false;
    return true;
  }

  #decimal({ digits, exponent }: Readonly<Decimal>, isNegative: boolean): void {
    this.#reserve(MAX_NUMBER_BYTES);
    if (isNegative) this.#bytes[this.#used++] = MINUS;
    const count = digitCount(digits);
    const leading = exponent + count - 1;
    if (leading < MIN_PLAIN_EXPONENT || leading > MAX_PLAIN_EXPONENT)
      this.#scientific(digits, count, leading);
    else if (exponent >= 0) {
      this.#digits(digits, count);
      this.#zeros(exponent);
    } else if (leading >= 0) this.#withPoint(digits, count, leading + 1);
    else {
      this.#zeros(1);
      this.#bytes[this.#used++] = DOT;
      this.#zeros(-leading - 1);
      this.#digits(digits, count);
    }
  }

  #scientific(digits: number, count: number, leading: number): void {
    if (count === 1) this.#digits(digits, 1);
    else this.#withPoint(digits, count, 1);
    this.#bytes[this.#used++] = LETTER_E;
    this.integer(leading);
  }

  /** The digits with a point behind the first `before`. */
  #withPoint(digits: number, count: number, before: number): void {
    const bytes = this.#bytes;
    const start = this.#used;
    this.#used++;
    this.#digits(digits, count);
    bytes.copyWithin(start, start + 1, start + 1 + before);
    bytes[start + before] = DOT;
  }

  #digits(value: number, count: number): void {
    const bytes = this.#bytes;
    let rest = value | 0;
    for (let at = this.#used + count - 1; at >= this.#used; at--) {
      const shorter = (rest / 10) | 0;
      bytes[at] = ZERO + rest - 10 * shorter;
      rest = shorter;
    }
    this.#used += count;
  }

  #zeros(count: number): void {
    for (let written = 0; written < count; written++) this.#bytes[this.#used++] = ZERO;
  }

  #reserve(bytes: number): void {
    const needed = this.#used + bytes;
    if (needed <= this.#bytes.length) return;
    if (needed > this.#maxBytes) throw answerTooLong(this.#maxBytes);
    const grown = Buffer.allocUnsafeSlow(Math.min(this.#maxBytes, Math.max(needed, 2 * this.#bytes.length)));
    grown.set(this.#bytes.subarray(0, this.#used));
    this.#bytes = grown;
  }
}

/** For an answer as JSON. */
export function answerTooLong(maxBytes: number): ServiceError {
  const message = `the answer as JSON has more bytes than the ${maxBytes} that one may have (--max-answer): ask for fewer outputs, for less, or for raw bytes (Accept: application/octet-stream)`;
  return new ServiceError('answer_too_large', message);
}

function digitCount(value: number): number {
  let count = 1;
  for (let limit = 10; value >= limit; limit *= 10) count++;
  return count;
}
