// What a tensor counts for in memory, against which --queue-bytes is held.

import { expect, test } from '@jest/globals';
import { tensorBytes } from '../../src/tensor.js';

test('numbers count as their bytes', () => {
  expect(tensorBytes({ type: 'float32', dims: [3], bytes: new Uint8Array(12) })).toBe(12);
});

test('a string counts two bytes a character, and 32 besides', () => {
  expect(tensorBytes({ type: 'string', dims: [1], strings: ['hello'] })).toBe(42);
});

test('strings without a character count too: a list of a million of them is not small', () => {
  const strings = Array.from({ length: 1e6 }, () => '');
  expect(tensorBytes({ type: 'string', dims: [strings.length], strings })).toBe(32e6);
});
