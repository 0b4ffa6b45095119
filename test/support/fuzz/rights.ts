// Right predictions, each with what its answer must be. The wrong ones are made out of them.

import { isDeepStrictEqual } from 'node:util';
import type { ElementType } from '../../../src/tensor.js';
import { BIG_OUTPUT_FACTOR } from '../fixture-models.js';
import type { Random } from '../random.js';
import type { Outputs } from './case.js';
import type { Material } from './material.js';

/** A prediction whose answer is known. */
export interface Right {
  readonly model: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly problemOf: (outputs: Outputs) => string | undefined;
}

type RightMaker = (random: Random, material: Material) => Right;

export const MAKERS = {
  digit,
  digits,
  burn,
  echo,
  sentence,
  upper,
  sumRows,
  twoSums,
  prototypes,
  total,
  positions,
};

/** Those whose bodies may be altered at random: no alteration makes a long run of them, nor one that fails by design. */
export const ALTERABLE: readonly RightMaker[] = [digit, digits, echo, sumRows, twoSums, prototypes, total];

/** Digits and burns are the most of it: they tell whose answer it is. */
const MIX: readonly RightMaker[] = [digit, digit, digits, burn, burn, burn, ...Object.values(MAKERS)];

export function anyRight(random: Random, material: Material): Right {
  return random.pick(MIX)(random, material);
}

export function alterableRight(random: Random, material: Material): Right {
  return random.pick(ALTERABLE)(random, material);
}

function digit(random: Random, { samples }: Material): Right {
  const { label, image } = random.pick(samples);
  return { model: 'digits', inputs: { image: [image] }, problemOf: digitsProblem([label]) };
}

function digits(random: Random, { samples }: Material): Right {
  const chosen = Array.from({ length: 1 + random.below(5) }, () => random.pick(samples));
  const image = chosen.map((sample) => sample.image);
  return { model: 'digits', inputs: { image }, problemOf: digitsProblem(chosen.map(({ label }) => label)) };
}

export function digitsProblem(labels: readonly number[]): Right['problemOf'] {
  return function problemOf({ label, probabilities }) {
    const rows = probabilities as number[][];
    if (!rows.every((row) => row.length === 10 && Math.abs(sum(row) - 1) < 1e-3)) return 'not probabilities';
    return isDeepStrictEqual(label, labels) ? undefined : `labels ${label}, expected ${labels}`;
  };
}

function burn(random: Random, { burns }: Material): Right {
  const { model, iterations, seed, checksum, head } = random.pick(burns);
  return { model, inputs: { iterations: [iterations], seed: [seed] }, problemOf: equals({ checksum, head }) };
}

/** Values that an answer gives back just as they came. */
export const ECHOED: Readonly<Record<ElementType, readonly unknown[]>> = {
  bool: [true, false],
  int8: [-128, 0, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  uint16: [0, 65535],
  int32: [-2147483648, 2147483647],
  uint32: [0, 4294967295],
  int64: [
    '-9223372036854775808',
    '9223372036854775807',
    '9007199254740992',
    -9007199254740991,
    9007199254740991,
  ],
  uint64: ['18446744073709551615', '9007199254740992', 0, 9007199254740991],
  float16: [0.5, -65504, 'NaN', 'Infinity', '-Infinity'],
  float32: [0.1, -1.25, 3.4028235e38, 1.401298e-45, 'NaN', 'Infinity', '-Infinity'],
  float64: [0.1, 5e-324, 1.7976931348623157e308, 'NaN', 'Infinity', '-Infinity'],
  string: [
    '',
    'grüße',
    '😀',
    '\u2028"\\/\b\f\n\r\t',
    '\u0001\u007f',
    '__proto__',
    '\ufeff',
    'x'.repeat(3000),
  ],
};

function echo(random: Random): Right {
  const type = random.pick(Object.keys(ECHOED) as ElementType[]);
  const output = Array.from({ length: random.below(12) }, () => random.pick(ECHOED[type]));
  return { model: `echo-${type}`, inputs: { input: output }, problemOf: equals({ output }) };
}

const WORDS = ['the', 'cat', 'music', 'market', 'guitar', 'xyzzy', '', ' ', '😀', '\n', 'NaN', '-'];

function sentence(random: Random): Right {
  const text = Array.from({ length: 1 + random.below(3) }, () => words(random));
  return { model: 'sentence-embedder', inputs: { text }, problemOf: embeddingProblem(text.length) };
}

export function words(random: Random): string {
  return Array.from({ length: random.below(8) }, () => random.pick(WORDS)).join(' ');
}

/** Each of length 1, or 0 where no word is known. */
export function embeddingProblem(count: number): Right['problemOf'] {
  return function problemOf({ embedding, tokens }) {
    const rows = embedding as number[][];
    if (rows.length !== count || !rows.every(({ length }) => length === 100)) return 'not so many embeddings';
    const isRight = (row: number[], index: number): boolean =>
      Math.abs(Math.hypot(...row) - ((tokens as number[])[index] === 0 ? 0 : 1)) < 1e-3;
    return rows.every(isRight) ? undefined : 'an embedding of another length';
  };
}

function upper(random: Random): Right {
  const text = Array.from({ length: 1 + random.below(4) }, () =>
    random.pick(['yes', 'No', 'maybe', 'else', '']),
  );
  const codes: Readonly<Record<string, number>> = { YES: 1, NO: 0, MAYBE: 2 };
  const capitals = text.map((each) => each.toUpperCase());
  const code = capitals.map((each) => codes[each] ?? -1);
  return { model: 'strings', inputs: { text }, problemOf: equals({ upper: capitals, code }) };
}

function sumRows(random: Random): Right {
  const columns = random.below(4);
  const x = Array.from({ length: random.below(5) }, () => integers(random, columns));
  return { model: 'sum-rows', inputs: { x }, problemOf: equals({ sum: x.map(sum) }) };
}

function twoSums(random: Random): Right {
  const a = integers(random, random.below(5));
  const b = integers(random, a.length);
  const added = a.map((value, index) => value + b[index]!);
  const subtracted = a.map((value, index) => value - b[index]!);
  return {
    model: 'two-in-two-out',
    inputs: { b, a },
    problemOf: equals({ sum: added, difference: subtracted }),
  };
}

function prototypes(random: Random): Right {
  const width = random.below(4);
  const [a, b] = [rows(random, width), rows(random, width)];
  const added = a.map((row, index) => row.map((value, column) => value + b[index]![column]!));
  const inputs = Object.fromEntries([
    ['__proto__', a],
    ['constructor', b],
  ]);
  return { model: 'prototype-names', inputs, problemOf: equals({ sum: added }) };
}

const rows = (random: Random, width: number): number[][] => [
  integers(random, width),
  integers(random, width),
];

/** Now and then of a size that worker threads read. */
function total(random: Random): Right {
  const x = integers(random, random.below(40) === 0 ? 40_000 : random.below(50));
  return { model: 'wide', inputs: { x }, problemOf: equals({ total: sum(x) }) };
}

/** Now and then of a size that worker threads write. */
function positions(random: Random): Right {
  const count = random.below(20) === 0 ? 20 : random.below(2);
  const expected = Array.from({ length: count * BIG_OUTPUT_FACTOR }, (_, index) => index);
  return { model: 'big-output', inputs: { count: [count] }, problemOf: equals({ positions: expected }) };
}

/** Small ones, that float32 adds up exactly, in any order. */
function integers(random: Random, length: number): number[] {
  return Array.from({ length }, () => random.below(200) - 100);
}

function equals(expected: Outputs): Right['problemOf'] {
  return function problemOf(outputs) {
    for (const [name, value] of Object.entries(expected)) {
      if (!isDeepStrictEqual(outputs[name], value)) {
        return `${name} is ${short(outputs[name])}, expected ${short(value)}`;
      }
    }
    return undefined;
  };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const short = (value: unknown): string => String(JSON.stringify(value)).slice(0, 200);
