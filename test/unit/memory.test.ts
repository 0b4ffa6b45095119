// Large memory that is given back at once.

import { expect, test } from '@jest/globals';
import { giveBack } from '../../src/memory.js';

const LARGE = 2 ** 20;

test('large memory is gone as soon as it is given back', () => {
  const bytes = new Uint8Array(LARGE);
  giveBack(bytes);
  expect(bytes.byteLength).toBe(0);
  expect(bytes.buffer.byteLength).toBe(0);
});

test('given back twice it is gone all the same', () => {
  const bytes = new Uint8Array(LARGE);
  giveBack(bytes);
  expect(() => giveBack(bytes)).not.toThrow();
});

test('a part of other memory stays, and so does what is small', () => {
  const part = new Uint8Array(LARGE).subarray(1);
  const small = new Uint8Array(8).fill(7);
  giveBack(part);
  giveBack(small);
  expect(part.byteLength).toBe(LARGE - 1);
  expect(small).toEqual(new Uint8Array(8).fill(7));
});

test('as much as is given back can be taken without end', () => {
  giveBack(Buffer.allocUnsafeSlow(LARGE));
  const before = process.memoryUsage().arrayBuffers;
  for (let count = 0; count < 1000; count++) giveBack(Buffer.allocUnsafeSlow(LARGE));
  expect(process.memoryUsage().arrayBuffers).toBeLessThan(before + 64 * LARGE);
});
