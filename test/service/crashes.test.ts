// Runs that end their runner, or could: what their callers hear of it, and what operators do.

import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { KILLING, writeFixtureModels } from '../support/fixture-models.js';
import { openBooks, startOneslot } from '../support/oneslot.js';
import { tempFolders } from '../support/temp-folders.js';
import { until } from '../support/until.js';

const makeFolder = tempFolders();

/** An index that fails a run, and that ONNX Runtime writes to the runner's output. */
const TELLTALE = 777_777;

test('a crash is told by its signal, and what an earlier run wrote is not laid to it', async () => {
  const models = await makeFolder();
  writeFixtureModels(models, ['fails', 'killed', 'killed-by-nothing']);
  await using oneslot = await startOneslot({ models });
  expect((await oneslot.predict('fails', { index: [TELLTALE] })).body.code).toBe('run_failed');
  await oneslot.logs(({ runner }) => String(runner).includes(String(TELLTALE)));
  expect(await oneslot.predict('killed', { x: [KILLING] })).toMatchObject({
    status: 500,
    body: { code: 'runner_crashed', retryable: true, detail: 'the runner died of SIGFPE during this run' },
  });
  const gone = await oneslot.logs(({ msg }) => msg === 'runner gone');
  expect(gone).toMatchObject({ signal: 'SIGFPE' });
  expect(JSON.stringify(gone)).not.toContain(String(TELLTALE));

  await until(() => oneslot.isReady());
  const aborted = await oneslot.predict('killed-by-nothing', { x: [] });
  expect(aborted.body).toMatchObject({ detail: 'the runner died of SIGABRT during this run' });
  await until(() => oneslot.logged('runner gone').length === 2);
  expect(oneslot.logged('runner gone')[1]).toMatchObject({
    signal: 'SIGABRT',
    words: ['terminate called without an active exception'],
  });
}, 60_000);

test('two runs that were planned together keep their words apart, however late they are read', async () => {
  const models = await makeFolder();
  writeFixtureModels(models, ['burn', 'fails', 'killed']);
  await using oneslot = await startOneslot({ models });
  const running = oneslot.predict('burn', { iterations: [100_000] });
  await oneslot.running();
  const failing = oneslot.predict('fails', { index: [TELLTALE] });
  await oneslot.queued(1);
  const killing = oneslot.predict('killed', { x: [KILLING] });
  const answers = await Promise.all([running, failing, killing]);
  expect(answers.map(({ status }) => status)).toEqual([200, 500, 500]);
  expect(answers[2]!.body.detail).toBe('the runner died of SIGFPE during this run');
  const gone = await oneslot.logs(({ msg }) => msg === 'runner gone');
  expect(JSON.stringify(gone)).not.toContain(String(TELLTALE));
}, 60_000);

test('callers of a model that can not be loaded see no paths; operators do', async () => {
  const models = await makeFolder({ 'broken/1/model.onnx': 'this is no model' });
  writeFixtureModels(models, ['takes-memory']);
  await using oneslot = await startOneslot({ models, args: ['--require-models', 'any'] });
  expect(JSON.stringify((await oneslot.get('/readyz')).body.notLoaded)).toContain(models);
  const { status, body } = await oneslot.predict('broken', { x: [1] });
  expect([status, body.code]).toEqual([503, 'model_not_ready']);
  expect(JSON.stringify(body)).not.toMatch(/\/|model\.onnx/);
}, 60_000);

/** Address space of a process in bytes, used or not. */
async function addressSpace(pid: number): Promise<number> {
  const [, kB] = /VmSize:\s+(\d+) kB/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))!;
  return Number(kB) * 1024;
}

test.each([1e12, 2 ** 53 - 1, -5])(
  'a run on the CPU that asks for %d numbers fails alone',
  async (count) => {
    const models = await makeFolder();
    writeFixtureModels(models, ['takes-memory']);
    await using oneslot = await startOneslot({ models });
    const { runnerPid } = oneslot;
    const before = await addressSpace(runnerPid!);
    const answers = await Promise.all(
      [count, 3, 4].map((n) => oneslot.predict('takes-memory', { count: [n] })),
    );
    expect(answers.map(({ status }) => status)).toEqual([500, 200, 200]);
    expect(answers[0]!.body).toMatchObject({ code: 'run_failed', retryable: false });
    if (count > 0) expect(answers[0]!.body.detail).toContain('this input takes more memory than there is');
    expect(answers[0]!.body.detail).not.toMatch(/onnxruntime_src|::/);
    // An arena that could not grow would now try to take all the memory of the machine.
    expect((await oneslot.predict('takes-memory', { count: [1e6] })).status).toBe(200);
    expect(oneslot.runnerPid).toBe(runnerPid);
    expect(await oneslot.metric('oneslot_runner_restarts_total')).toBe(0);
    expect((await addressSpace(runnerPid!)) - before).toBeLessThan(3 * 2 ** 30);
  },
  60_000,
);

test('an input that ends runners is run twice and then refused; whoever comes with another is served', async () => {
  const models = await makeFolder();
  writeFixtureModels(models, ['killed']);
  await using oneslot = await startOneslot({ models });
  const tries = [];
  for (const _ of [1, 2, 3, 4]) tries.push(await oneslot.predict('killed', { x: [7, KILLING] }));
  expect(tries.map(({ status, body }) => [status, body.code, body.retryable])).toEqual([
    [500, 'runner_crashed', true],
    [500, 'runner_crashed', false],
    [422, 'input_quarantined', false],
    [422, 'input_quarantined', false],
  ]);
  expect((await oneslot.predict('killed', { x: [7, 8] })).body.outputs).toEqual({ y: [7, 8] });
  expect(await oneslot.metric('oneslot_runner_restarts_total', { reason: 'crashed' })).toBe(2);
  expect(await oneslot.metric('oneslot_quarantined_inputs')).toBe(1);
  expect(await oneslot.metric('oneslot_invalid_total', { reason: 'input_quarantined' })).toBe(2);
  expect(openBooks(await oneslot.metrics())).toBe(0);
}, 60_000);

test('innocents beside it, in the same run or in line, get their answers', async () => {
  const models = await makeFolder();
  writeFixtureModels(models, ['burn', 'killed']);
  await using oneslot = await startOneslot({ models });
  // Long enough for all of them to be in line when it ends.
  const running = oneslot.predict('burn', { iterations: [1_500_000] });
  await oneslot.running();
  const xs = [1, 2, KILLING, 4, KILLING, 6, 7, 8, 9, 10];
  const asked = xs.map((x) => oneslot.predict('killed', { x: [x] }));
  await oneslot.queued(xs.length);
  const answers = await Promise.all(asked);
  for (const [index, x] of xs.entries()) {
    const { body } = answers[index]!;
    if (x === KILLING) expect(body).toMatchObject({ retryable: false });
    else expect(body.outputs).toEqual({ y: [x] });
  }
  expect((await running).status).toBe(200);
  expect(await oneslot.metric('oneslot_runner_restarts_total', { reason: 'crashed' })).toBe(2);
  expect(openBooks(await oneslot.metrics())).toBe(0);
}, 60_000);
