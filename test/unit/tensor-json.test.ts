// Tensors and their JSON values: every element type both ways, and what is refused.

import { expect, test } from '@jest/globals';
import { ServiceError } from '../../src/errors.js';
import { fromFloat16Bits, toFloat16Bits } from '../../src/json/float16.js';
import {
  ELEMENT_BYTES,
  ELEMENT_TYPES,
  type ElementType,
  elementCount,
  type NumericType,
  stringTensor,
  type Tensor,
} from '../../src/tensor.js';
import { tensorFromJson, tensorToJson } from '../../src/tensor-json.js';
import { spec } from '../support/codec-models.js';
import { type Random, seededRandom } from '../support/random.js';

const vector = (type: ElementType) => spec('x', type, ['n']);

const hex = ({ bytes }: Tensor): string => Buffer.from(bytes).toString('hex');

function errorOf(call: () => unknown): ServiceError {
  try {
    call();
  } catch (error) {
    if (error instanceof ServiceError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

const refusalOf = (type: ElementType, value: unknown): string => {
  const error = errorOf(() => tensorFromJson(vector(type), value));
  expect(error.code).toBe('invalid_input');
  return error.message;
};

test.each<[NumericType, unknown[], string]>([
  ['bool', [true, false, 1, 0], '01000100'],
  ['int8', [-128, 127, -1], '807fff'],
  ['uint8', [0, 255], '00ff'],
  ['int16', [-32768, 32767], '0080ff7f'],
  ['uint16', [1, 65535], '0100ffff'],
  ['int32', [-2147483648, 2147483647], '00000080ffffff7f'],
  ['uint32', [1, 4294967295], '01000000ffffffff'],
  ['int64', [-1, 2 ** 53 - 1], 'ffffffffffffffffffffffffffff1f00'],
  ['int64', ['-9223372036854775808', '9223372036854775807'], '0000000000000080ffffffffffffff7f'],
  ['uint64', [1, '18446744073709551615'], '0100000000000000ffffffffffffffff'],
  ['float16', [1, -2, 65504, 'NaN', '-Infinity'], '003c00c0ff7b007e00fc'],
  ['float32', [1, -0.5, 'Infinity', '-Infinity'], '0000803f000000bf0000807f000080ff'],
  ['float64', [1, -0.5, 'Infinity'], '000000000000f03f000000000000e0bf000000000000f07f'],
])('%s is read to little-endian bytes: %j', (type, value, bytes) => {
  const tensor = tensorFromJson(vector(type), value);
  expect(tensor).toMatchObject({ type, dims: [value.length] });
  expect(hex(tensor)).toBe(bytes);
});

test.each<[ElementType, unknown[]]>([
  ['bool', [true, false]],
  ['int8', [-128, 0, 127]],
  ['uint8', [0, 9, 10, 99, 100, 255]],
  ['int16', [-32768, 32767]],
  ['uint16', [0, 65535]],
  ['int32', [-2147483648, 0, 2147483647]],
  ['uint32', [0, 4294967295]],
  ['int64', [-9007199254740991, 0, 9007199254740991, '9007199254740993', '-9223372036854775808']],
  ['uint64', [0, 9007199254740991, '9007199254740992', '18446744073709551615']],
  ['float16', [0, -0.5, 0.1, 0.333, 65504, 'NaN', 'Infinity', '-Infinity', 5.96e-8]],
  [
    'float32',
    [0, 0.1, -0.3, 1e-7, 16777216, 3.4028235e38, 1.401298e-45, 123456.79, 'NaN', '-Infinity', 1e21, 0.00001],
  ],
  ['float64', [0, 0.1, 1 / 3, 1e300, 5e-324, 2 ** 53, 'NaN', 'Infinity', -1.5]],
  ['string', ['', 'a', 'ä€😀', '"\\\n\u0001\u007f\u2028', '__proto__']],
])('%s comes back as it was sent', (type, value) => {
  expect(tensorToJson(tensorFromJson(vector(type), value))).toEqual(value);
});

test('a negative zero stays one', () => {
  for (const type of ['float16', 'float32', 'float64'] as const) {
    const tensor = { type, dims: [1], bytes: new Uint8Array(ELEMENT_BYTES[type]).fill(0x80, -1) };
    expect(tensorToJson(tensor)).toEqual([-0]);
  }
});

test('rank 0 is a plain value', () => {
  const scalar = spec('x', 'float32', []);
  const tensor = tensorFromJson(scalar, 0.5);
  expect(tensor).toMatchObject({ dims: [] });
  expect(tensorToJson(tensor)).toBe(0.5);
  expect(errorOf(() => tensorFromJson(scalar, [0.5])).message).toBe(
    'input x is float32[]: expected a number, "NaN", "Infinity" or "-Infinity", got an array',
  );
});

test.each<[(string | number | null)[], unknown, number[]]>([
  [['n', 4], [], [0, 4]],
  [[null, 4, 5], [], [0, 4, 5]],
  [[null, null], [], [0, 0]],
  [['n'], [], [0]],
  [
    [2, null, 3],
    [[], []],
    [2, 0, 3],
  ],
])('no rows in %j stay no rows: %j', (shape, value, dims) => {
  const tensor = tensorFromJson(spec('x', 'float32', shape), value);
  expect(tensor).toEqual({ type: 'float32', dims, bytes: new Uint8Array(0) });
  expect(tensorToJson(tensor)).toEqual(value);
});

test('a string tensor of no rows stays one', () => {
  const tensor = tensorFromJson(spec('x', 'string', ['n', 2]), []);
  expect(tensor).toEqual(stringTensor([0, 2], []));
  expect(tensorToJson(tensor)).toEqual([]);
});

test('a size that only a later depth has stays as given', () => {
  expect(tensorToJson({ type: 'int8', dims: [2, 0, 3], bytes: new Uint8Array(0) })).toEqual([[], []]);
});

const FLOAT = 'a number, "NaN", "Infinity" or "-Infinity"';

test.each<[ElementType, unknown, string]>([
  ['float32', [1, '1'], `input x is float32[n]: expected ${FLOAT} at [1], got the string "1"`],
  ['float32', [null], `input x is float32[n]: expected ${FLOAT} at [0], got null`],
  ['float32', [true], `input x is float32[n]: expected ${FLOAT} at [0], got true`],
  ['float64', [{ a: 1 }], `input x is float64[n]: expected ${FLOAT} at [0], got an object`],
  ['float16', ['nan'], `input x is float16[n]: expected ${FLOAT} at [0], got the string "nan"`],
  ['int8', [128], 'input x is int8[n]: expected an integer from -128 to 127 at [0], got the number 128'],
  ['uint8', [0, -1], 'input x is uint8[n]: expected an integer from 0 to 255 at [1], got the number -1'],
  [
    'int16',
    [1.5],
    'input x is int16[n]: expected an integer from -32768 to 32767 at [0], got the number 1.5',
  ],
  [
    'int32',
    ['1'],
    'input x is int32[n]: expected an integer from -2147483648 to 2147483647 at [0], got the string "1"',
  ],
  [
    'uint32',
    [2 ** 32],
    'input x is uint32[n]: expected an integer from 0 to 4294967295 at [0], got the number 4294967296',
  ],
  ['bool', [2], 'input x is bool[n]: expected true, false, 0 or 1 at [0], got the number 2'],
  ['bool', [null], 'input x is bool[n]: expected true, false, 0 or 1 at [0], got null'],
  ['bool', ['true'], 'input x is bool[n]: expected true, false, 0 or 1 at [0], got the string "true"'],
  ['string', [1], 'input x is string[n]: expected a string at [0], got the number 1'],
])('%s refuses %j', (type, value, message) => {
  expect(refusalOf(type, value)).toBe(message);
});

test('a number that JSON writers may have rounded is refused for 64 bits, with the way out', () => {
  const hint = '(from 2^53 on as a string, "9007199254740993")';
  expect(refusalOf('int64', [2 ** 53])).toBe(
    `input x is int64[n]: expected an integer from -2^63 to 2^63-1 ${hint} at [0], got the number 9007199254740992`,
  );
  expect(refusalOf('uint64', [-1])).toContain('from 0 to 2^64-1');
  for (const text of [
    '9223372036854775808',
    '-9223372036854775809',
    '1.0',
    ' 1',
    '1e3',
    '',
    '0x1',
    '9'.repeat(30),
  ]) {
    expect(refusalOf('int64', [text])).toContain(`got the string ${JSON.stringify(text)}`);
  }
  for (const text of ['18446744073709551616', '-1']) expect(refusalOf('uint64', [text])).toContain(text);
});

test.each<[unknown, string]>([
  [5, 'expected an array, got the number 5'],
  [undefined, 'expected a value, got none'],
  [[1, 2], 'expected an array at [0], got the number 1'],
  [
    [
      [1, 2, 3],
      [1, 2],
    ],
    'expected 3 entries at [1], got 2',
  ],
  [[[1, 2, 3, 4]], 'expected 3 entries at [0], got 4'],
  [[[1, 2, [3]]], `expected ${FLOAT} at [0][2], got an array`],
  [{ 0: [1, 2, 3] }, 'expected an array, got an object'],
])('the shape [batch,3] refuses %j', (value, problem) => {
  const error = errorOf(() => tensorFromJson(spec('img', 'float32', ['batch', 3]), value));
  expect(error).toMatchObject({
    code: 'invalid_input',
    message: `input img is float32[batch,3]: ${problem}`,
  });
});

test('arrays of unequal lengths are refused where no length is fixed', () => {
  const error = errorOf(() => tensorFromJson(spec('x', 'int8', ['a', null]), [[1, 2], [3, 4], [5]]));
  expect(error.message).toBe(
    'input x is int8[a,?]: expected 2 entries as in the arrays before it at [2], got 1',
  );
});

test('a long string is not repeated whole', () => {
  expect(refusalOf('float32', ['x'.repeat(10_000)]).length).toBeLessThan(200);
});

test('float16 is rounded once, to the nearest, ties to even', () => {
  const finite = 0x7c00;
  for (let bits = 0; bits < finite; bits++) {
    const value = fromFloat16Bits(bits);
    const next = bits + 1 === finite ? 65536 : fromFloat16Bits(bits + 1);
    const middle = (value + next) / 2;
    const even = bits % 2 === 0 ? bits : bits + 1;
    const got = [value, middle * (1 - 1e-15), middle, middle * (1 + 1e-15), -value].map(toFloat16Bits);
    const wanted = [bits, bits, even, bits + 1, bits | 0x8000];
    if (got.join() !== wanted.join()) throw new Error(`${value}: ${got}, not ${wanted}`);
  }
  expect([65519, 65520, 1e300, Number.POSITIVE_INFINITY].map(toFloat16Bits)).toEqual([
    0x7bff, 0x7c00, 0x7c00, 0x7c00,
  ]);
  expect([2 ** -25, 2 ** -25 * 1.0000001, 1e-300, -1e-300].map(toFloat16Bits)).toEqual([0, 1, 0, 0x8000]);
});

test('every float16 comes back from its text', () => {
  const bits = Uint16Array.from({ length: 2 ** 16 }, (_, index) => index).filter(
    (each) => !Number.isNaN(fromFloat16Bits(each)),
  );
  const tensor: Tensor = { type: 'float16', dims: [bits.length], bytes: new Uint8Array(bits.buffer) };
  const back = tensorFromJson(vector('float16'), tensorToJson(tensor));
  // A JSON value in JavaScript keeps -0; only its text by JSON.stringify does not.
  const zeros = Uint16Array.from(bits, (each) => (each === 0x8000 ? 0 : each));
  expect(hex(back)).toBe(Buffer.from(zeros.buffer).toString('hex'));
});

test('float32 is written with digits that are its own, not those of a double', () => {
  const values = Float32Array.of(0.1, 1 / 3, 1e-10, 2 ** -24, 7.1, 1.2e25, 123456789, 0.000012);
  const tensor: Tensor = { type: 'float32', dims: [values.length], bytes: new Uint8Array(values.buffer) };
  expect(tensorToJson(tensor)).toEqual([
    0.1, 0.33333334, 1e-10, 5.9604645e-8, 7.1, 1.2e25, 123456790, 0.000012,
  ]);
});

const RANDOM_TYPES = ELEMENT_TYPES.filter((type): type is NumericType => type !== 'string');

function randomTensor(type: NumericType, random: Random): Tensor {
  const dims = Array.from({ length: random.below(4) }, (_, axis) =>
    axis === 0 ? random.below(5) : 1 + random.below(4),
  );
  const bytes = new Uint8Array(elementCount(dims) * ELEMENT_BYTES[type]);
  for (let index = 0; index < bytes.length; index++) {
    bytes[index] = type === 'bool' ? random.below(2) : random.below(256);
  }
  return { type, dims, bytes };
}

test.each(RANDOM_TYPES)('random %s tensors of random shapes come back bit for bit', (type) => {
  const random = seededRandom(RANDOM_TYPES.indexOf(type) + 1);
  for (let round = 0; round < 500; round++) {
    const tensor = randomTensor(type, random);
    const value = tensorToJson(tensor);
    const free = spec(
      'x',
      type,
      tensor.dims.map((_, axis) => (axis === 0 ? null : tensor.dims[axis]!)),
    );
    const back = tensorFromJson(free, value);
    expect(back.dims).toEqual(tensor.dims);
    // There are many NaN, and they all come back as one.
    expect(JSON.stringify(tensorToJson(back))).toBe(JSON.stringify(value));
    if (!type.startsWith('float')) expect(hex(back)).toBe(hex(tensor));
  }
});
