// Our tensors as ONNX Runtime's and back, without copying their bytes. Only here strings are made and written.

import type * as Ort from 'onnxruntime-node';
import { type NumericType, stringsOf, stringTensor, type Tensor } from '../tensor.js';

type TypedArrayConstructor = {
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): ArrayBufferView;
  readonly BYTES_PER_ELEMENT: number;
};

/** float16 travels as its 16 bits; bool as one byte. */
const ARRAYS: Readonly<Record<NumericType, TypedArrayConstructor>> = {
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
};

/**
 * onnxruntime-node 1.30 fails on every float16 input where the global Float16Array exists (Node 24); with it out
 * of sight it takes a Uint16Array, as on Node 20. To be called before the first tensor is made.
 */
export function hideFloat16Array(): void {
  Reflect.deleteProperty(globalThis, 'Float16Array');
}

export function toOrt(ort: typeof Ort, tensor: Tensor): Ort.Tensor {
  if (tensor.type === 'string') return new ort.Tensor('string', stringsOf(tensor), tensor.dims);
  const ArrayType = ARRAYS[tensor.type];
  const { buffer, byteOffset, byteLength } = aligned(tensor.bytes, ArrayType.BYTES_PER_ELEMENT);
  const data = new ArrayType(buffer, byteOffset, byteLength / ArrayType.BYTES_PER_ELEMENT);
  return new ort.Tensor(tensor.type as Ort.Tensor.Type, data as Ort.Tensor.DataType, tensor.dims);
}

/** Frames are aligned already; this copies only what comes from elsewhere. */
function aligned(bytes: Uint8Array, elementBytes: number): Uint8Array {
  return bytes.byteOffset % elementBytes === 0 ? bytes : Uint8Array.from(bytes);
}

export function fromOrt(tensor: Ort.Tensor): Tensor {
  if (tensor.type === 'string') return stringTensor(tensor.dims, tensor.data as string[]);
  const { buffer, byteOffset, byteLength } = tensor.data as unknown as ArrayBufferView;
  const bytes = new Uint8Array(buffer, byteOffset, byteLength);
  return { type: tensor.type as NumericType, dims: tensor.dims, bytes };
}
