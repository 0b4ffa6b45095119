// JSON bodies whose numbers are none, or not of their type.

import type { Generator } from './case.js';
import { wrongJson } from './good.js';
import { partsOf, wordsOf } from './lists.js';

const NOT_NUMBERS = partsOf(
  'NaN|Infinity|-Infinity|-|--1|+1|.5|1.|01|-01|0x10|1e|1e+|1_000|1,|∞|1n|1f|undefined|[1]|{}|null|""|' +
    '"nan"|"Inf"|"+Infinity"|" 1"|"0.5"|"\\ud800"',
);

const notNumbers: Generator = (random) => {
  const type = random.pick(['float16', 'float32', 'float64', 'int8', 'uint64']);
  const value = random.pick(NOT_NUMBERS);
  return wrongJson(`/predict/echo-${type}`, `{"inputs":{"input":[1,${value}]}}`);
};

const BEYOND = ['1e999', '-1e999', `1${'0'.repeat(400)}`, '1e99999999999999999999', '123456789e999999999'];

/** Beyond their range floats are infinite; integers are refused. */
const beyondRange: Generator = (random) => {
  const value = random.pick(BEYOND);
  const isFloat = random.below(2) === 0;
  const type = random.pick(
    isFloat ? ['float16', 'float32', 'float64'] : ['int8', 'int32', 'uint64', 'int64'],
  );
  const request = wrongJson(`/predict/echo-${type}`, `{"inputs":{"input":[${value}]}}`);
  const expected = value.startsWith('-') ? '-Infinity' : 'Infinity';
  const problemOf = ({ output }: { output?: unknown }) =>
    String(output) === expected ? undefined : `${value} came back as ${output}`;
  return isFloat ? { ...request, statuses: [200], problemOf } : request;
};

const INTEGERS: Readonly<Record<string, readonly string[]>> = {
  int8: ['-129', '128', '0.5', '1e3', '"128"'],
  uint8: ['-1', '256', '1.0000001'],
  int32: ['2147483648', '-2147483649', '1e10', '"2147483648"'],
  uint32: ['-1', '4294967296'],
  int64: wordsOf(
    '9007199254740992 -9007199254740992 "9223372036854775808" "-9223372036854775809" 1e300 "1e3"',
  ),
  uint64: ['-1', '"-1"', '18446744073709551615', '"18446744073709551616"', '""', '"0x1"', '"１"'],
};

const wrongIntegers: Generator = (random) => {
  const type = random.pick(Object.keys(INTEGERS));
  return wrongJson(`/predict/echo-${type}`, `{"inputs":{"input":[0,${random.pick(INTEGERS[type]!)}]}}`);
};

const ITERATIONS = wordsOf('1e18 9223372036854775807 9007199254740993 1e999 0.5 "1e9" [1] 1,2');

/** The model would loop for years, were one of these taken for a number of iterations. */
const wrongIterations: Generator = (random) => {
  const value = random.pick(ITERATIONS);
  return wrongJson('/predict/burn', `{"inputs":{"iterations":[${value}]}}`);
};

export const WRONG_NUMBERS: Readonly<Record<string, Generator>> = {
  notNumbers,
  beyondRange,
  wrongIntegers,
  wrongIterations,
};
