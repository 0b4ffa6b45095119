// Sizes and ranks that a model's file does not say: what is unknown is taken as it comes.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { writeFixtureModels } from '../support/fixture-models.js';
import { type Oneslot, startOneslot } from '../support/oneslot.js';

let folder: string;
let oneslot: Oneslot;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'oneslot-ranks-'));
  writeFixtureModels(folder, [
    'echo-any-rank',
    'echo-text-any-rank',
    'echo-scalar',
    'needs-pictures',
    'unknown-sizes',
  ]);
  oneslot = await startOneslot({ models: folder });
});

afterAll(async () => {
  await oneslot[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const floats = (values: readonly number[]) => new Uint8Array(Float32Array.from(values).buffer);

async function raw(model: string, values: readonly number[], headers: Record<string, string> = {}) {
  return await oneslot.post(`/predict/${model}`, floats(values), {
    headers: { 'content-type': 'application/octet-stream', ...headers },
  });
}

test.each(
  [
    [5],
    [[5]],
    [[1, 2, 3]],
    [
      [
        [1, 2],
        [3, 4],
      ],
    ],
    [[]],
    [[[], []]],
    [[[[[[7]]]]]],
  ].map(([value]) => [value]),
)('an input of unknown rank takes %j', async (value) => {
  const { status, body } = await oneslot.predict('echo-any-rank', { input: value });
  expect({ status, outputs: body.outputs }).toEqual({ status: 200, outputs: { output: value } });
});

test('its arrays are still of one shape, and not nested without end', async () => {
  const ragged = await oneslot.predict('echo-any-rank', { input: [[1, 2], [3]] });
  expect(ragged.status).toBe(400);
  expect(ragged.body.detail).toBe(
    'input input is float32 of any rank: expected 2 entries as in the arrays before it at [1], got 1',
  );
  const mixed = await oneslot.predict('echo-any-rank', { input: [[1], 2] });
  expect(mixed.body.detail).toContain('expected an array at [1], got the number 2');
  const deep = `{"inputs":{"input":${'['.repeat(100_000)}${']'.repeat(100_000)}}}`;
  const { status, body } = await oneslot.post('/predict/echo-any-rank', deep);
  expect(status).toBe(400);
  expect(body.detail).toContain('expected at most 32 arrays in each other, got more');
});

test('a raw tensor of unknown rank says its shape', async () => {
  const { status, body } = await raw('echo-any-rank', [1, 2, 3, 4], { 'tensor-shape': '2,1,2' });
  expect({ status, outputs: body.outputs }).toEqual({
    status: 200,
    outputs: { output: [[[1, 2]], [[3, 4]]] },
  });
  expect((await raw('echo-any-rank', [9], { 'tensor-shape': '' })).body.outputs).toEqual({ output: 9 });
  const without = await raw('echo-any-rank', [1, 2]);
  expect(without.status).toBe(400);
  expect(without.body.detail).toContain('its shape must be given, e.g. Tensor-Shape: 1,8,8');
  const many = await raw('echo-any-rank', [1], { 'tensor-shape': Array(33).fill(1).join() });
  expect(many.body.detail).toContain('at most 32 dimensions are taken');
});

test('strings of unknown rank come as JSON, and one as a text', async () => {
  const { body } = await oneslot.predict('echo-text-any-rank', { input: [['a'], ['b']] });
  expect(body.outputs).toEqual({ output: [['a'], ['b']] });
  const text = await oneslot.post('/predict/echo-text-any-rank', 'hello', {
    headers: { 'content-type': 'text/plain' },
  });
  expect(text.body.outputs).toEqual({ output: ['hello'] });
});

test('a scalar is a scalar still', async () => {
  expect((await oneslot.predict('echo-scalar', { input: 5 })).body.outputs).toEqual({ output: 5 });
  const { status, body } = await oneslot.predict('echo-scalar', { input: [5] });
  expect(status).toBe(400);
  expect(body.detail).toContain('input input is float32[]: expected a number');
});

test('GET /models says null for a shape that is unknown, and for a size', async () => {
  const inputsOf = async (model: string) => (await oneslot.get(`/models/${model}`)).body.inputs;
  expect(await inputsOf('echo-any-rank')).toEqual([{ name: 'input', type: 'float32', shape: null }]);
  expect(await inputsOf('echo-scalar')).toEqual([{ name: 'input', type: 'float32', shape: [] }]);
  const [picture, scale] = await inputsOf('unknown-sizes');
  expect(picture.shape).toEqual(['n', 3, null, null]);
  expect(scale.shape).toEqual([null, null, null, null, null]);
});

test('dimensions called ?, None or -1 need not be equal', async () => {
  const picture = [[[[1, 2]], [[3, 4]], [[5, 6]]]];
  const scale = [[[[[1], [2]]], [[[3], [4]]]]];
  const { status, body } = await oneslot.predict('unknown-sizes', { picture, scale });
  expect({ status, outputs: body.outputs }).toEqual({
    status: 200,
    outputs: { same_picture: picture, same_scale: scale },
  });
});

test('a model of unknown rank is warmed up with one that it takes, proved, and never joined below its batch axis', async () => {
  expect(oneslot.log.filter(({ model, level }) => model === 'needs-pictures' && level === 40)).toEqual([]);
  const { body } = await oneslot.predict('needs-pictures', { picture: [[[[1, 3]]]] });
  expect(body.outputs.mean).toEqual([[[[2]]]]);
  expect((await oneslot.predict('needs-pictures', { picture: 1 })).body.code).toBe('run_failed');
});
