// Batches: who is joined into one run, who never is, and that company changes nobody's answer.

import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { burn, ENDLESS, leavableBurn } from '../support/burns.js';
import { FAILS_VALUES, writeFixtureModels } from '../support/fixture-models.js';
import {
  type Answer,
  failedStart,
  type Oneslot,
  openBooks,
  PROJECT,
  startOneslot,
} from '../support/oneslot.js';
import type { MetricsPage } from '../support/prometheus-text.js';
import { sumOf } from '../support/prometheus-text.js';
import { until } from '../support/until.js';

interface Sample {
  readonly label: number;
  readonly image: number[][];
}

const SAMPLES = JSON.parse(readFileSync(`${PROJECT}models/digits/samples.json`, 'utf8')) as Sample[];

/** Of one model: how many runs there were, and how many predictions they served. */
interface Runs {
  readonly runs: number;
  readonly served: number;
  /** Runs of one prediction alone. */
  readonly single: number;
}

async function runsOf(oneslot: Oneslot, model: string): Promise<Runs> {
  const page: MetricsPage = await oneslot.metrics();
  const value = (suffix: string, labels = {}) =>
    sumOf(page, `oneslot_batch_size_${suffix}`, { model, ...labels });
  return { runs: value('count'), served: value('sum'), single: value('bucket', { le: '1' }) };
}

/** Asks all while an endless run holds the slot, frees it once all of them wait, and gives the answers. */
async function askBehindARun(oneslot: Oneslot, ask: readonly (() => Promise<Answer>)[]): Promise<Answer[]> {
  const long = leavableBurn(oneslot, ENDLESS);
  await oneslot.running();
  const answers = ask.map((each) => each());
  await oneslot.queued(ask.length);
  long.leave();
  return await Promise.all(answers);
}

describe('digits that wait together', () => {
  let oneslot: Oneslot;

  beforeAll(async () => {
    oneslot = await startOneslot();
  });

  afterAll(async () => {
    await oneslot[Symbol.asyncDispose]();
  });

  test('are served by one run, each with the answer to its own picture', async () => {
    const alone = await Promise.all(
      SAMPLES.map(({ image }) => oneslot.predict('digits', { image: [image] })),
    );
    const before = await runsOf(oneslot, 'digits');
    const answers = await askBehindARun(
      oneslot,
      SAMPLES.map(
        ({ image }) =>
          () =>
            oneslot.predict('digits', { image: [image] }),
      ),
    );
    const after = await runsOf(oneslot, 'digits');
    expect(after.runs - before.runs).toBe(1);
    expect(after.served - before.served).toBe(SAMPLES.length);
    expect(answers.map(({ body }) => body.outputs.label)).toEqual(SAMPLES.map(({ label }) => [label]));
    for (const [index, { body }] of answers.entries()) {
      const [probabilities] = body.outputs.probabilities as number[][];
      const expected = alone[index]!.body.outputs.probabilities[0] as number[];
      for (const [digit, value] of expected.entries()) expect(probabilities![digit]).toBeCloseTo(value, 4);
    }
  });

  test('are each told the times of their own way and of the run that they shared', async () => {
    const answers = await askBehindARun(
      oneslot,
      SAMPLES.slice(0, 4).map(
        ({ image }) =>
          () =>
            oneslot.predict('digits', { image: [image] }),
      ),
    );
    const timings = answers.map(({ headers }) => headers.get('server-timing')!);
    for (const timing of timings) expect(timing).toMatch(/^receive;.*decode;.*queue;.*run;.*encode;/);
    expect(new Set(timings.map((timing) => /run;dur=[\d.]+/.exec(timing)![0])).size).toBe(1);
  });

  test('with more than one picture each keep all of their own', async () => {
    const pairs = SAMPLES.slice(1).map((sample, index) => [SAMPLES[index]!, sample] as const);
    const answers = await askBehindARun(
      oneslot,
      pairs.map((pair) => () => oneslot.predict('digits', { image: pair.map(({ image }) => image) })),
    );
    expect(answers.map(({ body }) => body.outputs.label)).toEqual(
      pairs.map((pair) => pair.map(({ label }) => label)),
    );
  });
});

describe('of the fixtures,', () => {
  let folder: string;
  let oneslot: Oneslot;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'oneslot-batches-'));
    writeFixtureModels(folder, ['burn', 'fails', 'sum-rows', 'prototype-names', 'adds-unequal']);
    oneslot = await startOneslot({ models: folder });
  });

  afterEach(async () => {
    expect(openBooks(await oneslot.metrics())).toBe(0);
    await oneslot[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  const sumRows = (x: readonly number[][]) => () => oneslot.predict('sum-rows', { x });

  test('only those whose other dimensions agree are joined', async () => {
    const rows = [
      [1, 2],
      [1, 2, 3],
      [3, 4],
      [4, 5, 6],
      [5, 6],
      [7, 8, 9],
    ];
    const answers = await askBehindARun(
      oneslot,
      rows.map((row) => sumRows([row])),
    );
    expect(answers.map(({ body }) => body.outputs.sum)).toEqual([[3], [6], [7], [15], [11], [24]]);
    expect(await runsOf(oneslot, 'sum-rows')).toEqual({ runs: 2, served: 6, single: 0 });
  });

  test('a batch never takes more rows than the model declares', async () => {
    const answers = await askBehindARun(
      oneslot,
      Array.from({ length: 20 }, (_, index) => sumRows([[index, 1]])),
    );
    expect(answers.map(({ body }) => body.outputs.sum)).toEqual(
      Array.from({ length: 20 }, (_, index) => [index + 1]),
    );
    // Eight, eight and four.
    expect(await runsOf(oneslot, 'sum-rows')).toEqual({ runs: 3, served: 20, single: 0 });
  });

  test('rows are counted, not requests', async () => {
    const three = (index: number): number[][] => [0, 1, 2].map((row) => [index, row]);
    const answers = await askBehindARun(
      oneslot,
      Array.from({ length: 6 }, (_, index) => sumRows(three(index))),
    );
    expect(answers.map(({ body }) => body.outputs.sum)).toEqual(
      Array.from({ length: 6 }, (_, index) => [index, index + 1, index + 2]),
    );
    // Three rows and three fit into eight, three more do not.
    expect(await runsOf(oneslot, 'sum-rows')).toEqual({ runs: 3, served: 6, single: 0 });
  });

  test('one bad sample in a batch fails alone', async () => {
    const indices = [3, 5, 99, 7];
    const answers = await askBehindARun(
      oneslot,
      indices.map((index) => () => oneslot.predict('fails', { index: [index] })),
    );
    for (const [at, { status, body }] of answers.entries()) {
      const value = FAILS_VALUES[indices[at]!];
      if (value === undefined)
        expect({ status, code: body.code }).toEqual({ status: 500, code: 'run_failed' });
      else expect(body.outputs).toEqual({ value: [value] });
    }
    expect(await runsOf(oneslot, 'fails')).toEqual({ runs: 1, served: 4, single: 0 });
    expect(await oneslot.metric('oneslot_runner_restarts_total', { reason: 'crashed' })).toBe(0);
  });

  test('inputs whose names every object has are joined along their axis', async () => {
    const ask = (index: number) => () =>
      oneslot.post(
        '/predict/prototype-names',
        `{"inputs": {"constructor": [[1, 2], [3, 4]], "__proto__": [[${index}, 0], [0, ${index}]]}}`,
      );
    const answers = await askBehindARun(
      oneslot,
      Array.from({ length: 4 }, (_, index) => ask(index)),
    );
    expect(answers.map(({ body }) => body.outputs.sum)).toEqual(
      Array.from({ length: 4 }, (_, index) => [
        [1 + index, 2],
        [3, 4 + index],
      ]),
    );
    expect(await runsOf(oneslot, 'prototype-names')).toEqual({ runs: 1, served: 4, single: 0 });
  });

  test('inputs of unequal numbers of rows are not joined: nobody knows whose rows belong together', async () => {
    const add = (a: number[], b: number[]) => () => oneslot.predict('adds-unequal', { a, b });
    const answers = await askBehindARun(oneslot, [add([1], [10, 20]), add([5, 6], [100]), add([7], [8])]);
    expect(answers.map(({ body }) => body.outputs.sum)).toEqual([[11, 21], [105, 106], [15]]);
    expect(await runsOf(oneslot, 'adds-unequal')).toEqual({ runs: 3, served: 3, single: 3 });
  });

  test('a model that declares no batch is never joined', async () => {
    const answers = await askBehindARun(
      oneslot,
      Array.from({ length: 4 }, () => () => burn(oneslot, 10)),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    // With the run that held the slot.
    expect(await runsOf(oneslot, 'burn')).toEqual({ runs: 5, served: 5, single: 5 });
  });
});

test('an answer that company changed ends the batches of its model, in metrics, log and GET /models', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'oneslot-batches-'));
  writeFixtureModels(folder, ['burn', 'leaks-late', 'sum-rows']);
  await using oneslot = await startOneslot({ models: folder });
  const batchingOf = async (model: string) => (await oneslot.get(`/models/${model}`)).body.batching;
  const ask = (values: readonly number[]) =>
    askBehindARun(
      oneslot,
      values.map((value) => () => oneslot.predict('leaks-late', { x: [value] })),
    );
  expect(await oneslot.metric('oneslot_batch_mismatches_total', { model: 'leaks-late' })).toBe(0);
  expect(await batchingOf('leaks-late')).toMatchObject({ on: true, checks: 0, proof: { largest: 8 } });
  expect(await batchingOf('burn')).toBeUndefined();

  const small = await ask([1, 2]);
  expect(small.map(({ body }) => body.outputs.y)).toEqual([[1], [2]]);
  await until(async () => (await batchingOf('leaks-late')).checks === 1);
  expect((await oneslot.get('/healthz')).status).toBe(200);

  // Until the second check is due.
  await until(async () => {
    await ask([200_000, 300_000]);
    return (await batchingOf('leaks-late')).on === false;
  });
  expect(await batchingOf('leaks-late')).toEqual({
    on: false,
    reason: 'output y of a prediction was another one in company than alone',
  });
  const line = await oneslot.logs(({ msg }) => /batching ended/.test(msg));
  expect(line).toMatchObject({ model: 'leaks-late', output: 'y', allowed: 0.001 });
  expect(JSON.stringify(line)).not.toContain('200000');
  expect(await oneslot.metric('oneslot_batch_checks_total', { model: 'leaks-late' })).toBe(2);
  expect(await oneslot.metric('oneslot_batch_mismatches_total', { model: 'leaks-late' })).toBe(1);
  expect(await oneslot.metric('oneslot_batch_check_bytes')).toBe(0);

  const before = await runsOf(oneslot, 'leaks-late');
  const apart = await ask([200_000, 300_000]);
  expect(apart.map(({ body }) => body.outputs.y)).toEqual([[100_000], [100_000]]);
  const after = await runsOf(oneslot, 'leaks-late');
  expect(after.single - before.single).toBe(2);
  expect((await batchingOf('sum-rows')).on).toBe(true);
  expect(openBooks(await oneslot.metrics())).toBe(0);
  await rm(folder, { recursive: true });
});

test('float16 is joined, and as inexact as it is', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'oneslot-batches-'));
  writeFixtureModels(folder, ['burn', 'half-precision']);
  await using oneslot = await startOneslot({ models: folder });
  const answers = await askBehindARun(
    oneslot,
    [1, 2, 3, 4].map((value) => () => oneslot.predict('half-precision', { x: [[value, 0, 0, 0]] })),
  );
  for (const [index, { body }] of answers.entries()) expect(body.outputs.y[0][0]).toBeCloseTo(index + 2, 1);
  expect(await runsOf(oneslot, 'half-precision')).toEqual({ runs: 1, served: 4, single: 0 });
  await rm(folder, { recursive: true });
});

test.each([
  ['not-batchable', 'centred'],
  ['leaks-maximum', 'below'],
  ['quantized-lookup', 'y'],
] as const)(
  '%s, whose answers change with company, keeps the server from starting, and the reason is told',
  async (name, output) => {
    const folder = await mkdtemp(join(tmpdir(), 'oneslot-batches-'));
    writeFixtureModels(folder, [name]);
    const { code, stderr } = await failedStart({ models: folder });
    expect(code).toBe(1);
    expect(stderr).toContain(`model ${name}`);
    expect(stderr).toContain(`output ${output} differs between`);
    await rm(folder, { recursive: true });
  },
);
