// Pictures as tensors: layouts, channels, numbers, sizes, and pictures that are none.

import { expect, test } from '@jest/globals';
import sharp, { type Color, type CreateRaw } from 'sharp';
import { createCodecs } from '../../src/codecs/codecs.js';
import { fromFloat16Bits } from '../../src/json/float16.js';
import type { ImageMapping, Model } from '../../src/model-repository/model.js';
import type { Dimension, NumericTensor, NumericType } from '../../src/tensor.js';
import { bodyOf, codecModel, imageMapping, spec } from '../support/codec-models.js';
import { refusalOf } from '../support/errors.js';

const codecs = createCodecs({ maxBodyBytes: 64 * 1024, maxAnswerBytes: 2 ** 28 });

const AXES: Readonly<Record<string, Dimension>> = { N: 'batch', H: 'height', W: 'width', C: 'channels' };

function pictureModel(mapping: Partial<ImageMapping>, type: NumericType = 'uint8'): Model {
  const image = imageMapping(mapping);
  const shape = [...image.layout].map((axis) => AXES[axis]!);
  return codecModel({ inputs: [spec('x', type, shape)], settings: { image } });
}

async function decode(body: Uint8Array, model: Model, mediaType = 'image/png'): Promise<NumericTensor> {
  const { inputs } = await codecs.decode({ mediaType, body: bodyOf(body), headers: {}, model });
  return inputs.x as NumericTensor;
}

/** Two rows of three pixels, each channel of each pixel another. */
const PIXELS = Uint8Array.from({ length: 18 }, (_, sample) => 10 * sample);
const RGB = { width: 3, height: 2, channels: 3 } as const;

function png(pixels: Uint8Array, raw: CreateRaw): Promise<Buffer> {
  return sharp(pixels, { raw }).png().toBuffer();
}

const picture = (): Promise<Buffer> => png(PIXELS, RGB);

const plain = (width: number, height: number, background: Color): Promise<Buffer> =>
  sharp({ create: { width, height, channels: 4, background } })
    .png()
    .toBuffer();

const list = ({ bytes }: NumericTensor): number[] => [...bytes];

test.each<[ImageMapping['layout'], number[]]>([
  ['HWC', [2, 3, 3]],
  ['NHWC', [1, 2, 3, 3]],
])('%s keeps the samples of a pixel together', async (layout, dims) => {
  const tensor = await decode(await picture(), pictureModel({ layout }));
  expect(tensor).toMatchObject({ type: 'uint8', dims });
  expect(list(tensor)).toEqual([...PIXELS]);
});

test.each<[ImageMapping['layout'], number[]]>([
  ['CHW', [3, 2, 3]],
  ['NCHW', [1, 3, 2, 3]],
])('%s makes a plane of each channel', async (layout, dims) => {
  const tensor = await decode(await picture(), pictureModel({ layout }));
  expect(tensor.dims).toEqual(dims);
  expect(list(tensor)).toEqual(
    [0, 1, 2].flatMap((c) => [0, 3, 6, 9, 12, 15].map((pixel) => 10 * (pixel + c))),
  );
});

test('BGR turns the channels round, in pixels and in planes', async () => {
  const interleaved = await decode(await picture(), pictureModel({ channels: 'BGR' }));
  expect(list(interleaved).slice(0, 6)).toEqual([20, 10, 0, 50, 40, 30]);
  const planar = await decode(await picture(), pictureModel({ channels: 'BGR', layout: 'CHW' }));
  expect(list(planar).slice(0, 6)).toEqual([20, 50, 80, 110, 140, 170]);
});

test.each<[ImageMapping['layout'], number[]]>([
  ['HW', [2, 3]],
  ['NHW', [1, 2, 3]],
  ['HWC', [2, 3, 1]],
  ['NCHW', [1, 1, 2, 3]],
])('gray in %s is one channel', async (layout, dims) => {
  const gray = Uint8Array.of(0, 50, 100, 150, 200, 250);
  const body = await png(gray, { width: 3, height: 2, channels: 1 });
  const tensor = await decode(body, pictureModel({ layout, channels: 'gray' }));
  expect(tensor.dims).toEqual(dims);
  expect(list(tensor)).toEqual([...gray]);
});

test('a gray picture becomes three equal channels, a coloured one a single gray', async () => {
  const gray = await png(Uint8Array.of(7, 200), { width: 2, height: 1, channels: 1 });
  expect(list(await decode(gray, pictureModel({})))).toEqual([7, 7, 7, 200, 200, 200]);
  const green = await decode(await plain(1, 1, '#00ff00'), pictureModel({ layout: 'HW', channels: 'gray' }));
  expect(list(green)[0]).toBeGreaterThan(100);
  expect(list(green)[0]).toBeLessThan(255);
});

test('float32 values are (pixel * scale - mean) / std, each channel with its own', async () => {
  const mapping = { scale: 1 / 255, mean: [0.5, 0.25, 0], std: [0.5, 1, 2] };
  const { bytes } = await decode(await picture(), pictureModel(mapping, 'float32'));
  const values = [...new Float32Array(Uint8Array.from(bytes).buffer)];
  const expected = [...PIXELS].map((pixel, sample) =>
    Math.fround((pixel / 255 - mapping.mean[sample % 3]!) / mapping.std[sample % 3]!),
  );
  expect(values).toEqual(expected);
});

test('float16 and float64 values are the nearest, integers are rounded and held to their range', async () => {
  const model = (type: NumericType) => pictureModel({ scale: 0.3, mean: [10] }, type);
  const expected = [...PIXELS].map((pixel) => pixel * 0.3 - 10);
  const half = await decode(await picture(), model('float16'));
  const halves = [...new Uint16Array(Uint8Array.from(half.bytes).buffer)].map(fromFloat16Bits);
  for (const [index, value] of halves.entries()) expect(value).toBeCloseTo(expected[index]!, 1);
  const double = await decode(await picture(), model('float64'));
  expect([...new Float64Array(Uint8Array.from(double.bytes).buffer)]).toEqual(expected);
  const rounded = expected.map(Math.round);
  expect(list(await decode(await picture(), model('uint8')))).toEqual(
    rounded.map((value) => Math.max(0, value)),
  );
  const int64 = await decode(await picture(), model('int64'));
  expect([...new BigInt64Array(Uint8Array.from(int64.bytes).buffer)].map(Number)).toEqual(
    rounded.map((value) => value + 0),
  );
});

test('invert turns dark strokes on light ground into ink', async () => {
  const body = await png(Uint8Array.of(0, 255, 240), { width: 3, height: 1, channels: 1 });
  const tensor = await decode(body, pictureModel({ layout: 'HW', channels: 'gray', invert: true }));
  expect(list(tensor)).toEqual([255, 0, 15]);
});

test('a picture is resized to the size of the mapping', async () => {
  const body = await plain(40, 20, '#102030');
  for (const fit of ['fill', 'cover'] as const) {
    const tensor = await decode(body, pictureModel({ width: 4, height: 4, fit }));
    expect(tensor.dims).toEqual([4, 4, 3]);
    expect(list(tensor)).toEqual(Array.from({ length: 16 }, () => [16, 32, 48]).flat());
  }
});

test.each([
  [false, 0],
  [true, 255],
])('contain pads: with invert %s by pixels of %d', async (invert, ground) => {
  const body = await plain(40, 20, '#808080');
  const model = pictureModel({ layout: 'HW', channels: 'gray', width: 4, height: 4, fit: 'contain', invert });
  const rows = list(await decode(body, model));
  const pad = invert ? 255 - ground : ground;
  const middle = invert ? 127 : 128;
  expect(rows).toEqual([...Array(4).fill(pad), ...Array(8).fill(middle), ...Array(4).fill(pad)]);
});

test('what is transparent is white', async () => {
  const body = await plain(1, 1, { r: 255, g: 0, b: 0, alpha: 0 });
  expect(list(await decode(body, pictureModel({})))).toEqual([255, 255, 255]);
});

test('a picture of 16 bits a sample becomes one of 8', async () => {
  const body = await sharp(PIXELS, { raw: RGB }).toColourspace('rgb16').png().toBuffer();
  expect((await sharp(body).metadata()).depth).toBe('ushort');
  expect(list(await decode(body, pictureModel({})))).toEqual([...PIXELS]);
});

test('a picture lies as its EXIF orientation says', async () => {
  const body = await sharp(PIXELS, { raw: RGB }).withMetadata({ orientation: 6 }).jpeg().toBuffer();
  const tensor = await decode(body, pictureModel({}), 'image/jpeg');
  expect(tensor.dims).toEqual([3, 2, 3]);
});

test.each(['jpeg', 'webp'] as const)('%s is taken', async (format) => {
  const body = await sharp(await plain(8, 8, '#ff8000'))
    .flatten()
    .toFormat(format, { quality: 100 })
    .toBuffer();
  const [red, green, blue] = list(await decode(body, pictureModel({}), `image/${format}`));
  expect(Math.abs(red! - 255) + Math.abs(green! - 128) + Math.abs(blue!)).toBeLessThan(15);
});

test('other inputs have their defaults', async () => {
  const model = codecModel({
    inputs: [spec('x', 'uint8', ['h', 'w', 3]), spec('t', 'float32', [1])],
    settings: { image: imageMapping(), defaults: { t: [0.5] } },
  });
  const { inputs } = await codecs.decode({
    mediaType: 'image/png',
    body: await picture(),
    headers: {},
    model,
  });
  expect(inputs.t).toEqual({ type: 'float32', dims: [1], bytes: Uint8Array.of(0, 0, 0, 63) });
});

test('a size that the model does not take is refused', async () => {
  const model = codecModel({ inputs: [spec('x', 'uint8', [8, 8, 3])], settings: { image: imageMapping() } });
  expect(await refusalOf(async () => decode(await picture(), model))).toEqual({
    code: 'invalid_input',
    message: 'input x is uint8[8,8,3]: the picture has the shape [2,3,3]',
  });
});

test('a picture of more pixels than a body may have bytes is refused by its header', async () => {
  const body = await plain(200, 200, '#fff');
  expect(body.length).toBeLessThan(5000);
  expect(await refusalOf(() => decode(body, pictureModel({ width: 2, height: 2 })))).toEqual({
    code: 'body_too_large',
    message: 'the picture of 200 x 200 pixels takes 160000 bytes decompressed, more than 65536',
  });
});

test('a picture that makes too large a tensor is refused', async () => {
  const body = await sharp(await plain(100, 100, '#fff'))
    .flatten()
    .png()
    .toBuffer();
  expect((await refusalOf(() => decode(body, pictureModel({}, 'float32')))).message).toBe(
    'the picture of 100 x 100 pixels takes 120000 bytes as float32[height,width,channels], more than 65536',
  );
});

test.each([
  ['nothing', Buffer.alloc(0), 'expected image/png, got an empty body'],
  ['a text', Buffer.from('hello'), 'expected image/png, got a body that begins with the bytes 68656c6c6f'],
  [
    'a vector drawing',
    Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'),
    'expected image/png, got a body that begins with the bytes 3c73766720786d6c6e733d22',
  ],
])('%s is no picture', async (_what, body, problem) => {
  expect(await refusalOf(() => decode(body, pictureModel({})))).toEqual({
    code: 'invalid_input',
    message: `input x: ${problem}`,
  });
});

test('a picture of another format than its Content-Type is refused', async () => {
  const refusal = await refusalOf(async () => decode(await picture(), pictureModel({}), 'image/jpeg'));
  expect(refusal.message).toContain('expected image/jpeg, got a body that begins with the bytes 89504e47');
});

test.each([9, 30, 60, 300])('a picture cut off after %d bytes is refused in one line', async (length) => {
  const noise = Uint8Array.from({ length: 3 * 400 }, (_, index) => (index * 7919) % 251);
  const body = await png(noise, { width: 20, height: 20, channels: 3 });
  const refusal = await refusalOf(() => decode(body.subarray(0, length), pictureModel({})));
  expect(refusal.code).toBe('invalid_input');
  expect(refusal.message).toMatch(/^input x: the picture can't be decoded: \w.*\w$/);
});

test('a broken JPEG is refused', async () => {
  const body = await sharp(await plain(64, 64, '#123456'))
    .flatten()
    .jpeg()
    .toBuffer();
  const refusal = await refusalOf(() =>
    decode(body.subarray(0, body.length - 20), pictureModel({}), 'image/jpeg'),
  );
  expect(refusal).toMatchObject({
    code: 'invalid_input',
    message: expect.stringContaining("can't be decoded"),
  });
});

test('a large picture is converted whole, piece by piece', async () => {
  const large = createCodecs({ maxBodyBytes: 16 * 2 ** 20, maxAnswerBytes: 2 ** 28 });
  const width = 700;
  const height = 500;
  const samples = Uint8Array.from({ length: 3 * width * height }, (_, index) => (index * 31) % 256);
  const body = await png(samples, { width, height, channels: 3 });
  const model = pictureModel({ layout: 'CHW' }, 'float32');
  const { inputs } = await large.decode({ mediaType: 'image/png', body, headers: {}, model });
  const values = new Float32Array(Uint8Array.from((inputs.x as NumericTensor).bytes).buffer);
  const count = width * height;
  for (let pixel = 0; pixel < count; pixel++) {
    for (let channel = 0; channel < 3; channel++) {
      if (values[channel * count + pixel] !== samples[3 * pixel + channel])
        throw new Error(`pixel ${pixel} differs`);
    }
  }
});
