// Compressed bodies: whole ones come back, broken and boundless ones are refused.

import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { expect, test } from '@jest/globals';
import { createCodecs } from '../../src/codecs/codecs.js';
import { refusalOf } from '../support/errors.js';

const codecs = createCodecs({ maxBodyBytes: 1024, maxAnswerBytes: 2 ** 28 });

const inflate = (raw: Uint8Array, coding: string, maxBytes: number, onBytes = (_bytes: number) => {}) =>
  codecs.inflate(raw, coding, { maxBytes, onBytes });

const COMPRESS = { gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync } as const;
const CODINGS = Object.keys(COMPRESS) as (keyof typeof COMPRESS)[];

const content = Buffer.from('{"inputs":{"image":[[[0,1,2]]]}}'.repeat(20));

test.each(CODINGS)('%s is undone', async (coding) => {
  const inflated = await inflate(COMPRESS[coding](content), coding, 1024);
  expect(Buffer.from(inflated).equals(content)).toBe(true);
});

test.each(CODINGS)('a %s body of exactly the limit passes, one byte more does not', async (coding) => {
  const compressed = COMPRESS[coding](content);
  expect((await inflate(compressed, coding, content.length)).byteLength).toBe(content.length);
  expect(await refusalOf(() => inflate(compressed, coding, content.length - 1))).toEqual({
    code: 'body_too_large',
    message: `the body has more than ${content.length - 1} bytes once decompressed`,
  });
});

test.each(CODINGS)('a %s bomb is refused long before it is inflated', async (coding) => {
  const bomb = COMPRESS[coding](Buffer.alloc(64 * 2 ** 20));
  expect(bomb.length).toBeLessThan(100_000);
  const before = process.memoryUsage().arrayBuffers;
  expect((await refusalOf(() => inflate(bomb, coding, 2 ** 16))).code).toBe('body_too_large');
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 2 ** 20);
});

test.each(CODINGS)('a %s body that is cut off is refused', async (coding) => {
  const compressed = COMPRESS[coding](content);
  for (const length of [0, 1, compressed.length >> 1, compressed.length - 1]) {
    const refusal = await refusalOf(() => inflate(compressed.subarray(0, length), coding, 1024));
    expect(refusal).toMatchObject({
      code: 'bad_request',
      message: expect.stringContaining(`no whole ${coding} data`),
    });
  }
});

test.each(CODINGS)('bytes that are no %s are refused', async (coding) => {
  expect((await refusalOf(() => inflate(Buffer.from('{"inputs":{}}'), coding, 1024))).code).toBe(
    'bad_request',
  );
});

test('a gzip body whose checksum is wrong is refused', async () => {
  const compressed = gzipSync(content);
  compressed[compressed.length - 5]! ^= 1;
  expect((await refusalOf(() => inflate(compressed, 'gzip', 1024))).code).toBe('bad_request');
});

test.each(CODINGS)('%s is counted as it grows, and ends where there is no room for more', async (coding) => {
  const compressed = COMPRESS[coding](Buffer.alloc(2 ** 20));
  let counted = 0;
  const whole = await inflate(compressed, coding, 2 ** 20, (bytes) => {
    counted += bytes;
  });
  expect([counted, whole.byteLength]).toEqual([2 ** 20, 2 ** 20]);
  const noRoom = new Error('no room');
  let calls = 0;
  const ended = inflate(compressed, coding, 2 ** 20, () => {
    calls += 1;
    if (calls === 2) throw noRoom;
  });
  await expect(ended).rejects.toBe(noRoom);
  expect(calls).toBe(2);
});

test('many at once all have their turn, those behind one that ended badly too', async () => {
  const good = gzipSync(content);
  const all = Array.from({ length: 40 }, (_, index) =>
    inflate(index % 3 === 0 ? good.subarray(0, 20) : good, 'gzip', 1024).then(
      ({ byteLength }) => byteLength,
      () => 'broken',
    ),
  );
  expect(await Promise.all(all)).toEqual(
    Array.from({ length: 40 }, (_, index) => (index % 3 === 0 ? 'broken' : content.length)),
  );
});
