// Raw tensors and plain texts, and which models take them.

import { expect, test } from '@jest/globals';
import { acceptsMediaType, createCodecs, type Decoded } from '../../src/codecs/codecs.js';
import { ServiceError } from '../../src/errors.js';
import type { Model } from '../../src/model-repository/model.js';
import { type Dimension, type ElementType, type NumericType, stringTensor } from '../../src/tensor.js';
import { bodyOf, codecModel, imageMapping, spec } from '../support/codec-models.js';
import { refusalOf } from '../support/errors.js';

const codecs = createCodecs({ maxBodyBytes: 1024, maxAnswerBytes: 2 ** 28 });

const one = (type: ElementType, shape: readonly Dimension[]): Model =>
  codecModel({ inputs: [spec('x', type, shape)], settings: { emptyInputs: ['x'] } });

function raw(model: Model, body: Uint8Array, tensorShape?: string): Promise<Decoded> {
  const headers = tensorShape === undefined ? {} : { tensorShape };
  return codecs.decode({ mediaType: 'application/octet-stream', body, headers, model });
}

function text(model: Model, body: Uint8Array): Promise<Decoded> {
  return codecs.decode({ mediaType: 'text/plain', body, headers: {}, model });
}

const zeros = (length: number): Uint8Array => new Uint8Array(length);

test('the body is the tensor, without a copy', async () => {
  const body = bodyOf(Uint8Array.of(0, 0, 128, 63, 0, 0, 0, 64));
  const { inputs, outputs } = await raw(one('float32', ['n', 2]), body, '1,2');
  expect(inputs.x).toMatchObject({ type: 'float32', dims: [1, 2] });
  expect((inputs.x as { bytes: Uint8Array }).bytes).toBe(body);
  expect(outputs).toEqual(['y']);
});

test.each<[readonly Dimension[], string | undefined, number, number[]]>([
  [['n', 8, 8], ' 2 , 8,8 ', 512, [2, 8, 8]],
  [['n', 8, 8], undefined, 512, [2, 8, 8]],
  [['n', 8, 8], undefined, 0, [0, 8, 8]],
  [[2, 'n'], undefined, 24, [2, 3]],
  [[2, 3], undefined, 24, [2, 3]],
  [['a', 'b'], '0,5', 0, [0, 5]],
  [[], undefined, 4, []],
  [[], '', 4, []],
  [[0, 'n'], undefined, 0, [0, 0]],
])('shape %j with Tensor-Shape %j and %d bytes is %j', async (shape, header, length, dims) => {
  const { inputs } = await raw(one('float32', shape), zeros(length), header);
  expect(inputs.x!.dims).toEqual(dims);
});

test.each<[readonly Dimension[], string | undefined, number, string, string]>([
  [['n', 8], '1,8', 31, 'invalid_input', 'input x is float32[n,8]: the shape [1,8] takes 32 bytes, got 31'],
  [
    ['n', 8],
    undefined,
    33,
    'invalid_input',
    'input x is float32[n,8]: expected a multiple of 32 bytes, got 33',
  ],
  [[2, 2], undefined, 8, 'invalid_input', 'input x is float32[2,2]: the shape [2,2] takes 16 bytes, got 8'],
  [
    ['a', 'b'],
    undefined,
    8,
    'invalid_input',
    'input x is float32[a,b]: its shape must be given, e.g. Tensor-Shape: 1,8,8',
  ],
  [['n', 8], '1,9', 36, 'invalid_input', 'input x is float32[n,8]: Tensor-Shape has the shape [1,9]'],
  [['n', 8], '8', 32, 'invalid_input', 'input x is float32[n,8]: Tensor-Shape has the shape [8]'],
  [['n', 8], '', 32, 'invalid_input', 'input x is float32[n,8]: Tensor-Shape has the shape []'],
  [['n', 8], '1,8,', 32, 'bad_request', 'Tensor-Shape takes sizes with commas between, as 1,8,8; got "1,8,"'],
  [['n', 8], '-1,8', 32, 'bad_request', 'Tensor-Shape takes sizes with commas between, as 1,8,8; got "-1,8"'],
  [
    ['n', 8],
    '1e3,8',
    32,
    'bad_request',
    'Tensor-Shape takes sizes with commas between, as 1,8,8; got "1e3,8"',
  ],
  [
    ['n', 8],
    '1.5,8',
    32,
    'bad_request',
    'Tensor-Shape takes sizes with commas between, as 1,8,8; got "1.5,8"',
  ],
  [
    ['n', 8],
    `${'9'.repeat(99)},8`,
    32,
    'bad_request',
    `Tensor-Shape takes sizes with commas between, as 1,8,8; got "${'9'.repeat(99)},"`,
  ],
])('shape %j with Tensor-Shape %j and %d bytes is refused', async (shape, header, length, code, message) => {
  expect(await refusalOf(() => raw(one('float32', shape), zeros(length), header))).toEqual({ code, message });
});

test('sizes whose product overflows are refused, with and without a zero among them', async () => {
  const model = one('float32', ['a', 'b', 'c']);
  for (const shape of ['999999999999999,999999999999999,999999999999999', '0,999999999999999,1', '17,0,16']) {
    const refusal = await refusalOf(() => raw(model, zeros(0), shape));
    expect(refusal).toMatchObject({
      code: 'invalid_input',
      message: expect.stringContaining('beyond the 1024 bytes'),
    });
  }
});

test('equal names mean equal sizes here too', async () => {
  expect((await refusalOf(() => raw(one('int8', ['n', 'n']), zeros(2), '1,2'))).message).toBe(
    'input x: dimension "n" has the size 2, but 1 elsewhere in it',
  );
});

test('a byte that is no bool is refused', async () => {
  await raw(one('bool', ['n']), Uint8Array.of(0, 1));
  expect((await refusalOf(() => raw(one('bool', ['n']), Uint8Array.of(0, 1, 2)))).message).toBe(
    'input x is bool[n]: expected bytes 0 or 1, got 2 at byte 2',
  );
});

test('raw bytes are for the one input that has no default', async () => {
  const model = codecModel({
    inputs: [spec('t', 'float32', [1]), spec('image', 'uint8', ['h', 'w', 3])],
    settings: { defaults: { t: [0.5] } },
  });
  const { inputs } = await raw(model, zeros(12), '2,2,3');
  expect(inputs.image).toMatchObject({ dims: [2, 2, 3] });
  expect(inputs.t).toMatchObject({ dims: [1] });
});

test('an output is its bytes, with its shape and type in the headers', () => {
  const bytes = zeros(8);
  expect(codecs.encodeBinary({ type: 'float32', dims: [1, 2], bytes })).toEqual({
    headers: { 'Tensor-Shape': '1,2', 'Tensor-Type': 'float32' },
    bytes,
  });
  expect(codecs.encodeBinary({ type: 'int64', dims: [], bytes }).headers['Tensor-Shape']).toBe('');
});

test('strings have no raw form', async () => {
  const refusal = await refusalOf(() => codecs.encodeBinary(stringTensor([1], ['a'])));
  expect(refusal).toEqual({
    code: 'not_acceptable',
    message: 'strings have no raw form: accept application/json',
  });
});

test.each<[readonly Dimension[], number[]]>([
  [['n'], [1]],
  [[], []],
  [
    ['n', 1],
    [1, 1],
  ],
])('a text is one string of shape %j', async (shape, dims) => {
  const { inputs } = await text(one('string', shape), bodyOf('käse 😀\n'));
  expect(inputs.x).toEqual(stringTensor(dims, ['käse 😀\n']));
});

test('a text may have any character but a NUL', async () => {
  const all = Array.from({ length: 0x100 }, (_, code) => String.fromCharCode(code))
    .slice(1)
    .join('');
  const { x } = (await text(one('string', ['n']), bodyOf(all))).inputs;
  expect(x).toEqual(stringTensor([1], [all]));
  expect(x!.bytes.buffer.byteLength).toBe(x!.bytes.byteLength);
  expect(await refusalOf(() => text(one('string', ['n']), bodyOf('a\0b')))).toEqual({
    code: 'invalid_input',
    message: 'input x: expected strings without a NUL, got one that has it',
  });
});

test('an empty text is an empty string', async () => {
  expect((await text(one('string', ['n']), zeros(0))).inputs.x).toEqual(stringTensor([1], ['']));
});

test.each([[Uint8Array.of(0xff)], [Uint8Array.of(0x61, 0xc3)], [Uint8Array.of(0xed, 0xa0, 0x80)]])(
  'bytes that are no UTF-8 are refused: %j',
  async (body) => {
    expect(await refusalOf(() => text(one('string', ['n']), body))).toEqual({
      code: 'invalid_input',
      message: 'input x: expected UTF-8, got other bytes',
    });
  },
);

const ALL = [
  'application/json',
  'image/png',
  'image/jpeg',
  'image/webp',
  'text/plain',
  'application/octet-stream',
];

function taken(model: Model): string[] {
  return ALL.filter((mediaType) => {
    try {
      acceptsMediaType(mediaType, model);
      return true;
    } catch (error) {
      if (error instanceof ServiceError && error.code === 'unsupported_media_type') return false;
      throw error;
    }
  });
}

const inputs = {
  number: spec('a', 'float32', ['n']),
  other: spec('b', 'int64', [1]),
  string: spec('s', 'string', ['n']),
  strings: spec('s', 'string', [2]),
};

test.each<[string, Model, string[]]>([
  ['one number', codecModel({ inputs: [inputs.number] }), ['application/octet-stream']],
  ['one string', codecModel({ inputs: [inputs.string] }), ['text/plain']],
  ['two strings in one', codecModel({ inputs: [inputs.strings] }), []],
  ['no input', codecModel({ inputs: [] }), []],
  ['two inputs', codecModel({ inputs: [inputs.number, inputs.string] }), []],
  [
    'two inputs, one with a default',
    codecModel({ inputs: [inputs.number, inputs.string], settings: { defaults: { a: [1] } } }),
    ['text/plain'],
  ],
  [
    'defaults for all, one of strings',
    codecModel({ inputs: [inputs.number, inputs.string], settings: { defaults: { a: [1], s: [''] } } }),
    ['text/plain', 'application/octet-stream'],
  ],
  [
    'defaults for all, two of numbers',
    codecModel({ inputs: [inputs.number, inputs.other], settings: { defaults: { a: [1], b: [1] } } }),
    [],
  ],
  [
    'pictures',
    codecModel({ inputs: [spec('x', 'uint8', ['h', 'w', 3])], settings: { image: imageMapping() } }),
    ['image/png', 'image/jpeg', 'image/webp', 'application/octet-stream'],
  ],
])('a model with %s takes JSON and what fits', (_what, model, types) => {
  expect(taken(model)).toEqual(['application/json', ...types]);
});

test('a type that is not taken is refused with those that are', async () => {
  const model = codecModel({ inputs: [inputs.string] });
  const list = 'm takes the Content-Type application/json, text/plain';
  expect(await refusalOf(() => acceptsMediaType('text/html', model))).toEqual({
    code: 'unsupported_media_type',
    message: `${list}; it was "text/html"`,
  });
  expect((await refusalOf(() => acceptsMediaType('', model))).message).toBe(`${list}; there was none`);
  const form = await refusalOf(() => acceptsMediaType('application/x-www-form-urlencoded', model));
  expect(form.message).toContain('that is what curl -d sends');
});

test.each<[NumericType, number]>([
  ['bool', 1],
  ['int8', 1],
  ['uint8', 1],
  ['int16', 2],
  ['uint16', 2],
  ['float16', 2],
  ['int32', 4],
  ['uint32', 4],
  ['float32', 4],
  ['int64', 8],
  ['uint64', 8],
  ['float64', 8],
])('raw %s takes %d bytes an element', async (type, bytes) => {
  expect((await raw(one(type, ['n']), zeros(3 * bytes))).inputs.x!.dims).toEqual([3]);
});
