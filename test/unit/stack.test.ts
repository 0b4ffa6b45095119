// Inputs joined along an axis, and outputs cut apart again.

import { describe, expect, test } from '@jest/globals';
import { stack, unstack } from '../../src/runner/stack.js';
import { stringTensor, type Tensor } from '../../src/tensor.js';

const numbers = (dims: readonly number[], ...values: number[]): Tensor => ({
  type: 'int8',
  dims,
  bytes: Uint8Array.from(values),
});
const words = (dims: readonly number[], ...values: number[]): Tensor =>
  stringTensor(
    dims,
    values.map((value) => 'x"é'.repeat(value)),
  );

describe.each([
  ['numbers', numbers],
  ['strings', words],
])('%s', (_, tensor) => {
  test('along the first axis stand one behind the other', () => {
    const parts = [tensor([1, 2], 1, 2), tensor([2, 2], 3, 4, 5, 6)];
    const joined = stack(parts, 0);
    expect(joined).toEqual(tensor([3, 2], 1, 2, 3, 4, 5, 6));
    expect(unstack(joined, 0, [1, 2])).toEqual(parts);
  });

  test('along a later axis alternate', () => {
    const parts = [tensor([2, 1, 2], 1, 2, 3, 4), tensor([2, 2, 2], 11, 12, 13, 14, 15, 16, 17, 18)];
    const joined = stack(parts, 1);
    expect(joined).toEqual(tensor([2, 3, 2], 1, 2, 11, 12, 13, 14, 3, 4, 15, 16, 17, 18));
    expect(unstack(joined, 1, [1, 2])).toEqual(parts);
  });

  test('without a row join and come apart', () => {
    const parts = [tensor([0]), tensor([2], 1, 2), tensor([0])];
    expect(stack(parts, 0)).toEqual(tensor([2], 1, 2));
    expect(unstack(tensor([2], 1, 2), 0, [0, 2, 0])).toEqual(parts);
  });

  test('that do not have the axis, or not those rows, are told', () => {
    expect(() => stack([tensor([], 1), tensor([], 2)], 0)).toThrow('no axis 0 in a tensor of rank 0');
    expect(() => unstack(tensor([2], 1, 2), 0, [1, 2])).toThrow('expected 3 along axis 0, got dims [2]');
  });
});
