// Whatever goes wrong with a platform's endpoint is counted, said once, and never thrown.

import { expect, test } from '@jest/globals';
import { isSuccess, objectOf, refusalOf } from '../../src/scaling/platform-calls.js';
import { ManualClock } from '../support/manual-clock.js';
import { deadUrl, PlatformServer, type Reply, recordedCalls } from '../support/platform.js';
import { until } from '../support/until.js';

function setUp() {
  const clock = new ManualClock();
  const recorded = recordedCalls(clock);
  const ask = (url: string) =>
    recorded.calls.ask(
      'task_metadata',
      () => ({ url }),
      (answer) => {
        if (!isSuccess(answer)) throw refusalOf(answer, '', answer.text);
        return objectOf(answer);
      },
    );
  return { clock, ask, ...recorded };
}

test('an answer is read and counted', async () => {
  await using server = await PlatformServer.start();
  server.reply = () => ({ body: { Cluster: 'c' } });
  const { ask, counted, warnings } = setUp();
  expect(await ask(server.url)).toEqual({ ok: true, value: { Cluster: 'c' } });
  expect(counted).toEqual(['task_metadata ok']);
  expect(warnings).toEqual([]);
});

const FAILURES: readonly (readonly [string, Reply, string, string])[] = [
  ['status 500', { status: 500, body: 'oops' }, 'refused', 'status 500'],
  ['status 403', { status: 403 }, 'forbidden', 'status 403'],
  ['status 429', { status: 429 }, 'throttled', 'status 429'],
  ['a redirect', { status: 302 }, 'refused', 'status 302'],
  ['a body that is no JSON', { body: '<html>' }, 'invalid', 'status 200'],
  ['a body that is no object', { body: '[1]' }, 'invalid', 'status 200'],
  ['more than a mebibyte', { body: 'x'.repeat(1024 * 1024 + 1) }, 'invalid', 'too long'],
  ['what is no HTTP', 'garbage', 'invalid', 'HPE_'],
  ['a connection that ends', 'reset', 'unreachable', 'ECONNRESET'],
];

test.each(FAILURES)('%s is counted each time and logged once', async (_what, reply, result, reason) => {
  await using server = await PlatformServer.start();
  server.reply = () => reply;
  const { ask, counted, warnings } = setUp();
  for (let k = 0; k < 3; k++) expect(await ask(server.url)).toEqual({ ok: false, result });
  expect(counted).toEqual(Array(3).fill(`task_metadata ${result}`));
  expect(warnings).toEqual([
    expect.objectContaining({ call: 'task_metadata', result, reason: expect.stringContaining(reason) }),
  ]);
});

test('an endpoint at which nobody listens is unreachable', async () => {
  const { ask, counted, warnings } = setUp();
  const url = await deadUrl();
  expect(await ask(url)).toEqual({ ok: false, result: 'unreachable' });
  expect(counted).toEqual(['task_metadata unreachable']);
  expect(warnings).toMatchObject([{ reason: 'ECONNREFUSED' }]);
});

test.each(['', 'not a url', 'http://', 'ftp://127.0.0.1/'])('the address %j harms nobody', async (url) => {
  const { ask } = setUp();
  expect(await ask(url)).toEqual({ ok: false, result: 'unreachable' });
});

test('an endpoint that never answers is given up after five seconds', async () => {
  await using server = await PlatformServer.start();
  server.reply = () => 'hang';
  const { clock, ask, counted, warnings } = setUp();
  const outcome = ask(server.url);
  await until(() => server.heard.length === 1);
  clock.advance(4_999);
  expect(counted).toEqual([]);
  clock.advance(1);
  expect(await outcome).toEqual({ ok: false, result: 'timeout' });
  expect(warnings).toMatchObject([{ result: 'timeout', reason: 'timeout' }]);
  expect(clock.pending).toBe(0);
});

test('reasons without end are logged up to a number', async () => {
  await using server = await PlatformServer.start();
  const { calls, counted, warnings } = setUp();
  for (let k = 0; k < 100; k++) {
    const read = () => {
      throw refusalOf({ status: 400, text: '' }, `Reason${k}`, 'a detail'.repeat(1000));
    };
    await calls.ask('task_protection', () => ({ url: server.url }), read);
  }
  expect(counted).toHaveLength(100);
  expect(warnings).toHaveLength(64);
  expect(JSON.stringify(warnings).length).toBeLessThan(64 * 600);
});

test('once stopped, calls under way end at once and are neither counted nor logged', async () => {
  await using server = await PlatformServer.start();
  server.reply = () => 'hang';
  const { clock, calls, ask, counted, warnings } = setUp();
  const outcome = ask(server.url);
  await until(() => server.heard.length === 1);
  calls.stop();
  expect((await outcome).ok).toBe(false);
  expect((await ask(server.url)).ok).toBe(false);
  expect([counted, warnings, clock.pending]).toEqual([[], [], 0]);
});
