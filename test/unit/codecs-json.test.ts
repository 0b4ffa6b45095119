// JSON bodies and answers: what is taken, what is refused and how, what an answer looks like.

import { afterAll, describe, expect, test } from '@jest/globals';
import { createCodecs, type Decoded } from '../../src/codecs/codecs.js';
import type { Model } from '../../src/model-repository/model.js';
import { stringTensor, type Tensors } from '../../src/tensor.js';
import { bodyOf, codecModel, spec, textOf } from '../support/codec-models.js';
import { refusalOf } from '../support/errors.js';

const codecs = createCodecs({ maxBodyBytes: 2 ** 20, maxAnswerBytes: 2 ** 28 });
afterAll(() => codecs.close());

const detector = codecModel({
  inputs: [spec('image', 'uint8', ['height', 'width', 3]), spec('threshold', 'float32', [1])],
  outputs: [spec('boxes', 'float32', ['faces', 4]), spec('scores', 'float32', ['faces'])],
  settings: { defaults: { threshold: [0.5] }, emptyInputs: ['image'] },
});

const pair = codecModel({
  inputs: [spec('tokens', 'int64', ['batch', 'length']), spec('mask', 'int64', ['batch', 'length'])],
});

function decode(body: string | object, model: Model): Promise<Decoded> {
  return codecs.decode({ mediaType: 'application/json', body: bodyOf(body), headers: {}, model });
}

async function encode(model: Model, outputs: Tensors): Promise<string> {
  return await textOf(codecs.encodeJson({ model, outputs }));
}

const floats = (...values: number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);
const longs = (...values: bigint[]): Uint8Array => new Uint8Array(BigInt64Array.from(values).buffer);

test('inputs become tensors, a default stands in for one that is left out, all outputs are asked for', async () => {
  const { inputs, outputs, own, ...rest } = await decode(
    { inputs: { image: [[[1, 2, 3]], [[4, 5, 6]]] } },
    detector,
  );
  expect(Object.keys(inputs)).toEqual(['image', 'threshold']);
  expect(inputs.image).toEqual({ type: 'uint8', dims: [2, 1, 3], bytes: Uint8Array.of(1, 2, 3, 4, 5, 6) });
  expect(inputs.threshold).toEqual({ type: 'float32', dims: [1], bytes: floats(0.5) });
  expect(outputs).toEqual(['boxes', 'scores']);
  expect(rest).toEqual({});
  // The default is everyone's.
  expect(own).toEqual([inputs.image!.bytes]);
});

test('a given input wins over its default', async () => {
  const { inputs } = await decode({ inputs: { threshold: [0.25], image: [] } }, detector);
  expect(inputs.threshold).toMatchObject({ bytes: floats(0.25) });
  expect(inputs.image).toMatchObject({ dims: [0, 0, 3] });
});

test('outputs, patience and urgency are read, whatever the order of the keys', async () => {
  const body = '{"parameters":{"priority":0,"timeout":2500000},"outputs":["scores"],"inputs":{"image":[]}}';
  expect(await decode(body, detector)).toMatchObject({ outputs: ['scores'], timeoutMs: 2500, priority: 0 });
});

test('where every input has a default, an empty object is a request', async () => {
  const model = codecModel({ inputs: [spec('x', 'int8', [])], settings: { defaults: { x: 7 } } });
  for (const body of ['{}', '{"inputs":{}}', '{"parameters":{}}']) {
    expect((await decode(body, model)).inputs.x).toEqual({
      type: 'int8',
      dims: [],
      bytes: Uint8Array.of(7),
    });
  }
});

test('a model without inputs takes an empty object', async () => {
  expect((await decode('{"inputs":{}}', codecModel({ inputs: [] }))).inputs).toEqual({});
});

const long = 'x'.repeat(5000);

test.each<[string, string | object, string, string | RegExp]>([
  ['an empty body', '', 'bad_request', 'broken JSON at byte 0: expected a value, got its end'],
  ['a list', '[1]', 'bad_request', 'the body must be an object, got an array'],
  ['null', 'null', 'bad_request', 'the body must be an object, got null'],
  ['a form', 'a=1&b=2', 'bad_request', 'broken JSON at byte 0: expected a value, got "a=1&b=2"'],
  ['two values', '{}{}', 'bad_request', 'broken JSON at byte 2: expected the end, got "{}"'],
  [
    'a wrong key',
    '{"imputs":{}}',
    'bad_request',
    'there is no key "imputs"; did you mean "inputs"? There are inputs, outputs, parameters',
  ],
  ['a key twice', '{"inputs":{},"inputs":{}}', 'bad_request', 'the key "inputs" is given twice'],
  [
    "another protocol's inputs",
    { inputs: [{ name: 'image' }] },
    'bad_request',
    '"inputs" must be an object, got an array',
  ],
  [
    'a wrong input',
    { inputs: { imge: [] } },
    'invalid_input',
    'there is no input "imge"; did you mean "image"? There are image, threshold',
  ],
  [
    'a name without end',
    { inputs: { [long]: [] } },
    'invalid_input',
    /^there is no input "x{100}"; there are image, threshold$/,
  ],
  ['an input twice', '{"inputs":{"image":[],"image":[]}}', 'invalid_input', 'input image is given twice'],
  [
    'no inputs',
    '{}',
    'invalid_input',
    'input image is missing; m takes image uint8[height,width,3], threshold float32[1]',
  ],
  [
    'a value that does not fit',
    { inputs: { image: [[[0, 0, 256]]] } },
    'invalid_input',
    'input image is uint8[height,width,3]: expected an integer from 0 to 255 at [0][0][2], got the number 256',
  ],
  [
    'broken JSON in a tensor',
    '{"inputs":{"image":[[[0,0,0]],]}}',
    'bad_request',
    /^broken JSON at byte \d+: expected a value, got "\]/,
  ],
  ['a tensor cut off', '{"inputs":{"image":[[[0,0', 'bad_request', /expected "," or "]", got its end/],
  [
    'outputs that are no list',
    { inputs: {}, outputs: 'boxes' },
    'bad_request',
    '"outputs" must be a list of names of outputs, got the string "boxes"',
  ],
  [
    'an output that is no name',
    { outputs: [1] },
    'bad_request',
    '"outputs" must be a list of names of outputs, got the number 1',
  ],
  [
    'a wrong output',
    { outputs: ['box'] },
    'invalid_input',
    'there is no output "box"; did you mean "boxes"? There are boxes, scores',
  ],
  ['an output twice', { outputs: ['boxes', 'boxes'] }, 'bad_request', 'output boxes is asked for twice'],
  ['no outputs', { outputs: [] }, 'bad_request', '"outputs" is empty: name one, or leave it out'],
  [
    'parameters that are no object',
    { parameters: 3 },
    'bad_request',
    '"parameters" must be an object, got the number 3',
  ],
  [
    'a wrong parameter',
    { parameters: { time_out: 1 } },
    'bad_request',
    'there is no parameter "time_out"; did you mean "timeout"? There are timeout, priority',
  ],
  [
    'a parameter twice',
    '{"parameters":{"timeout":1,"timeout":1}}',
    'bad_request',
    'the parameter "timeout" is given twice',
  ],
  [
    'a timeout of nothing',
    { parameters: { timeout: 0 } },
    'bad_request',
    'parameter "timeout" must be a number of microseconds above 0, got the number 0',
  ],
  ['an endless timeout', '{"parameters":{"timeout":1e999}}', 'bad_request', /above 0, got the number 1e999$/],
  ['a timeout in words', { parameters: { timeout: '1s' } }, 'bad_request', /above 0, got the string "1s"$/],
  [
    'a priority that there is not',
    { parameters: { priority: 8 } },
    'bad_request',
    'parameter "priority" must be an integer from 0, most urgent, to 7, got the number 8',
  ],
  ['half a priority', { parameters: { priority: 1.5 } }, 'bad_request', /got the number 1.5$/],
  ['no priority', { parameters: { priority: null } }, 'bad_request', /got null$/],
])('%s is refused, and the message says why', async (_what, body, code, message) => {
  const refusal = await refusalOf(() => decode(body, detector));
  expect(refusal.code).toBe(code);
  if (typeof message === 'string') expect(refusal.message).toBe(message);
  else expect(refusal.message).toMatch(message);
  expect(refusal.message.length).toBeLessThan(300);
});

test('all missing inputs are named', async () => {
  expect(await refusalOf(() => decode('{}', pair))).toEqual({
    code: 'invalid_input',
    message: 'inputs tokens, mask are missing; m takes tokens int64[batch,length], mask int64[batch,length]',
  });
});

test('dimensions of one name have one size, across the inputs and within one', async () => {
  await decode({ inputs: { tokens: [[1, 2]], mask: [[1, 1]] } }, pair);
  expect(await refusalOf(() => decode({ inputs: { tokens: [[1, 2]], mask: [[1]] } }, pair))).toEqual({
    code: 'invalid_input',
    message: 'input mask: dimension "length" has the size 1, but 2 in input tokens',
  });
  const square = codecModel({ inputs: [spec('x', 'int8', ['n', 'n'])] });
  expect(await refusalOf(() => decode({ inputs: { x: [[1, 2]] } }, square))).toEqual({
    code: 'invalid_input',
    message: 'input x: dimension "n" has the size 2, but 1 elsewhere in it',
  });
});

test('a dimension has a size that model.json allows, both ends included', async () => {
  const dimensions = { n: { min: 2, max: 3 }, m: { min: 1 } };
  const model = codecModel({ inputs: [spec('x', 'int8', ['n', 'm'])], settings: { dimensions } });
  await decode({ inputs: { x: [[1], [1]] } }, model);
  await decode({ inputs: { x: [[1], [1], [1]] } }, model);
  const messageOf = async (x: unknown) => (await refusalOf(() => decode({ inputs: { x } }, model))).message;
  expect(await messageOf([[1]])).toBe('input x: dimension "n" has the size 1, expected 2 to 3');
  expect(await messageOf([[1], [1], [1], [1]])).toBe(
    'input x: dimension "n" has the size 4, expected 2 to 3',
  );
  expect(await messageOf([[], []])).toBe('input x: dimension "m" has the size 0, expected at least 1');
});

test('unnamed free dimensions may differ', async () => {
  const model = codecModel({ inputs: [spec('a', 'int8', [null]), spec('b', 'int8', [null])] });
  const { inputs } = await decode({ inputs: { a: [1], b: [1, 2, 3] } }, model);
  expect([inputs.a!.dims, inputs.b!.dims]).toEqual([[1], [3]]);
});

test('names that JavaScript gives a meaning are names like any other', async () => {
  const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty'];
  const model = codecModel({
    inputs: names.map((name) => spec(name, 'int8', [])),
    outputs: names.map((name) => spec(name, 'int8', [])),
    settings: { defaults: JSON.parse('{"__proto__":3}') },
  });
  const { inputs } = await decode('{"inputs":{"constructor":1,"toString":2,"hasOwnProperty":4}}', model);
  expect(names.map((name) => [name, inputs[name]])).toEqual([
    ['__proto__', { type: 'int8', dims: [], bytes: Uint8Array.of(3) }],
    ['constructor', { type: 'int8', dims: [], bytes: Uint8Array.of(1) }],
    ['toString', { type: 'int8', dims: [], bytes: Uint8Array.of(2) }],
    ['hasOwnProperty', { type: 'int8', dims: [], bytes: Uint8Array.of(4) }],
  ]);
  expect(JSON.parse(await encode(model, inputs)).outputs.constructor).toBe(1);
});

test.each(['__proto__', 'constructor', 'prototype', 'toString'])(
  '%s as a key or input does no harm',
  async (name) => {
    const before = Object.keys(Object.prototype);
    for (const body of [
      `{"${name}":{"polluted":1},"inputs":{"image":[]}}`,
      `{"inputs":{"image":[],"${name}":{"polluted":1}}}`,
      `{"inputs":{"image":[]},"parameters":{"${name}":{"polluted":1}}}`,
      `{"inputs":{"image":[]},"outputs":["${name}"]}`,
    ]) {
      expect((await refusalOf(() => decode(body, detector))).message).toContain(`"${name}"`);
    }
    expect(Object.keys(Object.prototype)).toEqual(before);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  },
);

test('nesting without end is refused where it begins to be wrong', async () => {
  const depth = 20_000;
  const nested = '['.repeat(depth) + ']'.repeat(depth);
  expect(await refusalOf(() => decode(`{"inputs":{"image":${nested}}}`, detector))).toEqual({
    code: 'invalid_input',
    message:
      'input image is uint8[height,width,3]: expected an integer from 0 to 255 at [0][0][0], got an array',
  });
  for (const body of [nested, `{"inputs":${nested}}`, '{"inputs":'.repeat(5000), '{"a":'.repeat(5000)]) {
    expect((await refusalOf(() => decode(body, detector))).code).toMatch(/^(bad_request|invalid_input)$/);
  }
});

test('a large fixed shape costs a small body no memory', async () => {
  const model = codecModel({ inputs: [spec('x', 'float64', [2 ** 20, 2 ** 20, 2 ** 20])] });
  expect((await refusalOf(() => decode({ inputs: { x: [[[1]]] } }, model))).message).toContain(
    'expected 1048576 entries at [0][0], got 1',
  );
});

test('an answer names model and version, and nests its outputs', async () => {
  const answer = await encode(detector, {
    boxes: { type: 'float32', dims: [1, 4], bytes: floats(0.1, -2, 3.5, 1e-7) },
    scores: { type: 'float32', dims: [1], bytes: floats(0.974) },
  });
  expect(answer).toBe('{"model":"m","version":"3","outputs":{"boxes":[[0.1,-2,3.5,1e-7]],"scores":[0.974]}}');
});

test('an answer of no rows has an empty list', async () => {
  const empty = { type: 'float32', dims: [0, 4], bytes: new Uint8Array(0) } as const;
  expect(await encode(detector, { boxes: empty })).toBe('{"model":"m","version":"3","outputs":{"boxes":[]}}');
});

test('no outputs make an empty object', async () => {
  expect(await encode(detector, {})).toBe('{"model":"m","version":"3","outputs":{}}');
});

test('names of a model and its outputs are escaped', async () => {
  const model = { ...detector, name: 'a"ä', version: '\\' };
  expect(JSON.parse(await encode(model, { '"': stringTensor([], ['😀"']) }))).toEqual({
    model: 'a"ä',
    version: '\\',
    outputs: { '"': '😀"' },
  });
});

test('tensors that are views of other memory are written as they are, at any offset', async () => {
  const memory = new Uint8Array(64);
  memory.set(floats(1.5, 2.5), 3);
  const answer = await encode(detector, { y: { type: 'float32', dims: [2], bytes: memory.subarray(3, 11) } });
  expect(JSON.parse(answer).outputs).toEqual({ y: [1.5, 2.5] });
});

test('labels stand beside the outputs, shaped like them, and null where a value has none', async () => {
  const model = codecModel({
    inputs: [],
    settings: { labels: { label: ['zero', 'one', 'zwö'], top: ['a', 'b'], score: ['no'], absent: ['x'] } },
  });
  const answer = JSON.parse(
    await encode(model, {
      label: { type: 'int64', dims: [2, 2], bytes: longs(0n, 2n, 3n, -1n) },
      top: { type: 'int32', dims: [], bytes: Uint8Array.of(1, 0, 0, 0) },
      score: { type: 'float32', dims: [1], bytes: floats(0) },
    }),
  );
  expect(answer.outputs).toEqual({
    label: [
      [0, 2],
      [3, -1],
    ],
    top: 1,
    score: [0],
  });
  expect(answer.labels).toEqual({
    label: [
      ['zero', 'zwö'],
      [null, null],
    ],
    top: 'b',
  });
});

test('a label beyond 2^53 or named like a method is none', async () => {
  const model = codecModel({ inputs: [], settings: { labels: { y: ['zero'] } } });
  const answer = JSON.parse(
    await encode(model, { y: { type: 'int64', dims: [2], bytes: longs(2n ** 63n - 1n, 0n) } }),
  );
  expect(answer).toMatchObject({ outputs: { y: ['9223372036854775807', 0] }, labels: { y: [null, 'zero'] } });
});

test('an answer can be sent back as a request', async () => {
  const model = codecModel({ inputs: [spec('x', 'float32', [null, 2]), spec('s', 'string', [null])] });
  const inputs: Tensors = {
    x: { type: 'float32', dims: [2, 2], bytes: floats(0.1, Number.NaN, Number.POSITIVE_INFINITY, -0) },
    s: stringTensor([1], ['"😀\n']),
  };
  const { outputs } = JSON.parse(await encode(model, inputs));
  expect(outputs.x[0]).toEqual([0.1, 'NaN']);
  expect({ ...(await decode({ inputs: { ...outputs, x: [outputs.x[0]] } }, model)).inputs }).toEqual({
    x: { type: 'float32', dims: [1, 2], bytes: floats(0.1, Number.NaN) },
    s: inputs.s,
  });
});

test('a string with a NUL is refused: the model would be given what stands before it, unsaid', async () => {
  const model = codecModel({ inputs: [spec('s', 'string', [null])] });
  const refusal = await refusalOf(() => decode('{"inputs":{"s":["a","a\\u0000b"]}}', model));
  expect([refusal.code, refusal.message]).toEqual([
    'invalid_input',
    'input s: expected strings without a NUL, got one that has it',
  ]);
});

describe('an empty input', () => {
  const refusal = async (
    settings: object,
    x: unknown,
    shape: readonly (string | number | null)[] = ['n', 3],
  ) => {
    const model = codecModel({ inputs: [spec('x', 'float32', shape)], settings });
    try {
      const { inputs } = await decode({ inputs: { x } }, model);
      return inputs.x!.dims;
    } catch (error) {
      return (error as Error).message;
    }
  };

  test('is refused where the model leaves the size free, in whatever way', async () => {
    const cure = 'expected at least 1; model.json may allow it by "emptyInputs": ["x"]';
    expect(await refusal({}, [])).toBe(`input x: dimension "n" has the size 0, ${cure}`);
    expect(await refusal({}, [], [null, 3])).toBe(`input x: dimension 0 has the size 0, ${cure}`);
    expect(await refusal({}, [[]], [1, 'm'])).toBe(`input x: dimension "m" has the size 0, ${cure}`);
  });

  test('is taken where model.json or the model allows it', async () => {
    expect(await refusal({ emptyInputs: ['x'] }, [])).toEqual([0, 3]);
    expect(await refusal({ dimensions: { n: { min: 0 } } }, [])).toEqual([0, 3]);
    expect(await refusal({}, [], [0, 3])).toEqual([0, 3]);
    expect(await refusal({ dimensions: { n: { min: 1, max: 4 } } }, [])).toBe(
      'input x: dimension "n" has the size 0, expected 1 to 4',
    );
  });
});
