// One tensor as nested JSON arrays; rank 0 as a plain value.

import type { NumericTensor, StringTensor, Tensor } from '../tensor.js';
import { fromFloat16Bits } from './float16.js';
import { BYTE, JsonReader } from './json-reader.js';
import type { JsonWriter } from './json-writer.js';

/** Writes the element of this index, in row-major order. */
export type WriteElement = (index: number) => void;

export function writeTensor(writer: JsonWriter, tensor: Tensor): void {
  writeNested(writer, tensor.dims, elementWriter(writer, tensor));
}

/** The brackets and commas of nested arrays of this shape, and its elements between them. */
export function writeNested(writer: JsonWriter, dims: readonly number[], writeElement: WriteElement): void {
  writeLevel(writer, { dims, writeElement, next: 0 }, 0);
}

interface Nested {
  readonly dims: readonly number[];
  readonly writeElement: WriteElement;
  next: number;
}

function writeLevel(writer: JsonWriter, nested: Nested, depth: number): void {
  const { dims, writeElement } = nested;
  if (depth === dims.length) {
    writeElement(nested.next++);
    return;
  }
  writer.byte(BYTE.openArray);
  for (let index = 0; index < dims[depth]!; index++) {
    if (index > 0) writer.byte(BYTE.comma);
    writeLevel(writer, nested, depth + 1);
  }
  writer.byte(BYTE.closeArray);
}

/** Writes elements by their index, strings in their order. */
export function elementWriter(writer: JsonWriter, tensor: Tensor): WriteElement {
  if (tensor.type === 'string') return stringWriter(writer, tensor);
  const view = viewOf(tensor);
  switch (tensor.type) {
    case 'bool':
      return (index) => writer.ascii(view.getUint8(index) === 0 ? 'false' : 'true');
    case 'float16':
      return (index) => writer.float16(fromFloat16Bits(view.getUint16(2 * index, true)));
    case 'float32':
      return (index) => writer.float32(view.getFloat32(4 * index, true));
    case 'float64':
      return (index) => writer.float64(view.getFloat64(8 * index, true));
    default:
      return longWriter(writer, tensor) ?? integerWriter(writer, tensor);
  }
}

/** Elements are written in their order, so each string is the next one of the text, which has it as it is written. */
function stringWriter(writer: JsonWriter, { bytes }: StringTensor): WriteElement {
  const reader = new JsonReader(bytes);
  return (index) => {
    reader.require(index === 0 ? BYTE.openArray : BYTE.comma);
    reader.copyString(writer);
  };
}

function integerWriter(writer: JsonWriter, tensor: NumericTensor): WriteElement {
  const read = integerReader(tensor);
  return (index) => writer.integer(read(index));
}

/** 64 bits: a number where every JSON reader keeps it whole, else a string of its digits. */
function longWriter(writer: JsonWriter, tensor: NumericTensor): WriteElement | undefined {
  if (tensor.type !== 'int64' && tensor.type !== 'uint64') return undefined;
  const view = viewOf(tensor);
  const read = integerReader(tensor);
  const big = tensor.type === 'int64' ? view.getBigInt64 : view.getBigUint64;
  return (index) => {
    const value = read(index);
    if (Number.isSafeInteger(value)) writer.integer(value);
    else writer.ascii(`"${big.call(view, 8 * index, true)}"`);
  };
}

/** Reads an integer as a number; 64 bits may come rounded, and then are no safe integer. */
export function integerReader(tensor: NumericTensor): (index: number) => number {
  const view = viewOf(tensor);
  switch (tensor.type) {
    case 'bool':
    case 'uint8':
      return (index) => view.getUint8(index);
    case 'int8':
      return (index) => view.getInt8(index);
    case 'int16':
      return (index) => view.getInt16(2 * index, true);
    case 'uint16':
      return (index) => view.getUint16(2 * index, true);
    case 'int32':
      return (index) => view.getInt32(4 * index, true);
    case 'uint32':
      return (index) => view.getUint32(4 * index, true);
    case 'int64':
      return (index) => view.getInt32(8 * index + 4, true) * 2 ** 32 + view.getUint32(8 * index, true);
    case 'uint64':
      return (index) => view.getUint32(8 * index + 4, true) * 2 ** 32 + view.getUint32(8 * index, true);
    default:
      throw new Error(`${tensor.type} is no integer type: this is a bug`);
  }
}

function viewOf({ bytes }: NumericTensor): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
