// A JSON answer: {"model": …, "version": …, "outputs": {name: nested arrays}, "labels": {name: names}}.

import { BYTE } from '../json/json-reader.js';
import { JsonWriter } from '../json/json-writer.js';
import { elementWriter, writeNested, writeTensor } from '../json/tensor-writer.js';
import { elementCount, type NumericTensor, type Tensor } from '../tensor.js';
import { keyOf, labelWriter } from './answer-pieces.js';

/** Goes to worker threads, so it is plain data. */
export interface Answer {
  readonly model: string;
  readonly version: string;
  readonly outputs: readonly (readonly [name: string, tensor: Tensor])[];
  /** Keys of those outputs that are maps, in the order of their last dimension. */
  readonly mapKeys: Readonly<Record<string, readonly string[]>>;
  /** Names for the values of integer outputs. */
  readonly labels: Readonly<Record<string, readonly string[]>>;
  /** What the text may take. */
  readonly maxBytes: number;
}

/** What most small answers fit into; larger ones grow. */
const FIRST_BYTES = 2 ** 16;

export type Labelled = readonly [name: string, tensor: NumericTensor, names: readonly string[]];

/** @throws ServiceError `answer_too_large` */
export function writeAnswer(answer: Answer): Uint8Array {
  const writer = new JsonWriter(Math.min(mostTextBytes(answer), FIRST_BYTES), answer.maxBytes);
  writer.ascii('{"model":');
  writer.string(answer.model);
  writer.ascii(',"version":');
  writer.string(answer.version);
  writer.ascii(',"outputs":');
  writeObject(writer, answer.outputs, ([name, tensor]) => {
    const keys = keysOf(answer, name);
    if (keys === undefined) writeTensor(writer, tensor);
    else writeMaps(writer, tensor, keys);
  });
  const labelled = labelsOf(answer);
  if (labelled.length > 0) {
    writer.ascii(',"labels":');
    writeObject(writer, labelled, ([, tensor, names]) => writeLabels(writer, tensor, names));
  }
  writer.byte(BYTE.closeObject);
  return writer.take();
}

/** The keys of an output that is maps. */
export const keysOf = ({ mapKeys }: Answer, output: string): readonly string[] | undefined =>
  Object.hasOwn(mapKeys, output) ? mapKeys[output] : undefined;

/** A map for each row. */
function writeMaps(writer: JsonWriter, tensor: Tensor, keys: readonly string[]): void {
  const writeElement = elementWriter(writer, tensor);
  const count = tensor.dims.at(-1)!;
  const entries = Array.from({ length: count }, (_, index) => [keyOf(keys, index), index] as const);
  writeNested(writer, tensor.dims.slice(0, -1), (row) =>
    writeObject(writer, entries, ([, index]) => writeElement(row * count + index)),
  );
}

/** The text is no longer than this. */
export function mostTextBytes(answer: Answer): number {
  const outputs = answer.outputs.map(([name, tensor]) => mostTensorBytes(tensor, keysOf(answer, name)));
  return HEAD_BYTES + sum(outputs) + sum(labelsOf(answer).map(mostLabelBytes));
}

/** The text is no shorter than this: a digit and a comma for each number. */
export function leastTextBytes({ outputs }: Answer): number {
  return sum(
    outputs.map(([, { type, dims, bytes }]) =>
      type === 'string' ? bytes.byteLength : 2 * elementCount(dims),
    ),
  );
}

const HEAD_BYTES = 256;

/** Longest text of an element, with its comma. */
const MOST_ELEMENT_BYTES = {
  bool: 6,
  int8: 5,
  uint8: 4,
  int16: 7,
  uint16: 6,
  float16: 18,
  int32: 12,
  uint32: 11,
  float32: 18,
  int64: 24,
  uint64: 24,
  float64: 26,
} as const;

function mostTensorBytes({ type, dims, bytes }: Tensor, keys: readonly string[] = []): number {
  const elements = type === 'string' ? bytes.byteLength : MOST_ELEMENT_BYTES[type] * elementCount(dims);
  const rows = keys.length === 0 ? 0 : elementCount(dims.slice(0, -1));
  return elements + bracketsBytes(dims) + rows * textBytesOf(keys).all;
}

function mostLabelBytes([, { dims }, names]: Labelled): number {
  return elementCount(dims) * textBytesOf(names).longest + bracketsBytes(dims);
}

interface TextBytes {
  readonly all: number;
  readonly longest: number;
}

/** A model may have a thousand names, and answers a thousand times a second. */
const textBytesByNames = new WeakMap<readonly string[], TextBytes>();

/** What names take as text, each with a comma; where there is none it is null. */
function textBytesOf(names: readonly string[]): TextBytes {
  const known = textBytesByNames.get(names);
  if (known !== undefined) return known;
  let [all, longest] = [0, 'null,'.length];
  for (const name of names) {
    const bytes = Buffer.byteLength(JSON.stringify(name)) + 1;
    all += bytes;
    longest = Math.max(longest, bytes);
  }
  textBytesByNames.set(names, { all, longest });
  return { all, longest };
}

/** The brackets of all arrays, and the commas between them, take room even where there is nothing in them. */
function bracketsBytes(dims: readonly number[]): number {
  let arrays = 1;
  let brackets = 0;
  for (const size of dims) {
    brackets += 3 * arrays;
    arrays *= size;
  }
  return brackets;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

/** Integer outputs whose values have names. */
export function labelsOf({ outputs, labels }: Answer): readonly Labelled[] {
  return outputs.flatMap((output) => labelledOf(output, labels));
}

function writeObject<Entry extends readonly [string, ...unknown[]]>(
  writer: JsonWriter,
  entries: readonly Entry[],
  writeValue: (entry: Entry) => void,
): void {
  writer.byte(BYTE.openObject);
  for (const [index, entry] of entries.entries()) {
    if (index > 0) writer.byte(BYTE.comma);
    writer.string(entry[0]);
    writer.byte(BYTE.colon);
    writeValue(entry);
  }
  writer.byte(BYTE.closeObject);
}

function labelledOf([name, tensor]: Answer['outputs'][number], labels: Answer['labels']): Labelled[] {
  if (!Object.hasOwn(labels, name) || tensor.type === 'string' || tensor.type.startsWith('float')) return [];
  return [[name, tensor, labels[name]!]];
}

/** Shaped like the output. */
function writeLabels(writer: JsonWriter, tensor: NumericTensor, names: readonly string[]): void {
  writeNested(writer, tensor.dims, labelWriter(writer, tensor, names));
}
