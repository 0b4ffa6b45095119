// Frames come out as they went in, however the stream that carries them is cut.

import { expect, test } from '@jest/globals';
import { decodeFrame, encodeFrame, FrameReader } from '../../src/runner/protocol.js';
import type { Tensor } from '../../src/tensor.js';

const tensorOf = (length: number): Tensor => ({
  type: 'uint8',
  dims: [length],
  bytes: Uint8Array.from({ length }, (_, index) => index * 7),
});

const LENGTHS = [0, 1, 5, 70_000, 3, 300_000, 8, 70_000, 1];
const stream = Buffer.concat(LENGTHS.flatMap((length, id) => encodeFrame({ id }, [['x', tensorOf(length)]])));

function expectAll(frames: readonly ArrayBuffer[]): void {
  const got = frames.map((frame) => decodeFrame<{ id: number }>(frame));
  expect(got.map(({ message }) => message.id)).toEqual(LENGTHS.map((_, id) => id));
  for (const [id, { tensors }] of got.entries()) {
    expect(Buffer.compare(tensors.x!.bytes, tensorOf(LENGTHS[id]!).bytes)).toBe(0);
  }
}

test.each([1, 7, 1000, 65_536, 219_264, 10 ** 7])('in pieces of %d bytes', (size) => {
  const reader = new FrameReader();
  const frames: ArrayBuffer[] = [];
  for (let offset = 0; offset < stream.length; offset += size) {
    frames.push(...reader.push(stream.subarray(offset, offset + size)));
  }
  expectAll(frames);
});

test('of what lies in memory that both hold, only the place is sent', () => {
  const shared = Uint8Array.from({ length: 1000 }, (_, index) => index);
  const inShared: Tensor = { type: 'uint8', dims: [100], bytes: shared.subarray(192, 292) };
  const tensors = { before: tensorOf(3), inShared, after: tensorOf(5) };
  const pieces = encodeFrame({ id: 1 }, Object.entries(tensors), shared);
  const [frame] = new FrameReader().push(Buffer.concat(pieces));
  const got = decodeFrame(frame!, () => shared.slice());
  for (const [name, tensor] of Object.entries(tensors))
    expect(Buffer.compare(got.tensors[name]!.bytes, tensor.bytes)).toBe(0);
  expect(frame!.byteLength).toBeLessThan(400);
});
