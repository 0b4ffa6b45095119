// Models whose file has inputs or outputs that are no tensors, or of types that can't be fed: what is served of them, and what
// is said of the rest.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { encodeModel, type GraphSpec, node } from '../../models/burn/onnx-writer.js';
import { messageField, numberField, partsOf, textField, textOf } from '../../src/runner/protobuf.js';
import { writeFixtureModels } from '../support/fixture-models.js';
import { type Oneslot, startOneslot } from '../support/oneslot.js';
import { tempFolders } from '../support/temp-folders.js';
import { until } from '../support/until.js';

const makeFolder = tempFolders();

/** TypeProto of a tensor of this element type, by its number in onnx.proto. */
const tensor = (element: number): Uint8Array => messageField(1, numberField(1, element));
const sequence = (of: Uint8Array): Uint8Array => messageField(4, messageField(1, of));
const map = (key: number, value: Uint8Array): Uint8Array =>
  messageField(5, Buffer.concat([numberField(1, key), messageField(2, value)]));
const [FLOAT32, INT64, STRING, BFLOAT16] = [1, 7, 8, 16];

type Types = Readonly<Record<string, Uint8Array>>;

/** The model, with other types of some inputs and outputs than the writer knows. */
function withTypes(model: Uint8Array, types: Types): Uint8Array {
  const parts = [...partsOf(model)].map(({ field, content, whole }) =>
    field === 7 ? messageField(7, Buffer.concat([...graphWithTypes(content, types)])) : whole,
  );
  return Buffer.concat(parts);
}

function* graphWithTypes(graph: Uint8Array, types: Types): Generator<Uint8Array> {
  for (const { field, content, whole } of partsOf(graph)) {
    const name = field === 11 || field === 12 ? textOf([...partsOf(content)][0]!.content) : '';
    if (!Object.hasOwn(types, name)) yield whole;
    else yield messageField(field, Buffer.concat([textField(1, name), messageField(2, types[name]!)]));
  }
}

interface Classifier {
  readonly labels: Readonly<Record<string, { ints: number[] } | { strings: string[] }>>;
  readonly key: number;
}

/** `x` [n, 3] → `probabilities`, the same as a sequence of maps, and `doubled`; as scikit-learn's converter has it. */
function classifier({ labels, key }: Classifier): Uint8Array {
  const value = (name: string) => ({ name, type: 'float32', shape: ['n', 3] }) as const;
  const graph: GraphSpec = {
    name: 'classifier',
    inputs: [value('x')],
    outputs: [value('doubled'), value('probabilities')],
    nodes: [
      node('Add', ['x', 'x'], ['doubled']),
      { op: 'ZipMap', domain: 'ai.onnx.ml', inputs: ['x'], outputs: ['probabilities'], attributes: labels },
    ],
  };
  const model = encodeModel({ graph, producer: 'test', opsets: { '': 17, 'ai.onnx.ml': 3 } });
  return withTypes(model, { probabilities: sequence(map(key, tensor(FLOAT32))) });
}

async function serve(models: Readonly<Record<string, Uint8Array>>): Promise<Oneslot> {
  const folder = await makeFolder(Object.fromEntries(Object.keys(models).map((name) => [`${name}/1/`, ''])));
  for (const [name, bytes] of Object.entries(models))
    await writeFile(join(folder, name, '1', 'model.onnx'), bytes);
  writeFixtureModels(folder, ['wide']);
  return await startOneslot({ models: folder, args: ['--require-models', 'any'] });
}

test('a sequence of maps comes as JSON objects, and the tensors beside it as ever', async () => {
  await using oneslot = await serve({
    numbers: classifier({ labels: { classlabels_int64s: { ints: [7, -1, 0] } }, key: INT64 }),
    names: classifier({
      labels: { classlabels_strings: { strings: ['a"b', '__proto__', 'ü'] } },
      key: STRING,
    }),
  });
  const x = [
    [0.5, 0.25, 0.25],
    [1, 0, 0],
  ];
  const { body } = await oneslot.predict('numbers', { x });
  expect(body.outputs).toEqual({
    doubled: [
      [1, 0.5, 0.5],
      [2, 0, 0],
    ],
    probabilities: [
      { '7': 0.5, '-1': 0.25, '0': 0.25 },
      { '7': 1, '-1': 0, '0': 0 },
    ],
  });
  const [first] = (await oneslot.predict('names', { x })).body.outputs.probabilities;
  expect(Object.entries(first)).toEqual([
    ['a"b', 0.5],
    ['__proto__', 0.25],
    ['ü', 0.25],
  ]);
  const large = Array.from({ length: 5000 }, (_, row) => [row, 0, 0]);
  const many = (await oneslot.predict('numbers', { x: large })).body.outputs.probabilities;
  expect([many.length, many[4999]]).toEqual([5000, { '7': 4999, '-1': 0, '0': 0 }]);
  expect((await oneslot.get('/models/numbers')).body.outputs).toEqual([
    { name: 'doubled', type: 'float32', shape: ['n', 3] },
    { name: 'probabilities', type: 'float32', shape: ['n', 3], mapKeys: ['7', '-1', '0'] },
  ]);
}, 60_000);

test('maps have no raw form, and may be asked for alone', async () => {
  await using oneslot = await serve({
    numbers: classifier({ labels: { classlabels_int64s: { ints: [0, 1, 2] } }, key: INT64 }),
  });
  const asRaw = { headers: { accept: 'application/octet-stream' } };
  const body = '{"inputs":{"x":[[1,2,3]]}}';
  const raw = await oneslot.post('/predict/numbers?outputs=probabilities', body, asRaw);
  expect(raw).toMatchObject({ status: 406, body: { code: 'not_acceptable' } });
  expect(raw.body.detail).toContain('output probabilities holds maps');
  expect((await oneslot.post('/predict/numbers?outputs=doubled', body, asRaw)).status).toBe(200);
  expect((await oneslot.get('/models/numbers')).body.answers).toContainEqual({
    contentType: 'application/octet-stream',
    oneOf: ['doubled'],
  });
  expect((await oneslot.post('/predict/numbers?outputs=probabilities', body)).body.outputs).toEqual({
    probabilities: [{ '0': 1, '1': 2, '2': 3 }],
  });
}, 60_000);

/** `x` [n] → `sum` [n], and `other`, which is of another type. */
function withOutput(op: string, type: Uint8Array, attributes = {}): Uint8Array {
  const value = (name: string) => ({ name, type: 'float32', shape: ['n'] }) as const;
  const nodes = [node('Add', ['x', 'x'], ['sum']), node(op, ['x'], ['other'], attributes)];
  const graph = { name: 'other', inputs: [value('x')], outputs: [value('other'), value('sum')], nodes };
  return withTypes(encodeModel({ graph, producer: 'test', opsets: { '': 21 } }), { other: type });
}

test('an output that can not be answered is left out, and said to be; the others are served', async () => {
  await using oneslot = await serve({
    sequence: withOutput('SequenceConstruct', sequence(tensor(FLOAT32))),
    bfloat16: withOutput('Cast', tensor(BFLOAT16), { to: { int: BFLOAT16 } }),
    float8: withOutput('Cast', tensor(17), { to: { int: 17 } }),
    int4: withOutput('Cast', tensor(22), { to: { int: 22 } }),
  });
  for (const [name, type, cure] of [
    ['sequence', 'a sequence of float32', /ConcatFromSequence/],
    ['bfloat16', 'bfloat16', /float32 or float16/],
    ['float8', 'float8e4m3fn', /float32 or float16/],
    ['int4', 'int4', /int8 or uint8/],
  ] as const) {
    expect((await oneslot.predict(name, { x: [1, 2] })).body.outputs).toEqual({ sum: [2, 4] });
    const { outputs, leftOut, nodes } = (await oneslot.get(`/models/${name}`)).body;
    expect([outputs.length, leftOut]).toEqual([
      1,
      [{ name: 'other', type, cure: expect.stringMatching(cure) }],
    ]);
    expect(nodes).toEqual({ CPUExecutionProvider: expect.any(Number) });
    await oneslot.logs(({ msg, model }) => model === name && msg.startsWith(`output other is ${type}`));
  }
}, 60_000);

test('an input that can not be fed keeps its model from loading: it is named, with its type and the cure', async () => {
  const value = (name: string) => ({ name, type: 'float32', shape: ['n'] }) as const;
  const cast = encodeModel({
    graph: {
      name: 'cast',
      inputs: [value('x')],
      outputs: [value('y')],
      nodes: [node('Cast', ['x'], ['y'], { to: { int: 1 } })],
    },
    producer: 'test',
    opsets: { '': 21 },
  });
  const concat = encodeModel({
    graph: {
      name: 'concat',
      inputs: [value('x')],
      outputs: [value('y')],
      nodes: [node('ConcatFromSequence', ['x'], ['y'], { axis: { int: 0 } })],
    },
    producer: 'test',
  });
  await using oneslot = await serve({
    bfloat16: withTypes(cast, { x: tensor(BFLOAT16) }),
    sequence: withTypes(concat, { x: sequence(tensor(FLOAT32)) }),
  });
  const reasonOf = async (name: string) => (await oneslot.get(`/models/${name}`)).body.reason;
  expect(await until(() => reasonOf('bfloat16'))).toContain(
    "input x is bfloat16, which can't be fed: convert it to float32 or float16",
  );
  expect(await until(() => reasonOf('sequence'))).toContain('input x is a sequence of float32');
  expect((await oneslot.predict('wide', { x: [1, 2] })).status).toBe(200);
}, 60_000);

test('a model of ZipMap alone needs no other operator of its own', async () => {
  const value = (name: string) => ({ name, type: 'float32', shape: ['n', 2] }) as const;
  const labels = { classlabels_int64s: { ints: [0, 1] } };
  const zipMap = { op: 'ZipMap', domain: 'ai.onnx.ml', inputs: ['x'], outputs: ['y'], attributes: labels };
  const graph = { name: 'bare', inputs: [value('x')], outputs: [value('y')], nodes: [zipMap] };
  const model = encodeModel({ graph, producer: 'test', opsets: { 'ai.onnx.ml': 3 } });
  await using oneslot = await serve({ bare: withTypes(model, { y: sequence(map(INT64, tensor(FLOAT32))) }) });
  const { body } = await oneslot.predict('bare', { x: [[0.5, 0.5]] });
  expect(body.outputs).toEqual({ y: [{ '0': 0.5, '1': 0.5 }] });
}, 60_000);

test('weights in a file beside the model are found all the same', async () => {
  const value = (name: string) => ({ name, type: 'float32', shape: ['n'] }) as const;
  const nodes = [node('Add', ['x', 'w'], ['sum']), node('SequenceConstruct', ['x'], ['other'])];
  const graph = { name: 'beside', inputs: [value('x')], outputs: [value('other'), value('sum')], nodes };
  const entry = (key: string, text: string) =>
    messageField(13, Buffer.concat([textField(1, key), textField(2, text)]));
  const weights = Buffer.concat([
    numberField(1, 2),
    numberField(2, FLOAT32),
    textField(8, 'w'),
    entry('location', 'weights.bin'),
    numberField(14, 1),
  ]);
  const model = withTypes(encodeModel({ graph, producer: 'test' }), { other: sequence(tensor(FLOAT32)) });
  const parts = [...partsOf(model)].map(({ field, content, whole }) =>
    field === 7 ? messageField(7, Buffer.concat([content, messageField(5, weights)])) : whole,
  );
  const folder = await makeFolder({ 'beside/1/': '' });
  await writeFile(join(folder, 'beside', '1', 'model.onnx'), Buffer.concat(parts));
  await writeFile(join(folder, 'beside', '1', 'weights.bin'), new Uint8Array(Float32Array.of(10, 20).buffer));
  await using oneslot = await startOneslot({ models: folder });
  expect((await oneslot.predict('beside', { x: [1, 2] })).body.outputs).toEqual({ sum: [11, 22] });
}, 60_000);
