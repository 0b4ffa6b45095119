// Models that load, models that do not, and what the server says of them.

import { watch } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { burn } from '../support/burns.js';
import { writeFixtureModels } from '../support/fixture-models.js';
import { failedStart, type Oneslot, openBooks, PROJECT, startOneslot } from '../support/oneslot.js';
import { sampleValue } from '../support/prometheus-text.js';
import { until } from '../support/until.js';

let models: string;

beforeEach(async () => {
  models = await mkdtemp(join(tmpdir(), 'oneslot-models-'));
});

afterEach(async () => {
  await rm(models, { recursive: true });
});

async function ship(name: string): Promise<void> {
  await cp(`${PROJECT}models/${name}`, join(models, name), { recursive: true });
}

async function breakModel(name: string): Promise<void> {
  await mkdir(join(models, name, '1'), { recursive: true });
  await writeFile(join(models, name, '1', 'model.onnx'), 'this is no model');
}

const ANY = ['--require-models', 'any'];

describe('models that no further try can load', () => {
  test('end the start, all of them with their reasons at once', async () => {
    await ship('burn');
    await ship('digits');
    await breakModel('broken');
    await writeFile(join(models, 'digits', 'model.json'), '{"descripton": "digits"}');
    await mkdir(join(models, 'empty', '1'), { recursive: true });
    await cp(join(models, 'burn'), join(models, 'unfit'), { recursive: true });
    await writeFile(join(models, 'unfit', 'model.json'), '{"cost": "iteratons"}');
    const { code, stderr } = await failedStart({ models });
    expect(code).toBe(1);
    expect(stderr).toMatch(/4 of 5 models can't be loaded/);
    expect(stderr).toMatch(/model broken .*broken.*[Pp]rotobuf/);
    expect(stderr).toMatch(/model digits .*digits\/model\.json.*descripton.*description/);
    expect(stderr).toMatch(/model empty .*has no model\.onnx; it is empty/);
    expect(stderr).toMatch(/model unfit .*model\.json.*iteratons.*iterations/);
    expect(stderr).toContain('--require-models any');
  });

  test('end the start where it needs only others, too, of which none loads', async () => {
    await breakModel('broken');
    await breakModel('broken-too');
    expect((await failedStart({ models, args: ANY })).code).toBe(1);
  });

  test('end it where one of them is named, and not where others are', async () => {
    await ship('burn');
    await breakModel('broken');
    expect((await failedStart({ models, args: ['--require-models', 'burn,broken'] })).code).toBe(1);
    await using oneslot = await startOneslot({ models, args: ['--require-models', 'burn'] });
    expect((await burn(oneslot, 1)).status).toBe(200);
  });

  test('cost only themselves where any will do: the others serve, and they are refused with the reason', async () => {
    await ship('burn');
    await breakModel('broken');
    await using oneslot = await startOneslot({ models, args: ANY });
    expect((await burn(oneslot, 1)).body.outputs.checksum).toBe(525110);
    // As long as its files are young, they may still be about to be written.
    const refused = await until(async () => {
      const answer = await oneslot.predict('broken', { x: [1] });
      expect([answer.status, answer.body.code]).toEqual([503, 'model_not_ready']);
      return answer.body.retryable === false && answer;
    });
    expect(refused.body.detail).toMatch(/broken.*[Pp]rotobuf/);
    expect(refused.body.detail).not.toContain(models);
    expect(refused.headers.has('retry-after')).toBe(false);
    const labels = { model: 'broken', version: '1', provider: 'cpu' };
    const page = await oneslot.metrics();
    expect(sampleValue(page, 'oneslot_model_loaded', labels)).toBe(0);
    expect(sampleValue(page, 'oneslot_ready')).toBe(1);
    const readiness = await oneslot.get('/readyz');
    expect(readiness.status).toBe(200);
    expect(readiness.body.notLoaded.join()).toContain(`model broken (${join(models, 'broken')})`);
    expect((await oneslot.get('/models/broken')).body).toMatchObject({
      state: 'failed',
      reason: expect.stringMatching(/[Pp]rotobuf/),
    });
    expect(openBooks(await oneslot.metrics())).toBe(0);
  });

  test('are loaded when their files are mended, at the latest with the next runner', async () => {
    await ship('burn');
    await breakModel('broken');
    await using oneslot = await startOneslot({ models, args: ANY });
    await cp(`${PROJECT}models/digits/1/model.onnx`, join(models, 'broken', '1', 'model.onnx'));
    await replaceRunner(oneslot);
    // Files that were just written are looked at a little later.
    const inputs = await until(async () => (await oneslot.get('/models/broken')).body.inputs);
    expect(inputs[0].name).toBe('image');
  });

  test('are named in full where a name is wrong', async () => {
    await ship('digits');
    const error = await startOneslot({ models, args: ['--require-models', 'digit'] }).catch(String);
    expect(error).toMatch(/--require-models: there is no model "digit"; did you mean "digits"/);
  });
});

describe('a model that its made-up warm-up', () => {
  test.each([
    ['ends', 'killed-by-zeros', [], { x: [5, 50] }, [20, 2]],
    ['never comes out of', 'hangs-on-zeros', ['--load-timeout', '8'], { x: 40 }, 120],
  ] as const)('%s is served without one', async (_how, name, args, inputs, y) => {
    await ship('burn');
    writeFixtureModels(models, [name]);
    await using oneslot = await startOneslot({ models, args });
    const warning = await oneslot.logs((line) => line.model === name && /no warm-up run/.test(line.msg));
    expect(warning.msg).toMatch(/"warmup" in model.json/);
    expect(await oneslot.predict(name, inputs)).toMatchObject({ status: 200, body: { outputs: { y } } });
    expect((await burn(oneslot, 1)).status).toBe(200);
  });
});

test('a model is not loaded, and says so in the metrics, from the start on', async () => {
  await ship('burn');
  await using oneslot = await startOneslot({ models, ready: false });
  const labels = { model: 'burn', version: '1', provider: 'cpu' };
  expect(sampleValue(await oneslot.metrics(), 'oneslot_model_loaded', labels)).toBeDefined();
  await until(async () => (await oneslot.metric('oneslot_model_loaded', labels)) === 1);
});

/** Resolves when the next runner is up. */
async function replaceRunner(oneslot: Oneslot): Promise<void> {
  const before = oneslot.runnerPid!;
  process.kill(before, 'SIGKILL');
  await until(async () => oneslot.runnerPid !== before && (await oneslot.isReady()));
}

test('what is loaded is told by /models, /models/{model} and the log', async () => {
  await using oneslot = await startOneslot();
  const { body } = await oneslot.get('/models');
  const names = body.models.map(({ name }: { name: string }) => name);
  expect(names).toEqual(['burn', 'digits', 'face-detector', 'sentence-embedder']);
  const digits = (await oneslot.get('/models/digits')).body;
  expect(digits).toMatchObject({
    name: 'digits',
    version: '1',
    provider: 'cpu',
    inputs: [{ name: 'image', type: 'float32' }],
    runMs: { mean: expect.any(Number) },
    nodes: { CPUExecutionProvider: expect.any(Number) },
  });
  expect(digits.loadMs).toBeGreaterThan(0);
  const line = await oneslot.logs(({ msg, model }) => msg === 'model loaded' && model === 'digits');
  expect(line).toMatchObject({ provider: 'cpu', version: '1' });
  expect(
    await oneslot.metric('oneslot_model_loaded', { model: 'digits', version: '1', provider: 'cpu' }),
  ).toBe(1);
});

describe('the next runner', () => {
  /** The folders of profiles that a server writes to this one; each model that is proved makes one. */
  function profilesIn(folder: string) {
    const names = new Set<string>();
    const watcher = watch(folder, (_, name) => {
      if (name?.startsWith('oneslot-profile-')) names.add(name);
    });
    return { names, [Symbol.dispose]: () => watcher.close() };
  }

  test('on the CPU proves nothing again, and tells and answers the same', async () => {
    await ship('burn');
    await ship('digits');
    using profiles = profilesIn(models);
    await using oneslot = await startOneslot({ models, env: { TMPDIR: models } });
    await until(() => profiles.names.size === 2);
    const { loadMs: _, ...before } = (await oneslot.get('/models/digits')).body;
    await replaceRunner(oneslot);
    const { loadMs, ...after } = (await oneslot.get('/models/digits')).body;
    expect(after).toEqual(before);
    expect(loadMs).toBeGreaterThan(0);
    expect((await burn(oneslot, 1)).body.outputs.checksum).toBe(525110);
    expect(profiles.names.size).toBe(2);
  });

  test('proves a model whose file has become another', async () => {
    await ship('burn');
    await cp(join(models, 'burn'), join(models, 'changing'), { recursive: true });
    await rm(join(models, 'changing', 'model.json'));
    using profiles = profilesIn(models);
    await using oneslot = await startOneslot({ models, env: { TMPDIR: models } });
    await until(() => profiles.names.size === 2);
    await cp(`${PROJECT}models/digits/1/model.onnx`, join(models, 'changing', '1', 'model.onnx'));
    await replaceRunner(oneslot);
    expect((await oneslot.get('/models/changing')).body.inputs[0].name).toBe('image');
    await until(() => profiles.names.size === 3);
    // Written again: it could be another model of the same signature.
    const path = join(models, 'burn', '1', 'model.onnx');
    await writeFile(path, await readFile(path));
    await replaceRunner(oneslot);
    await until(() => profiles.names.size === 4);
  });
});

test('of several models none is the default: /predict lists them', async () => {
  await using oneslot = await startOneslot();
  const answer = await oneslot.post('/predict', '{"inputs": {}}');
  expect(answer).toMatchObject({ status: 400, body: { code: 'bad_request' } });
  expect(answer.body.detail).toContain('burn, digits, face-detector, sentence-embedder');
});

test('a single model is the default', async () => {
  await ship('burn');
  await using oneslot = await startOneslot({ models });
  const answer = await oneslot.post('/predict', '{"inputs": {"iterations": [1]}}');
  expect(answer.body).toMatchObject({ model: 'burn', version: '1', outputs: { checksum: 525110 } });
});

test('the highest version is served', async () => {
  await ship('burn');
  await cp(join(models, 'burn', '1'), join(models, 'burn', '10'), { recursive: true });
  await cp(join(models, 'burn', '1'), join(models, 'burn', '9'), { recursive: true });
  await using oneslot = await startOneslot({ models });
  expect((await oneslot.get('/models/burn')).body.version).toBe('10');
});

describe('the limit of a run', () => {
  test('is none of the loading', async () => {
    await ship('burn');
    await using oneslot = await startOneslot({ models, args: ['--run-timeout', '0.25'] });
    expect(await oneslot.metric('oneslot_runner_restarts_total', { reason: 'run_timeout' })).toBe(0);
  });

  test('of the loading ends one that hangs, and the server says so and tries again', async () => {
    await ship('burn');
    await using oneslot = await startOneslot({ models, ready: false, args: ['--load-timeout', '0.01'] });
    await until(
      async () => (await oneslot.metric('oneslot_runner_restarts_total', { reason: 'load_timeout' })) > 1,
    );
    const { status, body } = await oneslot.get('/readyz');
    expect(status).toBe(503);
    expect(body.reasons.join()).toMatch(/--load-timeout, 0\.01 s/);
  });
});
