// How much work a prediction brings.

import { expect, test } from '@jest/globals';
import { type NumericTensor, stringTensor, type Tensors } from '../../src/tensor.js';
import { workloadOf } from '../../src/workload.js';

function scalar(type: NumericTensor['type'], write: (view: DataView) => void): Tensors {
  // Not at the start of its buffer, as a slice of a body is not.
  const bytes = new Uint8Array(24).subarray(8, 16);
  write(new DataView(bytes.buffer, bytes.byteOffset));
  return { n: { type, dims: [1], bytes } };
}

test('is the elements of all inputs together; a rank-0 tensor has one', () => {
  const inputs: Tensors = {
    a: { type: 'float32', dims: [2, 3], bytes: new Uint8Array(24) },
    b: stringTensor([4], ['', '', '', '']),
    c: { type: 'int64', dims: [], bytes: new Uint8Array(8) },
    d: { type: 'int8', dims: [0, 5], bytes: new Uint8Array(0) },
  };
  expect(workloadOf(inputs, undefined)).toEqual({ elements: 11 });
});

test.each([
  ['int64', (view: DataView) => view.setBigInt64(0, 5_000_000_000n, true), 5_000_000_000],
  ['int32', (view: DataView) => view.setInt32(0, 70_000, true), 70_000],
  ['float32', (view: DataView) => view.setFloat32(0, 1.5, true), 1.5],
  ['float64', (view: DataView) => view.setFloat64(0, 0.1, true), 0.1],
] as const)('has a cost where the model names its input: %s', (type, write, cost) => {
  expect(workloadOf(scalar(type, write), 'n')).toEqual({ elements: 1, cost });
});

test.each([
  ['negative', scalar('int32', (view) => view.setInt32(0, -1, true))],
  ['infinite', scalar('float32', (view) => view.setFloat32(0, Number.POSITIVE_INFINITY, true))],
  ['no number', scalar('float32', (view) => view.setFloat32(0, Number.NaN, true))],
  ['without an element', { n: { type: 'int64' as const, dims: [0], bytes: new Uint8Array(0) } }],
  ['a string', { n: stringTensor([1], ['9']) }],
  ['left out', {}],
])('has the cost zero where that input is %s', (_, inputs) => {
  expect(workloadOf(inputs, 'n').cost).toBe(0);
});
