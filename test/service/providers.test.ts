// No silent fallback: the provider that was asked for runs, on a software Vulkan device where there is no GPU, or the
// server does not start and says why.

import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { burnReference } from '../support/burn-reference.js';
import { burn, burnAnswerOf } from '../support/burns.js';
import { BURN_SIZE, writeFixtureModels } from '../support/fixture-models.js';
import { failedStart, PROJECT, startOneslot } from '../support/oneslot.js';
import { unpackSwiftShader } from '../support/swiftshader.js';

let models: string;
let vulkan: NodeJS.ProcessEnv;

beforeAll(async () => {
  models = await mkdtemp(join(tmpdir(), 'oneslot-providers-'));
  vulkan = await unpackSwiftShader(join(models, '.swiftshader'));
  // A burn of small matrices: a software device is slow.
  writeFixtureModels(models, ['burn']);
  await cp(`${PROJECT}models/digits`, join(models, 'digits'), { recursive: true });
});

afterAll(async () => {
  await rm(models, { recursive: true });
});

/** A loader that finds no Vulkan driver, on machines with one too. */
const NO_VULKAN = { VK_ICD_FILENAMES: '/nowhere/icd.json', VK_DRIVER_FILES: '/nowhere/icd.json' };

describe('webgpu', () => {
  test('runs there and is proved: its nodes are counted, and its answers are exact', async () => {
    await using oneslot = await startOneslot({ models, args: ['--provider', 'webgpu'], env: vulkan });
    for (const name of ['burn', 'digits']) {
      const { body } = await oneslot.get(`/models/${name}`);
      expect(body.provider).toBe('webgpu');
      expect(body.nodes.WebGpuExecutionProvider).toBeGreaterThan(0);
    }
    const asked = [1, 2, 42].map((seed) => ({ iterations: 5, seed, size: BURN_SIZE }));
    const answers = await Promise.all(
      asked.map(({ iterations, seed }) => burn(oneslot, iterations, { seed })),
    );
    expect(answers.map(burnAnswerOf)).toEqual(asked.map(burnReference));
  });

  test('without a device keeps the server from starting, and says so', async () => {
    const { code, stderr } = await failedStart({ models, args: ['--provider', 'webgpu'], env: NO_VULKAN });
    expect(code).toBe(1);
    expect(stderr).toMatch(/model burn .*WebGPU adapter/is);
  });
});

describe('cuda', () => {
  test('without its libraries keeps the server from starting, and says so', async () => {
    const { code, stderr } = await failedStart({ models, args: ['--provider', 'cuda'] });
    expect(code).toBe(1);
    expect(stderr).toMatch(/model burn .*cuda/i);
  });
});

describe('auto', () => {
  test('takes the first that works, and tells why it passed over the others', async () => {
    await using oneslot = await startOneslot({ models, args: ['--provider', 'auto'], env: vulkan });
    expect((await oneslot.get('/models/burn')).body.provider).toBe('webgpu');
    await oneslot.logs(({ msg }) => /provider cuda was passed over/.test(msg));
  });

  test('falls to the CPU where there is no GPU, unless one is required', async () => {
    await using oneslot = await startOneslot({ models, args: ['--provider', 'auto'], env: NO_VULKAN });
    expect((await oneslot.get('/models/burn')).body.provider).toBe('cpu');
    const args = ['--provider', 'auto', '--require-gpu'];
    const { stderr } = await failedStart({ models, args, env: NO_VULKAN });
    expect(stderr).toMatch(/provider cuda was passed over.*provider webgpu was passed over/s);
  });
});

test('a required GPU is not the CPU', async () => {
  expect((await failedStart({ models, args: ['--require-gpu'] })).stderr).toContain('a GPU is required');
});

test('a required GPU is not required of a model whose own model.json chooses the CPU, and that is told', async () => {
  const own = join(models, 'own-choice');
  writeFixtureModels(own, ['burn']);
  await cp(`${PROJECT}models/sentence-embedder`, join(own, 'sentence-embedder'), { recursive: true });
  const args = ['--provider', 'webgpu', '--require-gpu'];
  await using oneslot = await startOneslot({ models: own, args, env: vulkan });
  expect((await oneslot.get('/models/sentence-embedder')).body).toMatchObject({
    provider: 'cpu',
    providerFrom: 'model.json',
  });
  expect((await oneslot.get('/models/burn')).body).toMatchObject({
    provider: 'webgpu',
    providerFrom: '--provider',
  });
  const said = 'a GPU is required, but not of this model: its model.json chooses the CPU';
  expect(await oneslot.logs(({ msg }) => msg === said)).toMatchObject({
    level: 'warn',
    model: 'sentence-embedder',
  });
});

test('a model with an operation that the provider lacks names the model, the provider and the operation', async () => {
  const own = join(models, 'lacking');
  await cp(`${PROJECT}models/face-detector`, join(own, 'face-detector'), { recursive: true });
  const { stderr } = await failedStart({ models: own, args: ['--provider', 'webgpu'], env: vulkan });
  expect(stderr).toMatch(
    /model face-detector .*the warm-up run on provider webgpu failed: .*Resize.*antialias/s,
  );
});

test('a required GPU that does the main work makes the server ready', async () => {
  await using oneslot = await startOneslot({
    models,
    args: ['--provider', 'webgpu', '--require-gpu'],
    env: vulkan,
  });
  expect(await oneslot.isReady()).toBe(true);
});
