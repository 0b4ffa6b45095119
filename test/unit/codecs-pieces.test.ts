// Large bodies on their way to a worker thread.

import { expect, test } from '@jest/globals';
import { gathered, isInPieces, PieceWriter } from '../../src/codecs/pieces.js';

test('what is written in pieces comes out as one, whoever else has the memory that a piece is part of', () => {
  const writer = new PieceWriter();
  const shared = Uint8Array.of(9, 1, 2, 9);
  const own = Uint8Array.of(3, 4, 5);
  writer.add(shared.subarray(1, 3));
  writer.add(own);
  const pieces = writer.end();
  expect(isInPieces(pieces)).toBe(true);
  expect(pieces.byteLength).toBe(5);
  expect(gathered(pieces)).toEqual(Uint8Array.of(1, 2, 3, 4, 5));
  expect(shared).toEqual(Uint8Array.of(9, 1, 2, 9));
  expect(own.byteLength).toBe(0);
});

test('a body of no piece is empty', () => {
  expect(gathered(new PieceWriter().end())).toEqual(new Uint8Array());
});
