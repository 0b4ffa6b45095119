// Our tensors as ONNX Runtime's and back, without copying their bytes. Only here strings are made and written.

import type * as Ort from 'onnxruntime-node';
import { type NumericType, stringsOf, stringTensor, type Tensor } from '../tensor.js';
import { elementsOf } from './typed-arrays.js';

/**
 * onnxruntime-node 1.30 fails on every float16 input where the global Float16Array exists (Node 24); with it out
 * of sight it takes a Uint16Array, as on Node 20. To be called before the first tensor is made.
 */
export function hideFloat16Array(): void {
  Reflect.deleteProperty(globalThis, 'Float16Array');
}

export function toOrt(ort: typeof Ort, tensor: Tensor): Ort.Tensor {
  if (tensor.type === 'string') return new ort.Tensor('string', stringsOf(tensor), tensor.dims);
  const data = elementsOf(tensor) as Ort.Tensor.DataType;
  return new ort.Tensor(tensor.type as Ort.Tensor.Type, data, tensor.dims);
}

export function fromOrt(tensor: Ort.Tensor): Tensor {
  if (tensor.type === 'string') return stringTensor(tensor.dims, tensor.data as string[]);
  const { buffer, byteOffset, byteLength } = tensor.data as unknown as ArrayBufferView;
  const bytes = new Uint8Array(buffer, byteOffset, byteLength);
  return { type: tensor.type as NumericType, dims: tensor.dims, bytes };
}
