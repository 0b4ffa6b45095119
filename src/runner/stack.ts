// Several predictions as one run: inputs joined along their batch axis, outputs cut apart again.

import {
  ELEMENT_BYTES,
  elementCount,
  type NumericTensor,
  type StringTensor,
  stringsOf,
  stringTensor,
  type Tensor,
} from '../tensor.js';

/**
 * Joins tensors of one type whose dims agree but for `axis`.
 * @throws RangeError when there is no such axis.
 */
export function stack(parts: readonly Tensor[], axis: number): Tensor {
  const first = parts[0]!;
  if (parts.length === 1) return first;
  if (axis >= first.dims.length)
    throw new RangeError(`no axis ${axis} in a tensor of rank ${first.dims.length}`);
  const rows = parts.reduce((sum, part) => sum + part.dims[axis]!, 0);
  const dims = first.dims.with(axis, rows);
  const outer = elementCount(first.dims.slice(0, axis));
  return first.type === 'string'
    ? stringTensor(dims, interleave((parts as StringTensor[]).map(stringsOf), outer))
    : { type: first.type, dims, bytes: interleaveBytes(parts as NumericTensor[], outer) };
}

function interleave(parts: readonly (readonly string[])[], outer: number): string[] {
  return Array.from({ length: outer }, (_, block) =>
    parts.flatMap((strings) => blockOf(strings, block, outer)),
  ).flat();
}

function blockOf<T>(items: readonly T[], block: number, outer: number): readonly T[] {
  const size = items.length / outer;
  return items.slice(block * size, (block + 1) * size);
}

function interleaveBytes(parts: readonly NumericTensor[], outer: number): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, { bytes }) => sum + bytes.byteLength, 0));
  let offset = 0;
  for (let block = 0; block < outer; block++) {
    for (const { bytes } of parts) {
      const size = bytes.byteLength / outer;
      joined.set(bytes.subarray(block * size, (block + 1) * size), offset);
      offset += size;
    }
  }
  return joined;
}

/**
 * Cuts a tensor along `axis` into parts of `rows[i]` each; every part owns its bytes.
 * @throws RangeError when the axis does not hold just that many rows.
 */
export function unstack(tensor: Tensor, axis: number, rows: readonly number[]): Tensor[] {
  const total = rows.reduce((sum, count) => sum + count, 0);
  if (tensor.dims[axis] !== total) {
    throw new RangeError(`expected ${total} along axis ${axis}, got dims [${tensor.dims.join(',')}]`);
  }
  const cut = tensor.type === 'string' ? stringCutter(tensor, axis) : byteCutter(tensor, axis);
  let start = 0;
  return rows.map((count) => {
    const part = cut(start, count);
    start += count;
    return part;
  });
}

/** Gives `count` rows from `start` on. */
type Cutter = (start: number, count: number) => Tensor;

/** How the rows of an axis lie: in each of `outer` blocks of `stride` elements, one row is `inner` elements. */
function layoutOf(dims: readonly number[], axis: number) {
  const outer = elementCount(dims.slice(0, axis));
  const inner = elementCount(dims.slice(axis + 1));
  return { outer, inner, stride: dims[axis]! * inner };
}

function stringCutter(tensor: StringTensor, axis: number): Cutter {
  const { outer, inner, stride } = layoutOf(tensor.dims, axis);
  const strings = stringsOf(tensor);
  return (start, count) => {
    const parts = Array.from({ length: outer }, (_, block) =>
      strings.slice(block * stride + start * inner, block * stride + (start + count) * inner),
    );
    return stringTensor(tensor.dims.with(axis, count), parts.flat());
  };
}

function byteCutter({ type, dims, bytes: all }: NumericTensor, axis: number): Cutter {
  const { outer, inner, stride } = layoutOf(dims, axis);
  const size = ELEMENT_BYTES[type];
  return (start, count) => {
    const bytes = new Uint8Array(outer * count * inner * size);
    for (let block = 0; block < outer; block++) {
      const from = (block * stride + start * inner) * size;
      bytes.set(all.subarray(from, from + count * inner * size), block * count * inner * size);
    }
    return { type, dims: dims.with(axis, count), bytes };
  };
}
