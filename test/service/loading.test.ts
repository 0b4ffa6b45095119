// Models that load, models that do not, and what the server says of them.

import { watch } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { burn } from '../support/burns.js';
import { type Oneslot, PROJECT, startOneslot } from '../support/oneslot.js';
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

describe('a model that can not be loaded', () => {
  test('leaves the server alive, not ready, and saying why; it is ready once the model is mended', async () => {
    await ship('burn');
    await breakModel('broken');
    await using oneslot = await startOneslot({ models, ready: false });
    const { body } = await until(async () => {
      const answer = await oneslot.get('/readyz');
      return /broken/.test(JSON.stringify(answer.body)) && answer;
    });
    expect(body.ready).toBe(false);
    expect((await oneslot.get('/healthz')).status).toBe(200);
    expect(await oneslot.predict('burn', { iterations: [1] })).toMatchObject({
      status: 503,
      body: { code: 'not_ready' },
    });
    await until(
      async () => (await oneslot.metric('oneslot_runner_restarts_total', { reason: 'load_failed' })) >= 2,
    );
    expect(await oneslot.metric('oneslot_ready')).toBe(0);
    await cp(`${PROJECT}models/digits/1/model.onnx`, join(models, 'broken', '1', 'model.onnx'));
    await until(() => oneslot.isReady());
    expect((await oneslot.get('/models/broken')).body.inputs[0].name).toBe('image');
  });

  test('is not ready for that reason alone, whatever else its runner wrote', async () => {
    await breakModel('broken');
    const env = { NODE_OPTIONS: "--import data:text/javascript,console.error('a_warning')" };
    await using oneslot = await startOneslot({ models, ready: false, env });
    await oneslot.logs(({ runner }) => runner === 'a_warning');
    const reasons = await until(async () => {
      const { body } = await oneslot.get('/readyz');
      return /broken/.test(JSON.stringify(body.reasons)) && body.reasons.join();
    });
    expect(reasons).not.toContain('a_warning');
  });

  test('with a model.json that does not fit its model says so', async () => {
    await ship('digits');
    await writeFile(join(models, 'digits', 'model.json'), '{"cost": "imge"}');
    await using oneslot = await startOneslot({ models, ready: false });
    const reasons = await until(async () => {
      const { body } = await oneslot.get('/readyz');
      return /imge/.test(JSON.stringify(body.reasons)) && body.reasons.join();
    });
    expect(reasons).toContain('model.json');
    expect(reasons).toContain('image');
  });
});

test('a wrong key in model.json ends the start, with the file, the key and the nearest right one', async () => {
  await ship('digits');
  await writeFile(join(models, 'digits', 'model.json'), '{"descripton": "digits"}');
  const error = await startOneslot({ models, ready: false }).catch((reason: Error) => reason);
  expect(String(error)).toMatch(/digits\/model\.json.*descripton.*description/s);
});

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

  async function replaceRunner(oneslot: Oneslot): Promise<void> {
    const before = oneslot.runnerPid!;
    process.kill(before, 'SIGKILL');
    await until(async () => oneslot.runnerPid !== before && (await oneslot.isReady()));
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

  test('of the loading ends one that hangs, and the server says that it tries again', async () => {
    await ship('burn');
    await using oneslot = await startOneslot({ models, ready: false, args: ['--load-timeout', '0.01'] });
    await until(
      async () => (await oneslot.metric('oneslot_runner_restarts_total', { reason: 'run_timeout' })) > 0,
    );
    expect((await oneslot.get('/readyz')).status).toBe(503);
  });
});
