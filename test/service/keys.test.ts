// API keys: who may ask for predictions, how many may wait for each, and that no key is ever written down.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { newKey } from '../../src/http/api-keys.js';
import { burnReference } from '../support/burn-reference.js';
import { type Burn, burn, burnAnswerOf, ENDLESS } from '../support/burns.js';
import { BURN_SIZE, writeFixtureModels } from '../support/fixture-models.js';
import { type Answer, type Oneslot, openBooks, startOneslot } from '../support/oneslot.js';
import { until } from '../support/until.js';

const bounded = newKey('bounded');
const free = newKey('free');
const urgent = newKey('urgent');
const WRONG = newKey('nobody').key;

const SHORT: Pick<Burn, 'iterations' | 'seed'> = { iterations: 3, seed: 2 };

let folder: string;
let oneslot: Oneslot;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'oneslot-keys-'));
  writeFixtureModels(join(folder, 'models'), ['burn']);
  const keys = [{ ...bounded.entry, maxWaiting: 1 }, free.entry, { ...urgent.entry, urgency: 1 }];
  await writeFile(join(folder, 'keys.json'), JSON.stringify({ keys }));
  const args = ['--api-keys', join(folder, 'keys.json'), '--log-level', 'trace'];
  oneslot = await startOneslot({ models: join(folder, 'models'), args });
});

afterAll(async () => {
  await oneslot[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

function ask(headers: Record<string, string>): Promise<Answer> {
  return burn(oneslot, SHORT.iterations, { seed: SHORT.seed, headers });
}

describe('a prediction', () => {
  test.each<[string, Record<string, string>]>([
    ['without a key', {}],
    ['with a wrong key', bearer(WRONG)],
    ['with a wrong X-API-Key', { 'x-api-key': WRONG }],
    ['with a key in another scheme', { authorization: `Basic ${free.key}` }],
    ['with the hash of a key', bearer(free.entry.sha256)],
    ['with an empty key', { 'x-api-key': '' }],
  ])('%s is refused, and told which scheme to use', async (_what, headers) => {
    const answer = await ask(headers);
    expect(answer).toMatchObject({ status: 401, body: { code: 'unauthorized', retryable: false } });
    expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
  });

  test('without a key learns nothing of the models', async () => {
    expect((await oneslot.predict('no-such-model', {})).body.code).toBe('unauthorized');
  });

  test.each<[string, Record<string, string>]>([
    ['as a bearer', bearer(free.key)],
    ['as X-API-Key', { 'x-api-key': free.key }],
  ])('with its key %s is served', async (_what, headers) => {
    const answer = await ask(headers);
    expect(answer.status).toBe(200);
    expect(burnAnswerOf(answer)).toEqual(burnReference({ ...SHORT, size: BURN_SIZE }));
  });
});

test('a key with its quota waiting is refused, while another one is still served', async () => {
  const long = leavableBurnOf(bounded.key);
  await oneslot.running();
  const waiting = ask(bearer(bounded.key));
  await oneslot.queued(1);
  const refused = await ask(bearer(bounded.key));
  expect(refused).toMatchObject({ status: 429, body: { code: 'quota_exceeded', retryable: true } });
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(refused.body.detail).toContain('bounded');
  const other = ask(bearer(free.key));
  await oneslot.queued(2);
  long.leave();
  expect((await waiting).status).toBe(200);
  expect((await other).status).toBe(200);
  // Its place is free again.
  expect((await ask(bearer(bounded.key))).status).toBe(200);
});

test('urgency counts as far as the key allows it, in the header and in the body', async () => {
  const long = leavableBurnOf(bounded.key);
  await oneslot.running();
  const order: string[] = [];
  const all: Promise<unknown>[] = [];
  const send = async (name: string, key: string, init: Record<string, unknown>) => {
    const body = JSON.stringify({ inputs: { iterations: [3], seed: [2] }, ...(init.body as object) });
    const headers = { ...bearer(key), ...(init.headers as Record<string, string>) };
    all.push(
      oneslot.post('/predict/burn', body, { headers }).then(({ status }) => order.push(`${status} ${name}`)),
    );
    await oneslot.queued(all.length);
  };
  const parameters = { priority: 0 };
  await send('third', free.key, {});
  await send('fourth', free.key, { headers: { priority: 'u=0' } });
  await send('fifth', free.key, { body: { parameters } });
  await send('first', urgent.key, { headers: { priority: 'u=1' } });
  await send('second', urgent.key, { body: { parameters } });
  await send('last', free.key, { headers: { priority: 'u=4' } });
  long.leave();
  await Promise.all(all);
  const names = ['first', 'second', 'third', 'fourth', 'fifth', 'last'];
  expect(order).toEqual(names.map((name) => `200 ${name}`));
});

test.each(['/healthz', '/readyz', '/metrics', '/scaling', '/models'])('%s needs no key', async (path) => {
  expect((await oneslot.get(path)).status).toBe(200);
});

test('the log names the client and shows no key', async () => {
  await ask({ ...bearer(free.key), 'x-request-id': 'named' });
  await ask({ ...bearer(WRONG), 'x-request-id': 'unnamed' });
  const lineOf = (id: string) => oneslot.logged('prediction').find(({ requestId }) => requestId === id);
  expect(await until(() => lineOf('named'))).toMatchObject({ client: 'free' });
  expect(await until(() => lineOf('unnamed'))).toMatchObject({ code: 'unauthorized' });
  const written = JSON.stringify(oneslot.log) + oneslot.stderr;
  for (const key of [bounded.key, free.key, WRONG]) expect(written).not.toContain(key);
  expect(openBooks(await oneslot.metrics())).toBe(0);
});

function leavableBurnOf(key: string) {
  const controller = new AbortController();
  const init = { headers: bearer(key), signal: controller.signal };
  burn(oneslot, ENDLESS, init).catch(() => undefined);
  return { leave: () => controller.abort() };
}
