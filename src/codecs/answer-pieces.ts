// A large answer as text, piece by piece: each is made of a part of one output by a worker thread when the one before has
// been taken. So neither the text nor a copy of the output is ever there as a whole, and the event loop copies little at once.

import { BYTE } from '../json/json-reader.js';
import { JsonWriter } from '../json/json-writer.js';
import { elementWriter, integerReader, writeNested } from '../json/tensor-writer.js';
import { ELEMENT_BYTES, elementCount, type NumericTensor, type StringTensor } from '../tensor.js';

/** Part of an answer's outputs. Plain data, for a worker thread. */
export type Part =
  | {
      readonly kind: 'elements';
      /** One axis: the elements from `from` on. */
      readonly tensor: NumericTensor;
      readonly dims: readonly number[];
      readonly from: number;
      /** Names to write in place of the values. */
      readonly labels?: readonly string[] | undefined;
      /** Keys of the maps that the last dimension stands for. */
      readonly keys?: readonly string[] | undefined;
    }
  | {
      readonly kind: 'strings';
      /** Text of the list of strings, from any byte on. */
      readonly bytes: Uint8Array;
      readonly dims: readonly number[];
      readonly state: TextState;
    }
  /** An output without elements has brackets all the same. */
  | { readonly kind: 'empty'; readonly dims: readonly number[]; readonly maxBytes: number };

/** How far the text of a list of strings has been read. */
export interface TextState {
  /** Strings that have begun before. */
  readonly begun: number;
  readonly isInString: boolean;
  readonly isEscaped: boolean;
}

export interface Piece {
  readonly text: Uint8Array;
  readonly state?: TextState;
}

export const BEGINNING: TextState = { begun: 0, isInString: false, isEscaped: false };

export function writePart(part: Part): Piece {
  switch (part.kind) {
    case 'elements':
      return { text: writeElements(part) };
    case 'strings':
      return writeStrings(part);
    case 'empty': {
      const writer = new JsonWriter(256, part.maxBytes);
      writeNested(writer, part.dims, () => {});
      return { text: writer.take() };
    }
  }
}

function writeElements({
  tensor,
  dims,
  from,
  labels,
  keys,
}: Extract<Part, { kind: 'elements' }>): Uint8Array {
  const count = elementCount(tensor.dims);
  const writer = new JsonWriter(16 * count + 256);
  const write = labels === undefined ? elementWriter(writer, tensor) : labelWriter(writer, tensor, labels);
  const brackets = new Brackets(writer, dims, keys);
  for (let index = 0; index < count; index++) {
    brackets.before(from + index);
    write(index);
    brackets.after(from + index);
  }
  return writer.take();
}

/** A tensor of more columns than the file has labels for would be ONNX Runtime's error. */
export const keyOf = (keys: readonly string[], index: number): string => keys[index] ?? String(index);

/** null where a value has no name. */
export function labelWriter(writer: JsonWriter, tensor: NumericTensor, names: readonly string[]) {
  const read = integerReader(tensor);
  return (index: number): void => {
    const name = names[read(index)];
    if (name === undefined) writer.ascii('null');
    else writer.string(name);
  };
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** The strings are text already; what lies between them is written anew, with the brackets of the shape. */
function writeStrings({ bytes, dims, state }: Extract<Part, { kind: 'strings' }>): Piece {
  const writer = new JsonWriter(bytes.length + 256);
  const brackets = new Brackets(writer, dims);
  let { begun, isInString, isEscaped } = state;
  let start = 0;
  for (let at = 0; at < bytes.length; at++) {
    if (!isInString) {
      if (bytes[at] !== QUOTE) continue;
      brackets.before(begun);
      begun += 1;
      isInString = true;
      start = at;
    } else if (isEscaped) isEscaped = false;
    else if (bytes[at] === BACKSLASH) isEscaped = true;
    else if (bytes[at] === QUOTE) {
      writer.copy(bytes, start, at + 1);
      brackets.after(begun - 1);
      isInString = false;
    }
  }
  if (isInString) writer.copy(bytes, start, bytes.length);
  return { text: writer.take(), state: { begun, isInString, isEscaped } };
}

/** What stands around the elements of nested arrays of a shape without zeros, told by an element's index alone. */
class Brackets {
  readonly #writer: JsonWriter;
  /** Elements in each array, from the outermost to the innermost. */
  readonly #sizes: readonly number[];
  readonly #innermost: number;
  readonly #keys: readonly string[] | undefined;

  constructor(writer: JsonWriter, dims: readonly number[], keys?: readonly string[]) {
    this.#writer = writer;
    this.#keys = keys;
    this.#sizes = dims.map((_, axis) => elementCount(dims.slice(axis)));
    this.#innermost = this.#sizes.at(-1) ?? Number.POSITIVE_INFINITY;
  }

  before(index: number): void {
    if (index > 0) this.#writer.byte(BYTE.comma);
    if (index % this.#innermost === 0) this.#open(index);
    if (this.#keys === undefined) return;
    this.#writer.string(keyOf(this.#keys, index % this.#innermost));
    this.#writer.byte(BYTE.colon);
  }

  #open(index: number): void {
    const isMap = (axis: number): boolean => this.#keys !== undefined && axis === this.#sizes.length - 1;
    for (const [axis, size] of this.#sizes.entries()) {
      if (index % size === 0) this.#writer.byte(isMap(axis) ? BYTE.openObject : BYTE.openArray);
    }
  }

  after(index: number): void {
    if ((index + 1) % this.#innermost !== 0) return;
    for (const [level, size] of this.#sizes.toReversed().entries()) {
      if ((index + 1) % size !== 0) continue;
      const isMap = this.#keys !== undefined && level === 0;
      this.#writer.byte(isMap ? BYTE.closeObject : BYTE.closeArray);
    }
  }
}

/** Elements, or bytes of strings, that make one piece: a millisecond or ten of a thread. */
export const PART_ELEMENTS = 2 ** 16;
export const PART_BYTES = 2 ** 19;

/** The parts of a numeric output, each with memory of its own. */
export function* partsOf(
  { type, dims, bytes }: NumericTensor,
  {
    labels,
    keys,
  }: { readonly labels?: readonly string[] | undefined; readonly keys?: readonly string[] | undefined } = {},
): Generator<Part> {
  const size = ELEMENT_BYTES[type];
  const count = elementCount(dims);
  for (let from = 0; from < count; from += PART_ELEMENTS) {
    const taken = Math.min(PART_ELEMENTS, count - from);
    // Uint8Array's own slice: that of a Buffer would copy nothing.
    const part = Uint8Array.prototype.slice.call(bytes, from * size, (from + taken) * size);
    yield { kind: 'elements', tensor: { type, dims: [taken], bytes: part }, dims, from, labels, keys };
  }
}

export function stringPart(
  { bytes, dims }: StringTensor,
  at: number,
  state: TextState,
): Extract<Part, { kind: 'strings' }> {
  const part = Uint8Array.prototype.slice.call(bytes, at, at + PART_BYTES);
  return { kind: 'strings', bytes: part, dims, state };
}
