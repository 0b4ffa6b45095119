// Leaving: SIGTERM drains, a second signal ends at once, and nobody who was admitted is lost.

import { describe, expect, test } from '@jest/globals';
import { burn, ENDLESS, leavableBurn } from '../support/burns.js';
import { startOneslot } from '../support/oneslot.js';
import { RawConnection } from '../support/raw-http.js';
import { until } from '../support/until.js';

const DIGIT = { image: [Array.from({ length: 8 }, () => Array(8).fill(0))] };

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
    expect(await oneslot.exited).toEqual({ code: 0, signal: null });
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

  test('takes the runner along', async () => {
    await using oneslot = await startOneslot({ args: ['--drain-delay', '0'] });
    const pid = await until(() => oneslot.runnerPid);
    await oneslot.signal('SIGTERM');
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });
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
