// Leaving: SIGTERM drains, a second signal ends at once, and nobody who was admitted is lost.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { burn, ENDLESS, leavableBurn } from '../support/burns.js';
import { BIG_OUTPUT_FACTOR, writeFixtureModels } from '../support/fixture-models.js';
import { type Oneslot, startOneslot } from '../support/oneslot.js';
import { RawConnection } from '../support/raw-http.js';
import { until } from '../support/until.js';
import { withoutKoffi } from '../support/without-koffi.js';

/** The exit code of a server that ended as it was asked to, but not everyone had the whole answer. */
const CUT = 3;

const DIGIT = { image: [Array.from({ length: 8 }, () => Array(8).fill(0))] };

/** Much more than the kernel holds for one connection. */
const MUCH_BYTES = 15_000 * 4 * BIG_OUTPUT_FACTOR;

let bigOutput: string;

beforeAll(async () => {
  bigOutput = await mkdtemp(join(tmpdir(), 'oneslot-shutdown-'));
  writeFixtureModels(bigOutput, ['big-output']);
});

afterAll(async () => {
  await rm(bigOutput, { recursive: true });
});

/** A connection that asks for an answer and reads nothing of it. */
async function askForMuch(oneslot: Oneslot): Promise<RawConnection> {
  const connection = await RawConnection.open(oneslot.url);
  connection.stopReading();
  const body = JSON.stringify({ inputs: { count: [MUCH_BYTES / 4 / BIG_OUTPUT_FACTOR] } });
  const raw = { Accept: 'application/octet-stream', 'Content-Length': body.length };
  connection.sendHead('/predict/big-output', raw);
  connection.send(body);
  return connection;
}

describe('SIGTERM', () => {
  test('turns readiness off at once and goes on serving through the delay', async () => {
    await using oneslot = await startOneslot({ args: ['--drain-delay', '2'] });
    oneslot.child.kill('SIGTERM');
    await until(async () => !(await oneslot.isReady()));
    expect((await oneslot.get('/readyz')).body.reasons).toContain('draining');
    expect((await oneslot.get('/healthz')).status).toBe(200);
    expect(await oneslot.metric('oneslot_draining')).toBe(1);
    expect((await oneslot.predict('digits', DIGIT)).status).toBe(200);
    expect(await oneslot.exited).toEqual({ code: 0, signal: null });
  });

  test('serves what was admitted, refuses what comes after, and exits with 0', async () => {
    await using oneslot = await startOneslot({ args: ['--drain-delay', '0'] });
    const running = burn(oneslot, 8000);
    await oneslot.running();
    const waiting = [burn(oneslot, 3, { seed: 2 }), burn(oneslot, 5, { seed: 42 })];
    await oneslot.queued(2);
    oneslot.child.kill('SIGTERM');
    await until(async () => (await oneslot.metric('oneslot_draining')) === 1);
    const refused = await burn(oneslot, 1);
    expect(refused).toMatchObject({ status: 503, body: { code: 'draining', retryable: true } });
    expect((await running).status).toBe(200);
    const answers = await Promise.all(waiting);
    expect(answers.map(({ body }) => body.outputs.checksum)).toEqual([523341, 525551]);
    expect(await oneslot.exited).toEqual({ code: 0, signal: null });
  });

  test('refuses at once what would not be served within --drain-timeout', async () => {
    await using oneslot = await startOneslot({ args: ['--drain-delay', '0', '--drain-timeout', '1'] });
    await burn(oneslot, 100);
    const running = leavableBurn(oneslot, ENDLESS);
    await oneslot.running();
    const waiting = burn(oneslot, 1);
    await oneslot.queued(1);
    oneslot.child.kill('SIGTERM');
    expect(await waiting).toMatchObject({ status: 503, body: { code: 'draining', retryable: true } });
    expect(await running.answer).toMatchObject({
      status: 500,
      body: { code: 'runner_crashed', retryable: true },
    });
    expect(await oneslot.exited).toEqual({ code: CUT, signal: null });
  });

  test('ends an idle server at once, keep-alive connections included', async () => {
    await using oneslot = await startOneslot({ args: ['--drain-delay', '0'] });
    expect((await oneslot.get('/healthz')).status).toBe(200);
    expect(await oneslot.signal('SIGTERM')).toEqual({ code: 0, signal: null });
  });

  test('is not held up by a connection that never brought a request, nor by one that stopped in its headers', async () => {
    await using oneslot = await startOneslot({ args: ['--drain-delay', '0'] });
    using silent = await RawConnection.open(oneslot.url);
    using stopped = await RawConnection.open(oneslot.url);
    stopped.send('POST /predict/digits HTTP/1.1\r\nHost: ');
    // Both are known to the server by now: connections are taken in their order.
    expect((await oneslot.get('/healthz')).status).toBe(200);
    oneslot.child.kill('SIGTERM');
    expect(await oneslot.exited).toEqual({ code: 0, signal: null });
    await Promise.all([silent.closed(), stopped.closed()]);
  });

  test('ends connections with their next answer, so that keep-alive clients move on', async () => {
    await using oneslot = await startOneslot({ args: ['--drain-delay', '3600'] });
    const body = JSON.stringify({ inputs: DIGIT });
    const head = { 'Content-Length': body.length };
    using kept = await RawConnection.open(oneslot.url);
    kept.sendHead('/predict/digits', head);
    kept.send(body);
    expect(await kept.hears('"outputs"')).toMatch(/^connection: keep-alive\r$/im);
    using arriving = await RawConnection.open(oneslot.url);
    arriving.sendHead('/predict/digits', head);
    await until(async () => (await oneslot.metric('oneslot_receiving')) === 1);

    oneslot.child.kill('SIGTERM');
    await until(async () => !(await oneslot.isReady()));
    kept.received = '';
    kept.sendHead('/predict/digits', head);
    for (const connection of [kept, arriving]) {
      connection.send(body);
      const answer = await connection.hears('"outputs"');
      expect(answer).toMatch(/^HTTP\/1\.1 200 /);
      expect(answer).toMatch(/^connection: close\r$/im);
      await connection.closed();
    }
  });

  test('is not held up by half a second request on a connection that had an answer', async () => {
    await using oneslot = await startOneslot({ args: ['--drain-delay', '0'] });
    const halves = ['GET /heal', 'GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: ', 'POST /predict HTTP/1.1\r\n'];
    for (const half of halves) {
      const connection = await RawConnection.open(oneslot.url);
      connection.send('GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n');
      await connection.hears('alive');
      connection.send(half);
    }
    expect((await oneslot.get('/healthz')).status).toBe(200);
    expect(await oneslot.signal('SIGTERM')).toEqual({ code: 0, signal: null });
  });

  test('ends, and says with its exit code that it cut something, where a body stops on its way', async () => {
    await using oneslot = await startOneslot({ args: ['--drain-delay', '0', '--drain-timeout', '1'] });
    using stopped = await RawConnection.open(oneslot.url);
    stopped.sendHead('/predict/digits', { 'Content-Length': 1000 });
    stopped.send('{"inputs"');
    await until(async () => (await oneslot.metric('oneslot_receiving')) === 1);
    expect(await oneslot.signal('SIGTERM')).toEqual({ code: CUT, signal: null });
    expect(stopped.received).toContain('"draining"');
  });

  test('ends, and says with its exit code that it cut something, where nobody reads an answer', async () => {
    const args = ['--drain-delay', '0', '--drain-timeout', '1'];
    await using oneslot = await startOneslot({ models: bigOutput, args });
    using deaf = await askForMuch(oneslot);
    await until(async () => (await oneslot.metric('oneslot_sending')) === 1);
    expect(await oneslot.signal('SIGTERM')).toEqual({ code: CUT, signal: null });
    expect(deaf.received).toBe('');
  });

  test('lets a caller read the answer that is on its way', async () => {
    await using oneslot = await startOneslot({ models: bigOutput, args: ['--drain-delay', '0'] });
    using slow = await askForMuch(oneslot);
    await until(async () => (await oneslot.metric('oneslot_sending')) === 1);
    oneslot.child.kill('SIGTERM');
    await oneslot.logs(({ msg }) => msg === 'draining');
    slow.startReading();
    await slow.closed();
    expect(slow.received.length).toBeGreaterThan(MUCH_BYTES);
    expect(await oneslot.exited).toEqual({ code: 0, signal: null });
  });

  test('takes the runner along', async () => {
    await using oneslot = await startOneslot({ args: ['--drain-delay', '0'] });
    const pid = await until(() => oneslot.runnerPid);
    await oneslot.signal('SIGTERM');
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });
});

test('a hang-up drains too', async () => {
  await using oneslot = await startOneslot({ args: ['--drain-delay', '0'] });
  const running = burn(oneslot, 3000);
  await oneslot.running();
  expect(await oneslot.signal('SIGHUP')).toEqual({ code: 0, signal: null });
  expect((await running).status).toBe(200);
});

test('Ctrl-C waits for no balancer, but for whoever was admitted', async () => {
  await using oneslot = await startOneslot({ args: ['--drain-delay', '3600'] });
  const running = burn(oneslot, 3000);
  await oneslot.running();
  expect(await oneslot.signal('SIGINT')).toEqual({ code: 0, signal: null });
  expect((await running).status).toBe(200);
  expect(oneslot.logged('a second signal ends at once')).toMatchObject([{ signal: 'SIGINT' }]);
});

test('a second signal ends at once, in the middle of a run', async () => {
  await using oneslot = await startOneslot();
  const long = leavableBurn(oneslot, ENDLESS);
  await oneslot.running();
  const runner = await until(() => oneslot.runnerPid);
  oneslot.child.kill('SIGTERM');
  await until(async () => !(await oneslot.isReady()));
  oneslot.child.kill('SIGTERM');
  expect((await oneslot.exited).code).toBe(1);
  expect(await long.answer).toBeUndefined();
  expect(() => process.kill(runner, 0)).toThrow('ESRCH');
});

describe('a log that nobody reads', () => {
  test('holds up neither health nor predictions, nor the end', async () => {
    await using oneslot = await startOneslot({ args: ['--drain-delay', '0'] });
    await fillLog(oneslot);
    expect((await oneslot.get('/healthz')).status).toBe(200);
    expect((await oneslot.predict('digits', DIGIT)).status).toBe(200);
    expect(await oneslot.signal('SIGTERM')).toEqual({ code: 0, signal: null });
  });

  test('does not hold up a second signal', async () => {
    await using oneslot = await startOneslot();
    await fillLog(oneslot);
    oneslot.child.kill('SIGTERM');
    await until(async () => !(await oneslot.isReady()));
    expect(await oneslot.signal('SIGTERM')).toEqual({ code: 1, signal: null });
  });

  test('holds up no end where there is no koffi', async () => {
    await using oneslot = await startOneslot({ args: ['--drain-delay', '0'], env: withoutKoffi });
    await fillLog(oneslot);
    expect(await oneslot.signal('SIGTERM')).toEqual({ code: null, signal: 'SIGKILL' });
  });

  test('says how many lines are lost, once it is read again', async () => {
    await using oneslot = await startOneslot();
    await fillLog(oneslot, 800);
    oneslot.child.stdout!.resume();
    const { lines } = await oneslot.logs(({ msg }) => msg.includes('lines of this log are lost'));
    const written = () => oneslot.logged('prediction').length;
    await until(() => written() + (lines as number) === 8000);
  });
});

/** Nobody reads the log, and more is written to it than a pipe holds. */
async function fillLog(oneslot: Oneslot, each = 200): Promise<void> {
  oneslot.child.stdout!.pause();
  const clients = Array.from({ length: 10 }, async () => {
    for (let i = 0; i < each; i++) await oneslot.predict('no-such-model', {});
  });
  await Promise.all(clients);
}
