// What a tensor holds, and what it counts for in memory, against which --queue-bytes is held.

import { expect, test } from '@jest/globals';
import { stringsOf, stringTensor, tensorBytes } from '../../src/tensor.js';

test('a tensor counts as its bytes', () => {
  expect(tensorBytes({ type: 'float32', dims: [3], bytes: new Uint8Array(12) })).toBe(12);
});

test('strings count as the text of their list', () => {
  expect(tensorBytes(stringTensor([2], ['hello', 'ä']))).toBe('["hello","ä"]'.length + 1);
});

test('strings without a character count too: a list of a million of them is not small', () => {
  const strings = Array.from({ length: 1e6 }, () => '');
  expect(tensorBytes(stringTensor([strings.length], strings))).toBe(3e6 + 1);
});

test.each([[[]], [['']], [['a', 'ä€😀', '"\\\n\u2028', '__proto__']]])(
  'strings come back from it: %j',
  (strings) => {
    expect(stringsOf(stringTensor([strings.length], strings))).toEqual(strings);
  },
);

test('strings lie in memory of their own, which can be given to another thread', () => {
  const { bytes } = stringTensor([1], ['a']);
  expect(structuredClone(bytes, { transfer: [bytes.buffer as ArrayBuffer] })).toEqual(Buffer.from('["a"]'));
  expect(bytes.byteLength).toBe(0);
});
