// How large the outputs of a run may be that somebody asked for. Looked at in the runner, before they are sent: a request of
// thirty bytes may ask a model for gigabytes.

import type * as Ort from 'onnxruntime-node';
import { giveBack } from '../memory.js';
import type { Tensors } from '../tensor.js';
import { fromOrt } from './ort-tensors.js';

/** What a run gave, by output. */
export type Fetched = Readonly<Record<string, Ort.Tensor>>;

export class AnswerTooLarge extends Error {
  override readonly name = 'AnswerTooLarge';
}

/** Around a string in its list: two quotes and a comma. */
const STRING_FRAME_BYTES = 3;

/**
 * The outputs as ours. Those that are too large are let go.
 * @throws AnswerTooLarge where they take more than `maxBytes` together
 */
export function takeOutputs(fetched: Fetched, names: readonly string[], maxBytes: number): Tensors {
  const least = sizesOf(names, (name) => leastBytes(fetched[name]!));
  if (sum(least) > maxBytes) throw refused(fetched, least, maxBytes);
  const tensors: Record<string, Tensors[string]> = Object.create(null);
  for (const name of names) tensors[name] = ours(fetched, name, { least, maxBytes });
  // Only strings may be longer as text than they were counted.
  const exact = sizesOf(names, (name) => tensors[name]!.bytes.byteLength);
  if (sum(exact) > maxBytes) throw refused(fetched, exact, maxBytes);
  return tensors;
}

type Sizes = readonly { readonly name: string; readonly bytes: number }[];

const sizesOf = (names: readonly string[], bytesOf: (name: string) => number): Sizes =>
  names.map((name) => ({ name, bytes: bytesOf(name) }));

const sum = (sizes: Sizes): number => sizes.reduce((total, { bytes }) => total + bytes, 0);

/** Of strings at least what their list takes as text; its exact size shows when it is made. */
function leastBytes({ type, data }: Ort.Tensor): number {
  if (type !== 'string') return (data as unknown as ArrayBufferView).byteLength;
  let bytes = 2;
  for (const text of data as string[]) bytes += text.length + STRING_FRAME_BYTES;
  return bytes;
}

function ours(
  fetched: Fetched,
  name: string,
  { least, maxBytes }: { readonly least: Sizes; readonly maxBytes: number },
): Tensors[string] {
  try {
    return fromOrt(fetched[name]!);
  } catch (error) {
    // The text of a list of strings would be longer than a string can be.
    if (error instanceof RangeError) throw refused(fetched, least, maxBytes);
    throw error;
  }
}

/** Names the largest output: it is the one to do without. */
function refused(fetched: Fetched, sizes: Sizes, maxBytes: number): AnswerTooLarge {
  const largest = sizes.reduce((most, size) => (size.bytes > most.bytes ? size : most));
  const { type, dims } = fetched[largest.name]!;
  for (const { name } of sizes) letGo(fetched[name]!);
  const isAlone = sizes.length === 1;
  const together = isAlone ? '' : `, the ${sizes.length} outputs together ${sum(sizes)}`;
  const cure = isAlone ? 'ask for less' : 'ask for fewer outputs or for less';
  return new AnswerTooLarge(
    `output ${largest.name} is ${type}[${dims.join(',')}] of ${largest.bytes} bytes${together}; an answer may have ${maxBytes} (--max-answer): ${cure}`,
  );
}

/** Its memory would wait for V8 to look for garbage. */
function letGo({ type, data }: Ort.Tensor): void {
  if (type !== 'string') giveBack(new Uint8Array((data as unknown as ArrayBufferView).buffer));
}
