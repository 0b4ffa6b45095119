// What of a picture's file reaches its decoder: what it looks like, and nothing else.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import sharp, { type Sharp } from 'sharp';
import type { PictureType } from '../../src/codecs/media-types.js';
import { stripPicture } from '../../src/codecs/strip.js';
import { refusalOf } from '../support/errors.js';
import { PROJECT } from '../support/oneslot.js';
import {
  jpegSegment,
  pngBomb,
  pngChunk,
  pngChunks,
  webpChunk,
  webpChunks,
  withChunks,
  withSegments,
  withWebpChunks,
} from '../support/picture-files.js';
import { seededRandom } from '../support/random.js';

const WIDTH = 61;
const HEIGHT = 47;

function noise(channels: 1 | 3 | 4): Sharp {
  const samples = Uint8Array.from({ length: WIDTH * HEIGHT * channels }, (_, i) => i * 7919 + ((i * i) >> 3));
  return sharp(samples, { raw: { width: WIDTH, height: HEIGHT, channels } });
}

const strip = (mediaType: PictureType, file: Uint8Array): Uint8Array =>
  stripPicture({ mediaType, body: Uint8Array.from(file), input: 'x' });

const typeOf = async (file: Uint8Array): Promise<PictureType> =>
  `image/${(await sharp(file).metadata()).format}` as PictureType;

async function pixelsOf(file: Uint8Array): Promise<unknown> {
  const { data, info } = await sharp(file, { failOn: 'error', autoOrient: true })
    .flatten({ background: '#fff' })
    .raw()
    .toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  return { width, height, channels, data: data.toString('base64') };
}

const animation = async (): Promise<Sharp> =>
  sharp([await noise(4).png().toBuffer(), await noise(4).negate().png().toBuffer()], {
    join: { animated: true },
  });

const ORIENTATIONS = [1, 2, 3, 4, 5, 6, 7, 8];
const oriented = (format: 'png' | 'jpeg' | 'webp') =>
  ORIENTATIONS.map((orientation): [string, () => Promise<Buffer>] => [
    `${format} of orientation ${orientation}`,
    () => noise(3).withMetadata({ orientation }).toFormat(format, { quality: 90 }).toBuffer(),
  ]);

test.each<[string, () => Promise<Buffer> | Buffer]>([
  ['the shipped digit', () => readFileSync(`${PROJECT}models/digits/seven.png`)],
  ['the shipped face', () => readFileSync(`${PROJECT}models/face-detector/astronaut.png`)],
  ['16 bits', () => noise(3).toColourspace('rgb16').png().toBuffer()],
  ['a palette with transparency', () => noise(4).png({ palette: true, colours: 30 }).toBuffer()],
  ['an interlaced PNG', () => noise(4).png({ progressive: true }).toBuffer()],
  ['a gray PNG', () => noise(1).png().toBuffer()],
  ['a gray JPEG', () => noise(1).jpeg().toBuffer()],
  ['a CMYK JPEG', () => noise(3).toColourspace('cmyk').jpeg().toBuffer()],
  ['a progressive JPEG', () => noise(3).jpeg({ progressive: true, mozjpeg: true }).toBuffer()],
  [
    'a JPEG with restart markers',
    () =>
      noise(3)
        .jpeg({ restartInterval: 2 } as object)
        .toBuffer(),
  ],
  ['a JPEG with EXIF, XMP and a profile', photo],
  ['a lossless WebP with transparency', () => noise(4).webp({ lossless: true }).toBuffer()],
  ['a lossy WebP with transparency', () => noise(4).webp({ quality: 60 }).toBuffer()],
  ['a lossy WebP', () => noise(3).webp({ quality: 60 }).toBuffer()],
  ['an animation', async () => await (await animation()).webp({ lossless: true }).toBuffer()],
  ['a lossy animation', async () => await (await animation()).webp({ quality: 50 }).toBuffer()],
  ...oriented('png'),
  ...oriented('jpeg'),
  ...oriented('webp'),
])('%s looks the same', async (_what, make) => {
  const file = await make();
  const stripped = strip(await typeOf(file), file);
  expect(await pixelsOf(stripped)).toEqual(await pixelsOf(file));
  expect(stripped.length).toBeLessThanOrEqual(file.length);
});

async function photo(): Promise<Buffer> {
  return await noise(3)
    .withExif({ IFD0: { Copyright: 'x'.repeat(5000) } })
    .withMetadata({ orientation: 6 })
    .withIccProfile('srgb')
    .withXmp('<x:xmpmeta xmlns:x="adobe:ns:meta/"/>')
    .jpeg()
    .toBuffer();
}

test('a colour profile is not applied: values are those of the file', async () => {
  const plain = await noise(3).png().toBuffer();
  const profiled = withChunks(plain, [iccChunk(await noise(3).withIccProfile('p3').png().toBuffer())]);
  expect(await pixelsOf(profiled)).not.toEqual(await pixelsOf(plain));
  expect(await pixelsOf(strip('image/png', profiled))).toEqual(await pixelsOf(plain));
});

function iccChunk(png: Buffer): Buffer {
  const at = png.indexOf('iCCP') - 4;
  return png.subarray(at, at + png.readUInt32BE(at) + 12);
}

describe('nothing else is left', () => {
  test('of a PNG, wherever it stands', async () => {
    const png = await noise(4).png({ palette: true }).toBuffer();
    const others = [
      pngBomb('zTXt', 1000),
      pngBomb('iTXt', 1000),
      pngBomb('iCCP', 1000),
      ...['tEXt', 'gAMA', 'cHRM', 'sBIT', 'bKGD', 'hIST', 'sPLT', 'tIME', 'acTL', 'fcTL', 'fdAT', 'zzZz'].map(
        (type) => pngChunk(type, Buffer.alloc(20, 1)),
      ),
    ];
    const end = png.length - 12;
    const file = Buffer.concat([
      withChunks(png.subarray(0, end), others),
      ...others,
      png.subarray(end),
      Buffer.alloc(5000),
    ]);
    const names = pngChunks(strip('image/png', file));
    expect([...new Set(names)]).toEqual(['IHDR', 'PLTE', 'tRNS', 'IDAT', 'IEND']);
    expect(await pixelsOf(strip('image/png', file))).toEqual(await pixelsOf(png));
  });

  test('of a JPEG', async () => {
    const jpeg = await noise(3).jpeg().toBuffer();
    const others = [
      jpegSegment(0xe0, 'JFXX\0\x13thumbnail'),
      jpegSegment(0xe1, 'http://ns.adobe.com/xap/1.0/\0<x/>'),
      jpegSegment(0xe2, 'ICC_PROFILE\0\x01\x01'),
      jpegSegment(0xed, 'Photoshop 3.0'),
      jpegSegment(0xee, 'not Adobe'),
      jpegSegment(0xfe, 'a comment'),
    ];
    const file = Buffer.concat([withSegments(jpeg, others), Buffer.from('a second picture behind it')]);
    expect(Buffer.compare(strip('image/jpeg', file), jpeg)).toBe(0);
  });

  test('of a WebP but the first frame', async () => {
    const webp = await (await animation())
      .webp({ lossless: true })
      .withMetadata({ orientation: 6 })
      .toBuffer();
    const file = withWebpChunks(
      webp,
      ['XMP ', 'ICCP', 'ABCD'].map((name) => webpChunk(name, Buffer.alloc(999))),
    );
    expect(webpChunks(file).filter((name) => name === 'ANMF')).toHaveLength(2);
    expect(webpChunks(strip('image/webp', file))).toEqual(['VP8X', 'ANIM', 'ANMF', 'EXIF']);
  });

  test('of EXIF but which side is up', async () => {
    const small = strip('image/jpeg', await photo());
    expect(Buffer.from(small).includes('xxxx')).toBe(false);
    expect((await sharp(small).metadata()).orientation).toBe(6);
    expect((await sharp(small).metadata()).exif).toHaveLength(6 + 26);
  });
});

describe('a file whose parts do not fit into it is refused with the place', () => {
  const reason = (mediaType: PictureType, file: Uint8Array) => refusalOf(() => strip(mediaType, file));

  test.each<[string, PictureType, () => Promise<Buffer>, string]>([
    [
      'a PNG chunk of 4 GB',
      'image/png',
      async () => withChunks(await png(), [Buffer.from('ffffffff7a545874', 'hex')]),
      'its chunk zTXt at byte 33 is cut off: it says that it has 4294967295 bytes',
    ],
    [
      'a PNG without its end',
      'image/png',
      async () => (await png()).subarray(0, -12),
      'it is cut off: it has no chunk IEND',
    ],
    [
      'a PNG that begins otherwise',
      'image/png',
      async () =>
        Buffer.concat([
          (await png()).subarray(0, 8),
          pngChunk('zTXt', Buffer.alloc(9)),
          (await png()).subarray(8),
        ]),
      'its first chunk is not IHDR',
    ],
    [
      'a PNG of too many chunks',
      'image/png',
      async () => withChunks(await png(), Array(70_000).fill(pngChunk('IDAT', Buffer.alloc(0)))),
      'it has more than 65536 parts',
    ],
    [
      'a JPEG segment beyond its end',
      'image/jpeg',
      async () => Buffer.concat([(await jpeg()).subarray(0, 100), Buffer.from('ffe1ffff', 'hex')]),
      'is cut off',
    ],
    [
      'a JPEG segment of no length',
      'image/jpeg',
      async () => withSegments(await jpeg(), [Buffer.from('ffe10000', 'hex')]),
      'its segment ffe1 at byte 2 is cut off',
    ],
    [
      'a JPEG without its end',
      'image/jpeg',
      async () => (await jpeg()).subarray(0, -2),
      'it has no end marker',
    ],
    [
      'a JPEG in a JPEG',
      'image/jpeg',
      async () =>
        withSegments(
          await jpeg(),
          [await jpeg()].map((inner) => inner.subarray(0, 2)),
        ),
      'a second picture begins in it at byte 2',
    ],
    [
      'a JPEG of two frames',
      'image/jpeg',
      async () => withSegments(await jpeg(), [jpegSegment(0xc0, Buffer.alloc(15, 1))]),
      'a second frame begins in it',
    ],
    [
      'a WebP cut off',
      'image/webp',
      async () => (await webp()).subarray(0, -3),
      'it is cut off: it says that it has',
    ],
    [
      'a WebP chunk beyond its end',
      'image/webp',
      async () => {
        const file = withWebpChunks(await webp(), [webpChunk('EXIF', Buffer.alloc(40))]);
        file.writeUInt32LE(4e9, file.length - 44);
        return file;
      },
      'its chunk EXIF at byte',
    ],
  ])('%s', async (_what, mediaType, make, problem) => {
    const { code, message } = await reason(mediaType, await make());
    expect(code).toBe('invalid_input');
    expect(message).toMatch(/^input x: the picture can't be decoded: /);
    expect(message).toContain(problem);
  });

  test('and so is a PNG of more data than its pixels can need', async () => {
    const file = withChunks(await png(), [pngChunk('IDAT', Buffer.alloc(100_000))]);
    expect((await reason('image/png', file)).message).toContain('it has more data than its pixels can need');
  });

  test('and so is a JPEG of more scans than its pixels are worth', async () => {
    const file = await noise(3).jpeg({ progressive: true }).toBuffer();
    const start = file.lastIndexOf(Buffer.from('ffda', 'hex'));
    const scan = file.subarray(start, file.length - 2);
    const many = (count: number) =>
      Buffer.concat([file.subarray(0, -2), ...Array(count).fill(scan), file.subarray(-2)]);
    expect((await reason('image/jpeg', many(300))).message).toContain('it has more than the 256 scans');
    const frame = file.indexOf(Buffer.from('ffc2', 'hex'));
    const vast = many(30);
    vast.writeUInt16BE(20_000, frame + 5);
    vast.writeUInt16BE(20_000, frame + 7);
    expect((await reason('image/jpeg', vast)).message).toContain('it has more than the 24 scans');
  });

  const png = () => noise(3).png().toBuffer();
  const jpeg = () => noise(3).jpeg().toBuffer();
  const webp = () => noise(3).webp().toBuffer();
});

test('whatever the bytes, it ends, with a picture that is no longer or with a refusal', async () => {
  const files = [
    await noise(4).png({ palette: true }).withMetadata({ orientation: 3 }).toBuffer(),
    await photo(),
    await noise(3).jpeg({ progressive: true }).toBuffer(),
    await (await animation()).webp({ lossless: true }).withMetadata({ orientation: 6 }).toBuffer(),
  ];
  const { below } = seededRandom(11);
  for (const file of files) {
    const mediaType = await typeOf(file);
    for (let round = 0; round < 2000; round++) {
      const mutated = Uint8Array.from(
        file.subarray(0, round % 3 === 0 ? 12 + below(file.length - 12) : undefined),
      );
      // Sizes and markers stand at the beginning, so most changes are made there.
      for (let change = 0; change < 4; change++) {
        mutated[12 + below((change % 2 === 0 ? 200 : mutated.length) - 12)] = [0, 0xff, below(256)][
          change % 3
        ]!;
      }
      try {
        expect(strip(mediaType, mutated).length).toBeLessThanOrEqual(mutated.length);
      } catch (error) {
        expect(error).toMatchObject({ code: 'invalid_input' });
      }
    }
  }
});
