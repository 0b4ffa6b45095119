// Inputs in memory that the runner shares: nobody's bytes are written over while anyone may read them, and none are lost.

import { expect, test } from '@jest/globals';
import { type Block, InputMemory, SHARED_BYTES } from '../../src/runner/input-memory.js';
import type { Tensor } from '../../src/tensor.js';
import { seededRandom } from '../support/random.js';

const MEMORY_BYTES = 16 * SHARED_BYTES;
const memoryOf = (bytes = MEMORY_BYTES): InputMemory => new InputMemory(new Uint8Array(bytes));
const tensor = (bytes: Uint8Array): Tensor => ({ type: 'uint8', dims: [bytes.byteLength], bytes });
const filled = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);

test('a block is free again when each of its holders has let it go', () => {
  const memory = memoryOf();
  const block = memory.take(SHARED_BYTES)!;
  block.hold();
  block.release();
  expect(memory.used).toBe(SHARED_BYTES);
  expect(memory.take(SHARED_BYTES)!.bytes.byteOffset).toBeGreaterThan(block.bytes.byteOffset);
  block.release();
  expect(memory.take(SHARED_BYTES)!.bytes.byteOffset).toBe(block.bytes.byteOffset);
});

test('a block that is let go too often is a bug that shows at once', () => {
  const block = memoryOf().take(SHARED_BYTES)!;
  block.release();
  expect(() => block.release()).toThrow('once more than it was held');
});

test('what is small, or does not fit, gets no block', () => {
  const memory = memoryOf();
  expect(memory.take(SHARED_BYTES - 1)).toBeUndefined();
  expect(memory.take(MEMORY_BYTES)).toBeUndefined();
  expect(memory.used).toBe(0);
});

test('blocks begin where any element may', () => {
  const memory = memoryOf();
  for (const bytes of [SHARED_BYTES + 1, SHARED_BYTES + 7, SHARED_BYTES])
    expect(memory.take(bytes)!.bytes.byteOffset % 8).toBe(0);
});

test('however they are taken and let go, blocks never share a byte, and all is free in the end', () => {
  const random = seededRandom(20_261_126);
  const memory = memoryOf();
  const largest = MEMORY_BYTES - 64;
  const held: { block: Block; value: number }[] = [];
  let refused = 0;
  for (let turn = 0; turn < 5000; turn++) {
    if (random.unit() < 0.55) {
      const block = memory.take(SHARED_BYTES + random.below(3 * SHARED_BYTES));
      if (block === undefined) refused += 1;
      else held.push({ block, value: turn % 251 });
      block?.bytes.fill(turn % 251);
    } else if (held.length > 0) {
      const [{ block, value }] = held.splice(random.below(held.length), 1) as [(typeof held)[number]];
      expect(block.bytes.every((byte) => byte === value)).toBe(true);
      block.release();
    }
  }
  expect(refused).toBeGreaterThan(100);
  for (const { block } of held) block.release();
  expect(memory.used).toBe(0);
  expect(memory.take(largest)).toBeDefined();
});

test('a large tensor is copied in, a small one stays where it is', () => {
  const memory = memoryOf();
  const [large, small] = [tensor(filled(SHARED_BYTES, 7)), tensor(filled(8, 9))];
  const { tensors, blocks } = memory.share({ large, small })!;
  expect(tensors.large!.bytes.buffer).not.toBe(large.bytes.buffer);
  expect(tensors.large).toEqual(large);
  expect(tensors.small).toBe(small);
  for (const block of blocks) block.release();
  expect(memory.used).toBe(0);
});

test('what lies there already is not copied, and stays until both have let it go', () => {
  const memory = memoryOf();
  const block = memory.take(SHARED_BYTES)!;
  const { tensors, blocks } = memory.share({ x: tensor(block.bytes) })!;
  expect(tensors.x!.bytes.byteOffset).toBe(block.bytes.byteOffset);
  expect(memory.used).toBe(SHARED_BYTES);
  block.release();
  expect(memory.used).toBe(SHARED_BYTES);
  for (const each of blocks) each.release();
  expect(memory.used).toBe(0);
});

test('an input may be called as every object has it', () => {
  const bytes = filled(SHARED_BYTES, 3);
  const given = Object.fromEntries([['__proto__', tensor(bytes)]]);
  const { tensors } = memoryOf().share(given)!;
  expect(Object.keys(tensors)).toEqual(['__proto__']);
});

test('where none is large, or nothing is free, tensors are left as they are', () => {
  const memory = memoryOf();
  expect(memory.share({ x: tensor(filled(8, 1)) })).toBeUndefined();
  memory.take(MEMORY_BYTES - 64);
  expect(memory.share({ x: tensor(filled(SHARED_BYTES, 1)) })).toBeUndefined();
});
