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
});

test('a body of no piece is empty', () => {
  expect(gathered(new PieceWriter().end())).toEqual(new Uint8Array());
});

test('pieces of any size come out in their order', () => {
  const writer = new PieceWriter();
  const sizes = [1, 1, 20_000, 3, 16_383, 16_384, 65_536, 1, ...Array(10).fill(9000), 7];
  let value = 0;
  const pieces = sizes.map((size) => Uint8Array.from({ length: size }, () => value++ % 251));
  const whole = Buffer.concat(pieces);
  for (const piece of pieces) writer.add(piece);
  expect(Buffer.from(gathered(writer.end())).equals(whole)).toBe(true);
});

test('a million pieces of a byte take little more memory than a million bytes', () => {
  const writer = new PieceWriter();
  const before = process.memoryUsage().rss;
  for (let count = 0; count < 1_000_000; count++) writer.add(Uint8Array.of(1));
  expect(process.memoryUsage().rss - before).toBeLessThan(100 * 2 ** 20);
  expect(gathered(writer.end()).byteLength).toBe(1_000_000);
});
