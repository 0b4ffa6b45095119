// Elements of numeric tensors as JavaScript has them.

import { fromFloat16Bits, toFloat16Bits } from '../json/float16.js';
import { elementCount, type NumericTensor, type NumericType } from '../tensor.js';

/** What ONNX Runtime's binding takes: float16 travels as its 16 bits; bool as one byte. */
export const ARRAYS = {
  bool: Uint8Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  float16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  float32: Float32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  float64: Float64Array,
} as const satisfies Record<NumericType, unknown>;

export type ElementArray = InstanceType<(typeof ARRAYS)[NumericType]>;

/** The elements where they lie; a copy only where they do not lie as their type wants it. float16 is its bits. */
export function elementsOf({ type, bytes }: NumericTensor): ElementArray {
  const { BYTES_PER_ELEMENT } = ARRAYS[type];
  const { buffer, byteOffset, byteLength } =
    bytes.byteOffset % BYTES_PER_ELEMENT === 0 ? bytes : Uint8Array.from(bytes);
  return new ARRAYS[type](buffer as ArrayBuffer, byteOffset, byteLength / BYTES_PER_ELEMENT);
}

/** As numbers: float16 decoded, 64 bits only about. */
export function numbersOf(tensor: NumericTensor): ArrayLike<number> {
  const elements = elementsOf(tensor);
  if (tensor.type === 'float16') return Float32Array.from(elements as Uint16Array, fromFloat16Bits);
  if (elements instanceof BigInt64Array || elements instanceof BigUint64Array)
    return Float64Array.from(elements as BigInt64Array, Number);
  return elements;
}

/** A tensor whose elements are what `next` gives, in order; integers where the type has only them. */
export function numericTensor(type: NumericType, dims: readonly number[], next: () => number): NumericTensor {
  const elements: ElementArray = new ARRAYS[type](elementCount(dims));
  for (let index = 0; index < elements.length; index++) {
    const value = next();
    if (elements instanceof BigInt64Array || elements instanceof BigUint64Array)
      elements[index] = BigInt(value);
    else elements[index] = type === 'float16' ? toFloat16Bits(value) : value;
  }
  return { type, dims, bytes: new Uint8Array(elements.buffer as ArrayBuffer) };
}
