// Pictures that are small to send take little memory, whatever else their files hold.

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import sharp from 'sharp';
import { forgetPeak, peakBytes, residentBytes } from '../support/memory-of.js';
import { type Oneslot, openBooks, PROJECT, startOneslot } from '../support/oneslot.js';
import {
  jpegSegment,
  pngBomb,
  webpChunk,
  withChunks,
  withSegments,
  withWebpChunks,
} from '../support/picture-files.js';
import { until } from '../support/until.js';

let oneslot: Oneslot;

beforeAll(async () => {
  oneslot = await startOneslot();
});

afterAll(async () => {
  expect(openBooks(await oneslot.metrics())).toBe(0);
  await oneslot[Symbol.asyncDispose]();
});

const digit = readFileSync(`${PROJECT}models/digits/seven.png`);

const predict = (body: Uint8Array, type = 'image/png') =>
  oneslot.post('/predict/digits?outputs=label', body, { headers: { 'content-type': type } });

test.each(['zTXt', 'iTXt'] as const)('900 chunks %s of 8 MB each are not looked at', async (type) => {
  const chunk = pngBomb(type, 7_900_000);
  const bomb = withChunks(digit, Array<Buffer>(900).fill(chunk));
  expect(bomb.length).toBeGreaterThan(6.5e6);
  await predict(digit);
  forgetPeak(oneslot.pid);
  const before = peakBytes(oneslot.pid);
  const { status, body } = await predict(bomb);
  expect([status, body.outputs]).toEqual([200, { label: [7] }]);
  expect(peakBytes(oneslot.pid) - before).toBeLessThan(100e6);
});

test('nor are 50 MB around a JPEG and a WebP', async () => {
  const jpeg = await sharp(digit).flatten({ background: '#fff' }).jpeg({ quality: 100 }).toBuffer();
  // Names that many programs use for it.
  for (const type of ['image/jpg', 'image/pjpeg', 'IMAGE/JPG; q=1']) {
    expect(await predict(jpeg, type)).toMatchObject({ status: 200, body: { outputs: { label: [7] } } });
  }
  const comment = jpegSegment(0xfe, Buffer.alloc(60_000, 65));
  const webp = await sharp(digit).webp({ lossless: true }).toBuffer();
  await predict(jpeg, 'image/jpeg');
  const bombs: [Buffer, string][] = [
    [withSegments(jpeg, Array<Buffer>(800).fill(comment)), 'image/jpeg'],
    [withWebpChunks(webp, [webpChunk('XMP ', Buffer.alloc(48e6, 65))]), 'image/webp'],
  ];
  for (const [bomb, type] of bombs) {
    forgetPeak(oneslot.pid);
    const before = peakBytes(oneslot.pid);
    const { status, body } = await predict(bomb, type);
    expect([type, status, body.outputs]).toEqual([type, 200, { label: [7] }]);
    expect(peakBytes(oneslot.pid) - before).toBeLessThan(bomb.length + 60e6);
  }
});

test('two dozen large pictures at once take the memory of a few, and give it back', async () => {
  const size = { width: 3000, height: 3000, channels: 3 } as const;
  const blank = sharp({ create: { ...size, background: '#fff' } });
  const [png, interlaced, progressive] = await Promise.all([
    blank.clone().png().toBuffer(),
    blank.clone().png({ progressive: true }).toBuffer(),
    blank.clone().jpeg({ progressive: true }).toBuffer(),
  ]);
  await predict(png);
  forgetPeak(oneslot.pid);
  const before = peakBytes(oneslot.pid);
  const answers = await Promise.all(
    Array.from({ length: 24 }, (_, index) =>
      index % 8 === 1
        ? predict(interlaced)
        : index % 8 === 2
          ? predict(progressive, 'image/jpeg')
          : predict(png),
    ),
  );
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  // Each has 27 MB of pixels, and takes up to three times that.
  expect(peakBytes(oneslot.pid) - before).toBeLessThan(4 * 64 * 2 ** 20);
  await until(() => residentBytes(oneslot.pid) - before < 80e6);
});
