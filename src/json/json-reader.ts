// JSON text, read token by token from its bytes: nothing is built but what the caller asks for.
//
// A request's numbers and strings go straight into the tensor that they belong to, so what a body takes in memory is bounded by
// its size, whatever it holds. JSON.parse makes 1.3 GB of 60 MB of `{},{},…`, and it can't be stopped: in a worker
// thread of limited heap it ends the whole process.

import { isUtf8 } from 'node:buffer';
import { ServiceError } from '../errors.js';
import { hintFor } from './json-hints.js';
import type { JsonWriter } from './json-writer.js';
import { NumberScanner } from './number-scanner.js';
import { type Written, writeAnew } from './string-text.js';

export const BYTE = {
  quote: 0x22,
  comma: 0x2c,
  minus: 0x2d,
  zero: 0x30,
  nine: 0x39,
  colon: 0x3a,
  openArray: 0x5b,
  backslash: 0x5c,
  closeArray: 0x5d,
  openObject: 0x7b,
  closeObject: 0x7d,
} as const;

/** What peek() gives where the text is over. */
export const END = -1;

const LONE_SURROGATE = /\p{Surrogate}/u;

/** How a string's characters stand between its quotes. */
type StringForm =
  /** As bytes of printable ASCII. */
  | 'ascii'
  /** As they are, in UTF-8 if it is valid. */
  | 'utf8'
  /** Some of them escaped, or such as must be. */
  | 'escaped';

/**
 * What a string takes in memory beside its characters, here or in the runner: its header, its padding, and its place in
 * a list that grows. Millions of short or empty ones would else take memory that nobody counts.
 */
const STRING_BYTES = 32;

/** How much of a token an error message repeats. */
const QUOTED_LENGTH = 40;

export interface JsonReaderOptions {
  /** How much memory the strings may take together that are read. @default no limit */
  readonly maxStringBytes?: number;
}

export class JsonReader {
  readonly #bytes: Buffer;
  readonly #scanner: NumberScanner;
  readonly #maxStringBytes: number;
  #stringBytes = 0;
  #at = 0;

  constructor(bytes: Uint8Array, { maxStringBytes = Number.POSITIVE_INFINITY }: JsonReaderOptions = {}) {
    this.#maxStringBytes = maxStringBytes;
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#scanner = new NumberScanner(this.#bytes);
    const hasByteOrderMark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
    if (hasByteOrderMark) this.#at = 3;
  }

  /** Where the next token begins, or the white space before it. May be set back to read a token again. */
  get position(): number {
    return this.#at;
  }

  set position(at: number) {
    this.#at = at;
  }

  get remainingBytes(): number {
    return this.#bytes.length - this.#at;
  }

  /** The first byte of the next token, which is not taken. */
  peek(): number {
    const bytes = this.#bytes;
    let at = this.#at;
    while (at < bytes.length) {
      const code = bytes[at]!;
      if (code > 0x20 || !isSpace(code)) {
        this.#at = at;
        return code;
      }
      at++;
    }
    this.#at = at;
    return END;
  }

  /** Takes the next token if it is this punctuation. */
  take(code: number): boolean {
    if (this.peek() !== code) return false;
    this.#at++;
    return true;
  }

  /** @throws ServiceError `bad_request` when something else comes. */
  require(code: number): void {
    if (!this.take(code)) throw this.malformed(JSON.stringify(String.fromCharCode(code)));
  }

  /** Whether the next token is a number; the only thing that begins with a digit or a minus. */
  isAtNumber(): boolean {
    const code = this.peek();
    return (code >= BYTE.zero && code <= BYTE.nine) || code === BYTE.minus;
  }

  /** The number that comes next, as the nearest double. */
  number(): number {
    this.#scan();
    return this.#scanner.float64();
  }

  /** The number that comes next, good enough to be rounded to a float32, which is all that it is good for. */
  float32(): number {
    this.#scan();
    return this.#scanner.float32();
  }

  /** `true`, `false` or `null`, if it is what comes next. */
  word(): boolean | null | undefined {
    if (this.#takeWord('true')) return true;
    if (this.#takeWord('false')) return false;
    return this.#takeWord('null') ? null : undefined;
  }

  /**
   * The string that comes next.
   * @throws ServiceError `body_too_large` when the strings together pass their limit.
   */
  string(): string {
    const start = this.#stringStart();
    const form = this.#skipString();
    this.#count(this.#at - start, form);
    if (form === 'ascii') return this.#bytes.toString('latin1', start + 1, this.#at - 1);
    return this.#unescape(start);
  }

  /**
   * Takes the string that comes next, and writes it as JSON.stringify would, without making it. False when it has a NUL.
   * @throws ServiceError `body_too_large` when the strings together pass their limit, as if each were made.
   */
  copyString(writer: JsonWriter): boolean {
    const start = this.#stringStart();
    const form = this.#skipString();
    this.#count(this.#at - start, form);
    const written = this.#write(writer, start, form);
    if (written === 'broken') throw this.#brokenString(start);
    return written === 'whole';
  }

  #write(writer: JsonWriter, start: number, form: StringForm): Written {
    if (form !== 'ascii' && !isUtf8(this.#bytes.subarray(start, this.#at))) return 'broken';
    if (form === 'escaped') return writeAnew(writer, this.#bytes.subarray(start + 1, this.#at - 1));
    writer.copy(this.#bytes, start, this.#at);
    return 'whole';
  }

  /** Calls back once an entry, positioned at its value, which `read` must take. */
  object(read: (key: string) => void): void {
    this.require(BYTE.openObject);
    if (this.take(BYTE.closeObject)) return;
    do {
      if (this.peek() !== BYTE.quote) throw this.malformed('a key in quotes');
      const key = this.string();
      this.require(BYTE.colon);
      read(key);
    } while (this.take(BYTE.comma));
    if (!this.take(BYTE.closeObject)) throw this.malformed('"," or "}"');
  }

  /** Calls back once an element, positioned at it; `read` must take it. */
  array(read: () => void): void {
    this.require(BYTE.openArray);
    if (this.take(BYTE.closeArray)) return;
    do read();
    while (this.take(BYTE.comma));
    if (!this.take(BYTE.closeArray)) throw this.malformed('"," or "]"');
  }

  /** @throws ServiceError `bad_request` when something follows. */
  end(): void {
    if (this.peek() !== END) throw this.malformed('the end');
  }

  /**
   * What comes next, in words. Takes nothing.
   * @throws ServiceError `bad_request` when it is no JSON value.
   */
  describe(): string {
    const start = this.#at;
    try {
      return this.#describe();
    } finally {
      this.#at = start;
    }
  }

  /** The error that says what was expected at this place, and what stands there. */
  malformed(expected: string): ServiceError {
    const code = this.peek();
    const text = this.#bytes.toString('utf8', this.#at, this.#at + QUOTED_LENGTH);
    const got = code === END ? 'its end' : JSON.stringify([...text].slice(0, 10).join(''));
    const hint = hintFor(text);
    return new ServiceError(
      'bad_request',
      `broken JSON at byte ${this.#at}: expected ${expected}, got ${got}${hint === undefined ? '' : `; ${hint}`}`,
    );
  }

  #describe(): string {
    switch (this.peek()) {
      case BYTE.openArray:
        return 'an array';
      case BYTE.openObject:
        return 'an object';
      case BYTE.quote:
        return `the string ${shortened(JSON.stringify(this.string()))}`;
      default:
        return this.isAtNumber() ? this.#describeNumber() : this.#describeWord();
    }
  }

  #describeNumber(): string {
    const start = this.#at;
    this.number();
    return `the number ${shortened(this.#bytes.toString('latin1', start, this.#at))}`;
  }

  #describeWord(): string {
    const word = this.word();
    if (word === undefined) throw this.malformed('a value');
    return String(word);
  }

  #scan(): void {
    this.peek();
    const isNumber = this.#scanner.scan(this.#at);
    this.#at = this.#scanner.end;
    if (!isNumber) throw this.malformed('a digit');
  }

  #takeWord(word: string): boolean {
    this.peek();
    if (this.#bytes.toString('latin1', this.#at, this.#at + word.length) !== word) return false;
    this.#at += word.length;
    return true;
  }

  #stringStart(): number {
    if (this.peek() !== BYTE.quote) throw this.malformed('a string');
    return this.#at;
  }

  /** Moves behind the closing quote. */
  #skipString(): StringForm {
    const bytes = this.#bytes;
    let at = this.#at + 1;
    let form: StringForm = 'ascii';
    while (at < bytes.length) {
      const code = bytes[at]!;
      if (code === BYTE.quote) {
        this.#at = at + 1;
        return form;
      }
      if (code === BYTE.backslash) at++;
      if (code === BYTE.backslash || code < 0x20) form = 'escaped';
      else if (code > 0x7e && form === 'ascii') form = 'utf8';
      at++;
    }
    this.#at = bytes.length;
    throw this.malformed('the end of a string');
  }

  /** Counts before the string is made. Characters beyond Latin-1 take two bytes each. */
  #count(length: number, form: StringForm): void {
    this.#stringBytes += STRING_BYTES + (form === 'ascii' ? length : 2 * length);
    if (this.#stringBytes <= this.#maxStringBytes) return;
    const message = `the strings of the body take more than ${this.#maxStringBytes} bytes of memory`;
    throw new ServiceError('body_too_large', message);
  }

  #unescape(start: number): string {
    const token = this.#bytes.subarray(start, this.#at);
    const text = isUtf8(token) ? parsedString(token.toString('utf8')) : undefined;
    if (text !== undefined && !LONE_SURROGATE.test(text)) return text;
    throw this.#brokenString(start);
  }

  #brokenString(start: number): ServiceError {
    this.#at = start;
    return this.malformed('a string of valid UTF-8 and escapes');
  }
}

/** JSON's white space; other control characters are none. */
function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}

function parsedString(token: string): string | undefined {
  try {
    return JSON.parse(token) as string;
  } catch {
    return undefined;
  }
}

const shortened = (text: string): string =>
  text.length <= QUOTED_LENGTH ? text : `${text.slice(0, QUOTED_LENGTH)}…`;
