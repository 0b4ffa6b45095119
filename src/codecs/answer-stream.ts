// The text of a large answer as it is asked for, piece by piece.

import { answerTooLong } from '../json/json-writer.js';
import { elementCount, type NumericTensor, type StringTensor, type Tensor } from '../tensor.js';
import { type Answer, keysOf, labelsOf, leastTextBytes, mostTextBytes } from './answer.js';
import { BEGINNING, type Part, type Piece, partsOf, stringPart } from './answer-pieces.js';

/** Writes a part, in a thread of its own. */
export type WritePart = (part: Part) => Promise<Piece>;

/**
 * The pieces of an answer, each written when it is asked for.
 * Rejects with `answer_too_large` before the first one is given; where only the text itself can tell, it is written twice.
 *
 * @param isWanted whether its caller is still there: else the pieces just end
 */
export async function streamedAnswer(
  answer: Answer,
  writePart: WritePart,
  isWanted: () => boolean,
): Promise<AsyncGenerator<Uint8Array>> {
  if (leastTextBytes(answer) > answer.maxBytes) throw answerTooLong(answer.maxBytes);
  if (mostTextBytes(answer) > answer.maxBytes) await checkLength(answer, writePart, isWanted);
  return piecesOf(answer, writePart, isWanted);
}

async function checkLength(answer: Answer, writePart: WritePart, isWanted: () => boolean): Promise<void> {
  let bytes = 0;
  for await (const piece of piecesOf(answer, writePart, isWanted)) {
    bytes += piece.byteLength;
    if (bytes > answer.maxBytes) throw answerTooLong(answer.maxBytes);
  }
}

async function* piecesOf(
  answer: Answer,
  writePart: WritePart,
  isWanted: () => boolean,
): AsyncGenerator<Uint8Array> {
  const { model, version, outputs, maxBytes } = answer;
  const labels = labelsOf(answer);
  yield text(`{"model":${JSON.stringify(model)},"version":${JSON.stringify(version)},"outputs":{`);
  for (const [index, [name, tensor]] of outputs.entries()) {
    yield keyOf(name, index);
    for await (const piece of tensorPieces(tensor, { writePart, maxBytes, keys: keysOf(answer, name) })) {
      yield piece;
      if (!isWanted()) return;
    }
  }
  yield text(labels.length === 0 ? '}' : '},"labels":{');
  for (const [index, [name, tensor, names]] of labels.entries()) {
    yield keyOf(name, index);
    for await (const piece of numericPieces(tensor, { writePart, maxBytes, names })) {
      yield piece;
      if (!isWanted()) return;
    }
  }
  yield text(labels.length === 0 ? '}' : '}}');
}

const text = (json: string): Uint8Array => new TextEncoder().encode(json);

const keyOf = (name: string, index: number): Uint8Array =>
  text(`${index === 0 ? '' : ','}${JSON.stringify(name)}:`);

interface Writing {
  readonly writePart: WritePart;
  readonly maxBytes: number;
  readonly names?: readonly string[];
  readonly keys?: readonly string[] | undefined;
}

function tensorPieces(tensor: Tensor, writing: Writing): AsyncGenerator<Uint8Array> {
  return tensor.type === 'string' ? stringPieces(tensor, writing) : numericPieces(tensor, writing);
}

async function* numericPieces(
  tensor: NumericTensor,
  { writePart, maxBytes, names, keys }: Writing,
): AsyncGenerator<Uint8Array> {
  const { dims } = tensor;
  if (elementCount(dims) === 0) yield (await writePart({ kind: 'empty', dims, maxBytes })).text;
  for (const part of partsOf(tensor, { labels: names, keys })) yield (await writePart(part)).text;
}

async function* stringPieces(
  tensor: StringTensor,
  { writePart, maxBytes }: Writing,
): AsyncGenerator<Uint8Array> {
  const { dims, bytes } = tensor;
  if (elementCount(dims) === 0) {
    yield (await writePart({ kind: 'empty', dims, maxBytes })).text;
    return;
  }
  let state = BEGINNING;
  for (let at = 0; at < bytes.length; ) {
    const part = stringPart(tensor, at, state);
    at += part.bytes.length;
    const written = await writePart(part);
    state = written.state!;
    yield written.text;
  }
}
