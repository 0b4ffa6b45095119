// GET /models/{model} as a caller's guide: what it says holds, and its example works as it stands.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { encodeModel, node } from '../../models/burn/onnx-writer.js';
import { serverUrl } from '../../src/http/model-guide.js';
import type { ElementType } from '../../src/tensor.js';
import { FIXTURE_NAMES, writeFixtureModels } from '../support/fixture-models.js';
import { type Oneslot, startOneslot } from '../support/oneslot.js';

const SHIPPED = ['burn', 'digits', 'face-detector', 'sentence-embedder'];

/** What the example prints. */
function runExample(curl: string): { readonly outputs?: object; readonly code?: string } {
  return JSON.parse(execFileSync('sh', ['-c', curl], { encoding: 'utf8' }));
}

async function exampleWorks(oneslot: Oneslot, model: string): Promise<void> {
  const { body } = await oneslot.get(`/models/${model}`);
  const { curl, body: sent } = body.example;
  expect([model, runExample(curl)]).toEqual([
    model,
    expect.objectContaining({ model, outputs: expect.any(Object) }),
  ]);
  expect(curl.length).toBeLessThan(16_384);
  if (sent !== undefined) expect((await oneslot.predict(model, sent.inputs)).status).toBe(200);
}

describe('the shipped models', () => {
  let oneslot: Oneslot;

  beforeAll(async () => {
    oneslot = await startOneslot({ args: ['--max-body', '5MB', '--max-wait', '30s'] });
  });

  afterAll(async () => {
    await oneslot[Symbol.asyncDispose]();
  });

  test.each(SHIPPED)('%s: the example works as it stands', async (model) => {
    await exampleWorks(oneslot, model);
  });

  test('digits: forms, picture, outputs and limits are told', async () => {
    const { body } = await oneslot.get('/models/digits');
    const picture = { input: 'image', channels: 'gray', resizedTo: { width: 8, height: 8 }, fit: 'contain' };
    expect(body).toMatchObject({
      accepts: [
        { contentType: 'application/json' },
        { contentType: 'image/png', ...picture },
        { contentType: 'image/jpeg', ...picture },
        { contentType: 'image/webp', ...picture },
        { contentType: 'application/octet-stream', input: 'image', type: 'float32' },
      ],
      answers: [
        { contentType: 'application/json' },
        { contentType: 'text/event-stream' },
        { contentType: 'application/octet-stream', oneOf: ['probabilities', 'label'] },
      ],
      limits: { bodyBytes: 5_000_000, uploadMs: 60_000, runMs: 900_000, waitMs: 30_000 },
    });
  });

  test('face-detector: the bounds of a picture and the defaults are told', async () => {
    const { accepts, defaults } = (await oneslot.get('/models/face-detector')).body;
    const bounds = { min: 48, max: 6144 };
    expect(accepts[1]).toEqual({
      contentType: 'image/png',
      input: 'image',
      channels: 'RGB',
      size: { width: bounds, height: bounds },
    });
    expect(accepts.at(-1)).toMatchObject({ needs: 'Tensor-Shape' });
    expect(defaults).toEqual({ threshold: [0.5] });
  });

  test('sentence-embedder: takes a text', async () => {
    const { accepts } = (await oneslot.get('/models/sentence-embedder')).body;
    expect(accepts).toEqual([
      { contentType: 'application/json' },
      { contentType: 'text/plain', input: 'text' },
    ]);
  });

  test('the list stays short', async () => {
    const { body } = await oneslot.get('/models');
    expect(body.models[0]).not.toHaveProperty('example');
  });
});

describe('models of every kind', () => {
  let models: string;
  let oneslot: Oneslot;

  /** Identity of each input, under the name with `out` before it. */
  function writeEcho(name: string, inputs: readonly (readonly [string, ElementType, number[]])[]): void {
    const value = (prefix: string) =>
      inputs.map(([input, type, shape]) => ({ name: `${prefix}${input}`, type, shape }));
    const graph = {
      name,
      inputs: value(''),
      outputs: value('out'),
      nodes: inputs.map(([input]) => node('Identity', [input], [`out${input}`])),
    };
    mkdirSync(join(models, name, '1'), { recursive: true });
    writeFileSync(join(models, name, '1', 'model.onnx'), encodeModel({ graph, producer: 'oneslot tests' }));
  }

  beforeAll(async () => {
    models = mkdtempSync(join(tmpdir(), 'oneslot-test-'));
    writeFixtureModels(models);
    writeEcho('large', [['x', 'float32', [1, 3, 224, 224]]]);
    writeEcho('two-large', [
      ['a', 'float32', [64, 64]],
      ['it\'s "b"', 'string', [1, 2000]],
      ['c', 'bool', [2]],
      ['d', 'int64', []],
    ]);
    writeFileSync(
      join(models, 'two-large', 'model.json'),
      JSON.stringify({ warmup: { d: { value: '9007199254740993' } } }),
    );
    oneslot = await startOneslot({ models, args: ['--admin-port', '0'] });
  });

  afterAll(async () => {
    await oneslot[Symbol.asyncDispose]();
    rmSync(models, { recursive: true, force: true });
  });

  test.each(FIXTURE_NAMES)('%s: the example works as it stands', async (model) => {
    await exampleWorks(oneslot, model);
  });

  test('one large input is made by the command, as raw bytes', async () => {
    const { example } = (await oneslot.get('/models/large')).body;
    expect(example.curl).toContain('head -c 602112 /dev/zero');
    await exampleWorks(oneslot, 'large');
  });

  const withPython = spawnSync('python3', ['--version']).status === 0 ? test : test.skip;
  withPython('several large inputs are made by the command, whatever their names', async () => {
    await exampleWorks(oneslot, 'two-large');
  });

  test('names the port of predictions where the admin port is another', async () => {
    const { example } = (await oneslot.get('/models/burn')).body;
    expect(example.curl).toContain(`${oneslot.url}/predict/burn`);
    expect(oneslot.adminUrl).not.toBe(oneslot.url);
  });
});

test.each<[string | undefined, number | undefined, string]>([
  ['models.example:8443', undefined, 'http://models.example:8443'],
  ['[::1]:8080', undefined, 'http://[::1]:8080'],
  ['models.example', undefined, 'http://models.example'],
  ['models.example:9090', 8080, 'http://models.example:8080'],
  [undefined, 8080, 'http://localhost:8080'],
  ["x';reboot;'", 8080, 'http://localhost:8080'],
  ['x$(reboot)', undefined, 'http://localhost'],
])('a caller who came to %p is shown the server where it is', (host, port, url) => {
  expect(serverUrl(host, port)).toBe(url);
});
