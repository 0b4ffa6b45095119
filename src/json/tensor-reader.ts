// One tensor from nested JSON arrays, checked against its spec as it is read.

import { ServiceError } from '../errors.js';
import { type Dimension, elementCount, MAX_RANK, type Tensor, type TensorSpec } from '../tensor.js';
import { type Elements, elementsOf } from './elements.js';
import { BYTE, type JsonReader } from './json-reader.js';
import { typeText } from './spec-text.js';

/** Size of a free dimension of which no array has been read yet. */
const UNKNOWN = -1;

/** What an element takes in JSON at least, with its comma, and what a number takes about. */
const MIN_BYTES = 2;
const USUAL_BYTES = 8;

/** Room for so many is made at once. */
const FEW_ELEMENTS = 1024;

/**
 * Takes the value that comes next.
 * @throws ServiceError `invalid_input` that names the input, the place, what was expected and what came;
 * `bad_request` where it is no JSON.
 */
export function readTensor(reader: JsonReader, spec: TensorSpec): Tensor {
  return new TensorReader(reader, spec).read();
}

class TensorReader {
  readonly #reader: JsonReader;
  readonly #spec: TensorSpec;
  readonly #shape: readonly Dimension[];
  readonly #elements: Elements;
  /** Sizes as fixed by the spec or by the first array of each depth. */
  readonly #sizes: number[];
  /** The index that we are at, in each array that we are in. */
  readonly #path: number[];

  constructor(reader: JsonReader, spec: TensorSpec) {
    this.#reader = reader;
    this.#spec = spec;
    this.#shape = spec.shape ?? this.#shapeOfNesting();
    this.#sizes = this.#shape.map((size) => (typeof size === 'number' ? size : UNKNOWN));
    this.#path = this.#shape.map(() => 0);
    const textBytes = reader.remainingBytes;
    this.#elements = elementsOf(spec, { capacity: capacityFor(this.#shape, textBytes), textBytes });
  }

  read(): Tensor {
    if (this.#sizes.length === 0) this.#element(0);
    else this.#array(0);
    return this.#elements.tensor(this.#sizes.map((size) => (size === UNKNOWN ? 0 : size)));
  }

  /** As many dimensions as the first element lies in arrays, which is where the reader stands again. */
  #shapeOfNesting(): null[] {
    const start = this.#reader.position;
    let rank = 0;
    while (rank <= MAX_RANK && this.#reader.take(BYTE.openArray)) rank += 1;
    this.#reader.position = start;
    if (rank > MAX_RANK) throw this.#error(`expected at most ${MAX_RANK} arrays in each other, got more`);
    return Array<null>(rank).fill(null);
  }

  /** @param depth how many arrays this one lies in */
  #array(depth: number): void {
    const reader = this.#reader;
    const isInnermost = depth + 1 === this.#sizes.length;
    if (!reader.take(BYTE.openArray)) throw this.#unexpected('an array', depth);
    let size = 0;
    if (reader.peek() !== BYTE.closeArray) {
      do {
        this.#path[depth] = size++;
        if (isInnermost) this.#element(depth + 1);
        else this.#array(depth + 1);
      } while (reader.take(BYTE.comma));
    }
    if (!reader.take(BYTE.closeArray)) throw reader.malformed('"," or "]"');
    if (size !== this.#sizes[depth]) this.#setSize(depth, size);
  }

  #element(depth: number): void {
    const start = this.#reader.position;
    if (this.#elements.read(this.#reader)) return;
    this.#reader.position = start;
    throw this.#unexpected(this.#elements.expected, depth);
  }

  #setSize(depth: number, size: number): void {
    const known = this.#sizes[depth]!;
    if (known === UNKNOWN) {
      this.#sizes[depth] = size;
      return;
    }
    const isFixed = typeof this.#shape[depth] === 'number';
    const expected = isFixed ? `${known} entries` : `${known} entries as in the arrays before it`;
    throw this.#error(`expected ${expected}${this.#place(depth)}, got ${size}`);
  }

  #unexpected(expected: string, depth: number): ServiceError {
    return this.#error(`expected ${expected}${this.#place(depth)}, got ${this.#reader.describe()}`);
  }

  #place(depth: number): string {
    const indices = this.#path.slice(0, depth).map((index) => `[${index}]`);
    return depth === 0 ? '' : ` at ${indices.join('')}`;
  }

  #error(problem: string): ServiceError {
    return new ServiceError(
      'invalid_input',
      `input ${this.#spec.name} is ${typeText(this.#spec)}: ${problem}`,
    );
  }
}

/** No more than the text can hold: a large fixed shape must not make a small body take much memory. */
function capacityFor(shape: readonly Dimension[], textBytes: number): number {
  const most = Math.ceil(textBytes / MIN_BYTES);
  if (most <= FEW_ELEMENTS) return most;
  const isFixed = shape.every((size) => typeof size === 'number');
  const guess = isFixed ? elementCount(shape as readonly number[]) : Math.ceil(textBytes / USUAL_BYTES);
  return Math.min(guess, most);
}
