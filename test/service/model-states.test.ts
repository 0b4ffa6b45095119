// Each model has a state of its own: what one does as it loads, or what becomes of its files, costs no other.

import { cp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { BURNS, burn, ENDLESS, leavableBurn } from '../support/burns.js';
import { KILLING, writeFixtureModels } from '../support/fixture-models.js';
import { type Oneslot, openBooks, PROJECT, startOneslot } from '../support/oneslot.js';
import { tempFolders } from '../support/temp-folders.js';
import { until } from '../support/until.js';

const makeFolder = tempFolders();
const ANY = ['--require-models', 'any'];

async function ship(models: string, name: string, as = name): Promise<void> {
  await cp(`${PROJECT}models/${name}`, join(models, as), { recursive: true });
}

/** Sets the warm-up of a model that is there, which is all that is tried then: one input proves no batch. */
async function warmUp(models: string, name: string, warmup: Record<string, unknown>): Promise<void> {
  const file = join(models, name, 'model.json');
  const { batch: _, ...settings } = JSON.parse(await readFile(file, 'utf8'));
  await writeFile(file, JSON.stringify({ ...settings, warmup }));
}

async function replaceRunner(oneslot: Oneslot): Promise<void> {
  const before = oneslot.runnerPid!;
  process.kill(before, 'SIGKILL');
  await until(async () => oneslot.runnerPid !== before && (await oneslot.isReady()));
}

const stateOf = async (oneslot: Oneslot, name: string) => (await oneslot.get(`/models/${name}`)).body;

const servesBurns = async (oneslot: Oneslot): Promise<void> =>
  expect((await burn(oneslot, 1)).body.outputs.checksum).toBe(BURNS[1]!.checksum);

describe('a model whose load ends the runner', () => {
  test('is known by name and set apart: the others are served, and it is tried again and again', async () => {
    const models = await makeFolder();
    await ship(models, 'burn');
    writeFixtureModels(models, ['killed']);
    await warmUp(models, 'killed', { x: { value: [KILLING] } });
    await using oneslot = await startOneslot({ models, args: ANY });
    await servesBurns(oneslot);
    const { reason, state } = await stateOf(oneslot, 'killed');
    expect([state, reason]).toEqual([
      'failed',
      expect.stringMatching(/died of SIG\w+ while it loaded this model/),
    ]);
    const refused = await oneslot.predict('killed', { x: [1] });
    expect(refused).toMatchObject({ status: 503, body: { code: 'model_not_ready', retryable: true } });
    expect(refused.headers.has('retry-after')).toBe(true);
    await until(() => oneslot.logged('model not loaded').length >= 3);
    await until(() => oneslot.isReady());
    await servesBurns(oneslot);
    expect(openBooks(await oneslot.metrics())).toBe(0);
  });

  test('keeps a server from being ready that requires it, and not from trying', async () => {
    const models = await makeFolder();
    writeFixtureModels(models, ['killed', 'strings']);
    await warmUp(models, 'killed', { x: { value: [KILLING] } });
    await using oneslot = await startOneslot({ models, ready: false });
    await until(() => oneslot.logged('model not loaded').length >= 2);
    const { status, body } = await oneslot.get('/readyz');
    expect([status, body.reasons.join()]).toEqual([
      503,
      expect.stringMatching(/^model killed .*died of SIG/),
    ]);
    await warmUp(models, 'killed', { x: { value: [1] } });
    await until(() => oneslot.isReady());
  });

  test('by taking too long is set apart too, and gives way to others when it is tried again', async () => {
    const models = await makeFolder();
    await ship(models, 'burn');
    await ship(models, 'burn', 'endless');
    await warmUp(models, 'endless', { iterations: { value: [ENDLESS] } });
    await using oneslot = await startOneslot({ models, args: [...ANY, '--load-timeout', '4'] });
    expect((await stateOf(oneslot, 'endless')).reason).toBe('its load took longer than --load-timeout, 4 s');
    // A try in between may hold the slot, for the 4 s at most.
    await servesBurns(oneslot);
    expect(
      await oneslot.metric('oneslot_runner_restarts_total', { reason: 'load_timeout' }),
    ).toBeGreaterThanOrEqual(1);
  });
});

test('a runner that throws before it loads anything is told by its error, not by the stack below', async () => {
  const models = await makeFolder();
  await ship(models, 'burn');
  const program = "if(process.argv[1].endsWith('runner-main.js'))throw%20new%20TypeError('the_cause')";
  const env = { NODE_OPTIONS: `--import data:text/javascript,${program}` };
  await using oneslot = await startOneslot({ models, env, ready: false });
  const reasons: string = await until(async () => {
    const { body } = await oneslot.get('/readyz');
    return /the_cause/.test(body.reasons) && body.reasons.join();
  });
  expect(reasons).toMatch(/TypeError: the_cause$/);
  expect((await oneslot.get('/healthz')).status).toBe(200);
});

test('a model that is about to be written as the server starts does not end the start', async () => {
  const models = await makeFolder({ 'digits/1/': '', 'digits/model.json': '{' });
  let isWritten = false;
  const write = () => writeFile(join(models, 'digits', 'model.json'), '{').then(() => isWritten);
  const writing = until(write);
  await using oneslot = await startOneslot({ models, ready: false });
  await oneslot.logs(({ msg }) => msg === 'model not loaded');
  isWritten = true;
  await writing;
  await ship(models, 'digits');
  await until(() => oneslot.isReady());
});

describe('once the server has served, a model whose files are broken as the runner is replaced', () => {
  async function servesTwo(): Promise<{ models: string; file: string; oneslot: Oneslot }> {
    const models = await makeFolder();
    await ship(models, 'burn');
    await ship(models, 'digits');
    const file = join(models, 'digits', '1', 'model.onnx');
    return { models, file, oneslot: await startOneslot({ models }) };
  }

  test('costs only itself, although it is required', async () => {
    const { file, oneslot } = await servesTwo();
    await using _ = oneslot;
    await writeFile(file, 'half of a model');
    await replaceRunner(oneslot);
    await servesBurns(oneslot);
    expect((await oneslot.get('/readyz')).status).toBe(200);
    const labels = { model: 'digits', version: '1', provider: 'cpu' };
    expect(await oneslot.metric('oneslot_model_loaded', labels)).toBe(0);
    await until(async () => (await stateOf(oneslot, 'digits')).retryInMs === undefined);
    const { status, body } = await oneslot.predict('digits', {});
    expect([status, body.code, body.retryable]).toEqual([503, 'model_not_ready', false]);
    await cp(`${PROJECT}models/digits/1/model.onnx`, file);
    await replaceRunner(oneslot);
    expect((await stateOf(oneslot, 'digits')).state).toBe('ready');
    expect(await oneslot.metric('oneslot_model_loaded', labels)).toBe(1);
  });

  test('costs those who wait for it their place, and nobody else', async () => {
    const { file, oneslot } = await servesTwo();
    await using _ = oneslot;
    const { answer } = leavableBurn(oneslot, ENDLESS);
    await oneslot.running();
    const digit = oneslot.predict('digits', { image: [Array(8).fill(Array(8).fill(0))] });
    const other = burn(oneslot, 1);
    await oneslot.queued(2);
    await writeFile(file, 'half of a model');
    process.kill(oneslot.runnerPid!, 'SIGKILL');
    expect(await answer).toMatchObject({ status: 500, body: { code: 'runner_crashed' } });
    expect(await digit).toMatchObject({ status: 503, body: { code: 'model_not_ready' } });
    expect((await other).body.outputs.checksum).toBe(BURNS[1]!.checksum);
    expect(openBooks(await oneslot.metrics())).toBe(0);
  });
});

test('a model that has become another is served as a whole; who waits with inputs for the old one is told', async () => {
  const models = await makeFolder();
  await ship(models, 'burn');
  await ship(models, 'burn', 'changing');
  await using oneslot = await startOneslot({ models });
  const { answer } = leavableBurn(oneslot, ENDLESS);
  await oneslot.running();
  const waiting = oneslot.predict('changing', { iterations: [1] });
  await oneslot.queued(1);
  await ship(models, 'digits', 'changing');
  process.kill(oneslot.runnerPid!, 'SIGKILL');
  await answer;
  const told = await waiting;
  expect(told).toMatchObject({ status: 503, body: { code: 'model_not_ready', retryable: true } });
  expect(told.body.detail).toContain('was replaced while this waited');
  await until(() => oneslot.isReady());
  const now = await stateOf(oneslot, 'changing');
  expect([now.inputs[0].name, now.description]).toEqual(['image', expect.stringMatching(/digit/)]);
  await oneslot.logs(({ model, msg }) => model === 'changing' && msg.includes('have changed since'));
  const image = [Array(8).fill(Array(8).fill(0))];
  expect((await oneslot.predict('changing', { image })).status).toBe(200);
  expect(openBooks(await oneslot.metrics())).toBe(0);
});

test('a folder that is swapped behind a link, as Kubernetes does, is another model', async () => {
  const models = await makeFolder();
  for (const [place, name] of [
    ['..first', 'burn'],
    ['..second', 'digits'],
  ] as const) {
    await cp(`${PROJECT}models/${name}/1/model.onnx`, join(models, 'm', '1', place, 'model.onnx'));
  }
  await symlink('..first', join(models, 'm', '1', '..data'));
  await symlink(join('..data', 'model.onnx'), join(models, 'm', '1', 'model.onnx'));
  await using oneslot = await startOneslot({ models });
  expect((await stateOf(oneslot, 'm')).inputs[0].name).toBe('iterations');
  await rm(join(models, 'm', '1', '..data'));
  await symlink('..second', join(models, 'm', '1', '..data'));
  await replaceRunner(oneslot);
  expect((await stateOf(oneslot, 'm')).inputs[0].name).toBe('image');
});

test('the kernel takes the runner first when memory is short, and the server not before', async () => {
  const models = await makeFolder();
  await ship(models, 'burn');
  await using oneslot = await startOneslot({ models });
  const scoreOf = async (pid: number) => Number(await readFile(`/proc/${pid}/oom_score_adj`, 'utf8'));
  const server = await scoreOf(oneslot.pid);
  expect(await scoreOf(oneslot.runnerPid!)).toBe(Math.min(1000, server + 500));
});
