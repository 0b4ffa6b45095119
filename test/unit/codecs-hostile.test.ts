// Generated nonsense in every form of body: each is served or refused with a 4xx, and nothing else ever happens.

import { gzipSync } from 'node:zlib';
import { afterAll, expect, test } from '@jest/globals';
import { createCodecs } from '../../src/codecs/codecs.js';
import { ServiceError } from '../../src/errors.js';
import { ELEMENT_TYPES, elementCount, stringsOf, tensorBytes } from '../../src/tensor.js';
import { bodyOf, codecModel, imageMapping, spec } from '../support/codec-models.js';
import { type Random, seededRandom } from '../support/random.js';

const MAX_BYTES = 64 * 1024;
const codecs = createCodecs({ maxBodyBytes: MAX_BYTES, maxAnswerBytes: 2 ** 28 });
afterAll(() => codecs.close());

/** One input of each type, and all of them left out with success. */
const everything = codecModel({
  inputs: ELEMENT_TYPES.map((type) => spec(type, type, ['n', 2])),
  outputs: [spec('y', 'float32', ['n']), spec('z', 'int64', [])],
  settings: { defaults: Object.fromEntries(ELEMENT_TYPES.map((type) => [type, []])) },
});

const raw = codecModel({
  inputs: [spec('x', 'int16', ['a', 'b', 3])],
  settings: { emptyInputs: ['x'] },
});
const picture = codecModel({
  inputs: [spec('x', 'float32', [1, 3, 'h', 'w'])],
  settings: { image: imageMapping({ layout: 'NCHW', scale: 0.1 }) },
});

/** Whether it was served; throws unless a refusal is one that a caller can do something about. */
async function isServed(decode: () => ReturnType<typeof codecs.decode>): Promise<boolean> {
  try {
    const { inputs } = await decode();
    for (const tensor of Object.values(inputs)) {
      const isWhole =
        tensor.type === 'string' ? stringsOf(tensor).length === elementCount(tensor.dims) : true;
      if (!isWhole || tensorBytes(tensor) > 8 * MAX_BYTES)
        throw new Error(`a tensor that is not whole: ${tensor.dims}`);
    }
    return true;
  } catch (error) {
    if (!(error instanceof ServiceError) || error.status >= 500 || error.message.length > 1000) throw error;
    return false;
  }
}

const WEIRD = [
  'null',
  'true',
  '-0',
  '1e999',
  '1e-999',
  '9007199254740993',
  '0.1',
  '-1',
  '256',
  '1.5',
  '"NaN"',
  '"Infinity"',
  '"-Infinity"',
  '"9223372036854775807"',
  '"99999999999999999999"',
  '""',
  '"\\u0000"',
  '"\\ud800"',
  '{}',
  '{"a":1}',
  '[]',
  '[[]]',
  '[[[1]]]',
  '"a"',
  '00',
];

function weirdValue(random: Random): string {
  const element = () => (random.below(4) === 0 ? random.pick(WEIRD) : String(random.below(2)));
  const row = () =>
    `[${Array.from({ length: random.below(8) === 0 ? random.below(4) : 2 }, element).join(',')}]`;
  if (random.below(6) === 0) return random.pick(WEIRD);
  return `[${Array.from({ length: random.below(4) }, row).join(',')}]`;
}

function weirdRequest(random: Random): string {
  const names = [...ELEMENT_TYPES, '__proto__', 'constructor', 'float', ''];
  const inputs = Array.from(
    { length: random.below(4) },
    () => `${JSON.stringify(random.pick(names))}:${weirdValue(random)}`,
  );
  const parts = [`"inputs":{${inputs.join(',')}}`];
  if (random.below(4) === 0)
    parts.push(`"outputs":${random.pick(['["y"]', '["z","y"]', '["x"]', '[]', '{}', '["y","y"]'])}`);
  if (random.below(4) === 0) parts.push(`"parameters":{"timeout":${random.pick(WEIRD)}}`);
  if (random.below(8) === 0) parts.push(`"priority":${random.pick(WEIRD)}`);
  if (random.below(4) === 0) parts.reverse();
  return `{${parts.join(',')}}`;
}

/** Some bytes changed, cut off, or repeated. */
function damaged(body: Uint8Array, random: Random): Buffer {
  const bytes = Buffer.from(body);
  for (let change = random.below(4); change > 0 && bytes.length > 0; change--)
    bytes[random.below(bytes.length)] = random.below(256);
  return bodyOf(random.below(3) === 0 ? bytes.subarray(0, random.below(bytes.length + 1)) : bytes);
}

test('generated JSON', async () => {
  const random = seededRandom(10);
  let served = 0;
  for (let round = 0; round < 20_000; round++) {
    const text = bodyOf(weirdRequest(random));
    const body = random.below(3) === 0 ? damaged(text, random) : text;
    if (
      await isServed(() =>
        codecs.decode({ mediaType: 'application/json', body, headers: {}, model: everything }),
      )
    )
      served++;
  }
  expect(served).toBeGreaterThan(1000);
  expect(served).toBeLessThan(15_000);
});

test('generated shapes for raw bodies', async () => {
  const random = seededRandom(11);
  const sizes = [
    '0',
    '1',
    '2',
    '3',
    '4',
    '999999999999999',
    '9999999999999999',
    '-1',
    '1e3',
    '',
    ' 3 ',
    'NaN',
    '3,3',
  ];
  let served = 0;
  for (let round = 0; round < 5000; round++) {
    const tensorShape = [
      random.pick(sizes),
      random.pick(sizes),
      random.pick(['3', '3', random.pick(sizes)]),
    ].join(',');
    const body = new Uint8Array(random.pick([0, 6, 12, 24, 1 + random.below(100)]));
    if (
      await isServed(() =>
        codecs.decode({ mediaType: 'application/octet-stream', body, headers: { tensorShape }, model: raw }),
      )
    )
      served++;
  }
  expect(served).toBeGreaterThan(50);
});

/** The smallest whole PNG: one gray pixel. */
const PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==',
  'base64',
);

test('damaged pictures', async () => {
  const random = seededRandom(12);
  const decode = (body: Uint8Array) =>
    codecs.decode({ mediaType: 'image/png', body, headers: {}, model: picture });
  expect(await isServed(() => decode(PIXEL))).toBe(true);
  for (let round = 0; round < 500; round++) await isServed(() => decode(damaged(PIXEL, random)));
});

test('damaged gzip', async () => {
  const random = seededRandom(13);
  const whole = gzipSync(Buffer.from(weirdRequest(random).repeat(20)));
  for (let round = 0; round < 500; round++) {
    try {
      const { byteLength } = await codecs.inflate(damaged(whole, random), 'gzip', {
        maxBytes: MAX_BYTES,
        onBytes: () => {},
      });
      expect(byteLength).toBeLessThanOrEqual(MAX_BYTES);
    } catch (error) {
      if (!(error instanceof ServiceError) || error.status >= 500) throw error;
    }
  }
});
