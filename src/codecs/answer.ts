// A JSON answer: {"model": …, "version": …, "outputs": {name: nested arrays}, "labels": {name: names}}.

import { BYTE } from '../json/json-reader.js';
import { JsonWriter } from '../json/json-writer.js';
import { integerReader, writeNested, writeTensor } from '../json/tensor-writer.js';
import { elementCount, type NumericTensor, type Tensor } from '../tensor.js';

/** Goes to worker threads, so it is plain data. */
export interface Answer {
  readonly model: string;
  readonly version: string;
  readonly outputs: readonly (readonly [name: string, tensor: Tensor])[];
  /** Names for the values of integer outputs. */
  readonly labels: Readonly<Record<string, readonly string[]>>;
  /** What the text may take. */
  readonly maxBytes: number;
}

type Labelled = readonly [name: string, tensor: NumericTensor, names: readonly string[]];

/** @throws ServiceError `answer_too_large` */
export function writeAnswer(answer: Answer): Uint8Array {
  const writer = new JsonWriter(256 + answerTextBytes(answer), answer.maxBytes);
  writer.ascii('{"model":');
  writer.string(answer.model);
  writer.ascii(',"version":');
  writer.string(answer.version);
  writer.ascii(',"outputs":');
  writeObject(writer, answer.outputs, ([, tensor]) => writeTensor(writer, tensor));
  const labelled = answer.outputs.flatMap((output) => labelledOf(output, answer.labels));
  if (labelled.length > 0) {
    writer.ascii(',"labels":');
    writeObject(writer, labelled, ([, tensor, names]) => writeLabels(writer, tensor, names));
  }
  writer.byte(BYTE.closeObject);
  return writer.take();
}

/** About what the outputs of an answer take as text. */
export function answerTextBytes({ outputs }: Answer): number {
  return outputs.reduce((sum, [, tensor]) => sum + elementsTextBytes(tensor) + bracketsBytes(tensor.dims), 0);
}

const USUAL_NUMBER_BYTES = 12;

function elementsTextBytes({ type, dims, bytes }: Tensor): number {
  return type === 'string' ? bytes.byteLength : USUAL_NUMBER_BYTES * elementCount(dims);
}

/** The brackets of all arrays take room even where there is nothing in them. */
function bracketsBytes(dims: readonly number[]): number {
  let arrays = 1;
  let brackets = 0;
  for (const size of dims) {
    brackets += 2 * arrays;
    arrays *= size;
  }
  return brackets;
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

/** Shaped like the output; null where a value has no name. */
function writeLabels(writer: JsonWriter, tensor: NumericTensor, names: readonly string[]): void {
  const read = integerReader(tensor);
  writeNested(writer, tensor.dims, (index) => {
    const name = names[read(index)];
    if (name === undefined) writer.ascii('null');
    else writer.string(name);
  });
}
