// JSON bodies that are wrong, or may be: each must be answered 400 unless its request says otherwise.

import type { Generator } from './case.js';
import { rightRequest, wrongJson } from './good.js';
import { partsOf, wordsOf } from './lists.js';
import { mutateOften, randomBytes, TOKENS } from './mutate.js';
import { alterableRight, anyRight } from './rights.js';

/** Every beginning of a right body is broken JSON. */
const cutOff: Generator = (random, material) => {
  const { body, path } = rightRequest(anyRight(random, material));
  return wrongJson(path, body.subarray(0, random.below(body.length)));
};

/** A few bytes changed, put in or taken out: mostly wrong, and what is still right may mean something else. */
const mutated: Generator = (random, material) => {
  const { body, path } = rightRequest(alterableRight(random, material));
  return { ...wrongJson(path, mutateOften(body, random, 4)), statuses: [200, 400] };
};

const soup: Generator = (random) => {
  const text = Array.from({ length: random.below(60) }, () => random.pick(TOKENS)).join('');
  return wrongJson('/predict/digits', random.below(2) === 0 ? text : `{"inputs":{"image":${text}}}`);
};

const garbage: Generator = (random) => wrongJson('/predict/digits', randomBytes(random, random.below(300)));

const VALUES = wordsOf('null true 0 -7.5 "" "1" {} {"0":1} [] [[]] [null] [{}] "[[1]]"');

/** None of these values is one of a tensor [batch,8,8], but that of no rows. */
const wrongTypes: Generator = (random) => {
  const value = random.pick(VALUES.filter((each) => each !== '[]'));
  const body = random.pick([
    `{"inputs":{"image":${value}}}`,
    `{"inputs":{"image":[${value}]}}`,
    `{"inputs":{"image":[[[1,2,3,4,5,6,7,${value === '0' || value === '-7.5' ? '"8"' : value}]]]}}`,
    `{"inputs":${value}}`,
    value,
  ]);
  return wrongJson('/predict/digits', body);
};

const deep: Generator = (random) => {
  const [open, close] = random.pick([
    ['[', ']'],
    ['{"a":', '}'],
    ['{"inputs":', '}'],
    ['[[],', ']'],
  ] as const);
  const depth = 4 + random.below(random.pick([100, 2000, 20_000]));
  const nested =
    open.repeat(depth) + (random.below(2) === 0 ? '1' : '') + close.repeat(random.below(depth + 1));
  return wrongJson(
    '/predict/digits',
    random.pick([nested, `{"inputs":{"image":${nested}}}`, `{"outputs":${nested}}`]),
  );
};

const KEYS = partsOf('input|Inputs||__proto__|constructor|toString|hasOwnProperty|id|\\u0000|😀');

/** Unknown ones, at each place that has keys. */
const unknownKeys: Generator = (random) => {
  const key = random.pick(KEYS);
  const value = random.pick(VALUES);
  const body = random.pick([
    `{"inputs":{"image":[]},"${key}":${value}}`,
    `{"${key}":${value},"inputs":{"image":[]}}`,
    `{"inputs":{"image":[],"${key}":${value}}}`,
    `{"inputs":{"image":[]},"parameters":{"${key}":${value}}}`,
    `{"inputs":{"image":[]},"outputs":["${key}"]}`,
  ]);
  return wrongJson('/predict/digits', body);
};

const TWICE = [
  '{"inputs":{"image":[]},"inputs":{"image":[]}}',
  '{"inputs":{"image":[],"image":[]}}',
  '{"inputs":{"image":[],"im\\u0061ge":[]}}',
  '{"inputs":{"image":[]},"outputs":["label","label"]}',
  '{"inputs":{"image":[]},"outputs":["label"],"outputs":["label"]}',
  '{"inputs":{"image":[]},"parameters":{"priority":1,"priority":1}}',
  '{"inputs":{"image":[]},"__proto__":{},"__proto__":{}}',
  '{"inputs":{"__proto__":[],"image":[],"__proto__":[]}}',
];

const twice: Generator = (random) => wrongJson('/predict/digits', random.pick(TWICE));

const PARAMETERS = [
  ...['0', '-1', '"5"', '1e999', 'NaN', 'null'].map((value) => `{"timeout":${value}}`),
  ...['8', '-1', '1.5', '"0"', '[]'].map((value) => `{"priority":${value}}`),
  ...['[]', 'null', '7'],
];

const wrongParameters: Generator = (random) =>
  wrongJson('/predict/digits', `{"inputs":{"image":[]},"parameters":${random.pick(PARAMETERS)}}`);

const OUTPUTS = wordsOf('[] {} null "label" ["labels"] [1] [null] [["label"]] ["label",] ["\\ud800"]');

const wrongOutputs: Generator = (random) =>
  wrongJson('/predict/digits', `{"inputs":{"image":[]},"outputs":${random.pick(OUTPUTS)}}`);

/** Arrays of one depth that differ in length, and inputs that differ in a size of one name. */
const ragged: Generator = (random) => {
  const row = (length: number): string => `[${Array(length).fill(1)}]`;
  const length = random.below(6);
  const other = length + 1 + random.below(3);
  const [model, inputs] = random.pick([
    ['sum-rows', `"x":[${row(length)},${row(other)}]`],
    ['zero-rows', `"x":[${row(other + 4)}]`],
    ['digits', `"image":[[${row(8)},${row(7)}]]`],
    ['two-in-two-out', `"a":${row(length)},"b":${row(other)}`],
    ['two-in-two-out', `"a":${row(length)}`],
    ['echo-scalar', `"input":${row(length)}`],
    ['burn', `"iterations":${row(other + 1)}`],
  ] as const);
  return wrongJson(`/predict/${model}`, `{"inputs":{${inputs}}}`);
};

const STRINGS = partsOf(
  `"\\ud800"|"\\udc00\\ud800"|"\\u12"|"\\x"|"a\nb"|"\t"|"|'a'|"\\|1|null|["a"]|"\\u0000"|"a\\u0000b"`,
);

/** None is a string of valid UTF-8 and escapes that a model can be given. */
const wrongStrings: Generator = (random) => {
  const request = wrongJson('/predict/echo-string', `{"inputs":{"input":["a",${random.pick(STRINGS)}]}}`);
  const raw = Buffer.concat([
    Buffer.from('{"inputs":{"input":["'),
    randomBytes(random, 3, 64),
    Buffer.of(0xff),
  ]);
  return random.below(4) === 0 ? { ...request, body: Buffer.concat([raw, Buffer.from('"]}}')]) } : request;
};

/** Tens of thousands of whatever; worker threads read it. */
const flood: Generator = (random) => {
  const unit = random.pick(['{},', '[],', '"",', '0,', '1e9,', ' ', '\n', '"\\n",', '{"a":1},', 'null,']);
  const count = Math.floor((64 * 1024 + random.below(64 * 1024)) / unit.length);
  const [path, open] = random.pick([
    ['/predict/digits', '{"inputs":{"image":['],
    ['/predict/digits', '['],
    ['/predict/wide', '{"outputs":['],
    ['/predict/wide', '{"inputs":{"x":['],
    ['/predict/echo-string', '{"inputs":{"input":['],
  ] as const);
  return { ...wrongJson(path, open + unit.repeat(count)), statuses: [400, 413] };
};

const tooLarge: Generator = (random) => {
  const body = Buffer.alloc(256 * 1024 + 1 + random.below(16 * 1024), random.pick(['0', '[', ' ', '"']));
  const request = { ...wrongJson('/predict/wide', body), statuses: [413] };
  const headers = { ...request.headers, 'transfer-encoding': 'chunked' };
  return random.below(2) === 0 ? { ...request, headers } : request;
};

const BROKEN = { cutOff, mutated, soup, garbage, deep, twice };
const CONTENT = { wrongTypes, wrongStrings, unknownKeys, wrongParameters, wrongOutputs, ragged };
const LARGE = { flood, tooLarge };

export const WRONG_JSON: Readonly<Record<string, Generator>> = {
  ...BROKEN,
  ...CONTENT,
  ...LARGE,
};
