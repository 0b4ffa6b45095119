// The laws, over real HTTP, with a real runner, under the faults that they are about.

import { describe, expect, test } from '@jest/globals';
import { BURNS, burn, ENDLESS, leavableBurn } from '../support/burns.js';
import { type Oneslot, openBooks, startOneslot } from '../support/oneslot.js';
import { until } from '../support/until.js';

const runs = (oneslot: Oneslot) => oneslot.metric('oneslot_run_seconds_count');
const outcomes = (oneslot: Oneslot, outcome: string) =>
  oneslot.metric('oneslot_predictions_total', { model: 'burn', outcome });
const restarts = (oneslot: Oneslot, reason: string) =>
  oneslot.metric('oneslot_runner_restarts_total', { reason });

function runMsOf(headers: Headers): number {
  return Number(/run;dur=([\d.]+)/.exec(headers.get('server-timing')!)![1]);
}

describe('one run', () => {
  test('at a time: the runs of predictions that came together do not overlap', async () => {
    await using oneslot = await startOneslot();
    const startedMs = performance.now();
    const answers = await Promise.all(Array.from({ length: 8 }, (_, seed) => burn(oneslot, 200, { seed })));
    const elapsedMs = performance.now() - startedMs;
    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(200));
    // Runs side by side would add up to more than the time that all took together.
    const sumMs = answers.reduce((sum, { headers }) => sum + runMsOf(headers), 0);
    expect(sumMs).toBeLessThanOrEqual(elapsedMs);
    expect(await runs(oneslot)).toBe(8);
  });

  test('everyone gets the answer to their own question', async () => {
    await using oneslot = await startOneslot();
    const asked = Array.from({ length: 5 }, () => BURNS).flat();
    const answers = await Promise.all(
      asked.map(({ iterations, seed }) => burn(oneslot, iterations, { seed })),
    );
    expect(answers.map(({ body }) => body.outputs.checksum)).toEqual(asked.map(({ checksum }) => checksum));
  });
});

test('nothing waits for a run but its own caller', async () => {
  await using oneslot = await startOneslot();
  const long = leavableBurn(oneslot, ENDLESS);
  await oneslot.running();
  const run = oneslot.logged('runner up').length;
  expect((await oneslot.get('/healthz')).status).toBe(200);
  expect((await oneslot.get('/readyz')).body).toMatchObject({ ready: true });
  expect((await oneslot.get('/scaling')).body).toMatchObject({ running: 1, demand: 1, ready: true });
  expect((await oneslot.get('/models/burn')).body).toMatchObject({ name: 'burn', provider: 'cpu' });
  expect((await oneslot.predict('nothing', {})).status).toBe(404);
  expect(await oneslot.metric('oneslot_slot_busy')).toBe(1);
  expect(oneslot.logged('runner up').length).toBe(run);
  long.leave();
  await long.answer;
});

describe('a client that leaves', () => {
  test('while queued is out of the line at once and never runs', async () => {
    await using oneslot = await startOneslot();
    const long = leavableBurn(oneslot, ENDLESS);
    await oneslot.running();
    const waiting = leavableBurn(oneslot, 1);
    await oneslot.queued(1);
    waiting.leave();
    await oneslot.queued(0);
    expect(await outcomes(oneslot, 'cancelled')).toBe(1);
    expect(await runs(oneslot)).toBe(0);
    long.leave();
    await until(async () => (await outcomes(oneslot, 'cancelled')) === 2);
  });

  test('during a run whose rest is longer than a reload frees the slot by way of a new runner', async () => {
    await using oneslot = await startOneslot();
    await burn(oneslot, 100);
    const long = leavableBurn(oneslot, ENDLESS);
    await oneslot.running();
    const next = burn(oneslot, 200, { seed: 7 });
    await oneslot.queued(1);
    long.leave();
    expect((await next).body.outputs.checksum).toBe(523862);
    expect(await restarts(oneslot, 'cancelled')).toBe(1);
    expect(await outcomes(oneslot, 'cancelled')).toBe(1);
    expect(openBooks(await oneslot.metrics())).toBe(0);
  });

  test('during a run that ends sooner than a reload leaves the run alone', async () => {
    await using oneslot = await startOneslot();
    await burn(oneslot, 100);
    const pid = oneslot.runnerPid;
    const short = leavableBurn(oneslot, 500);
    // Its run may have ended before anyone could see it; it must not be killed either way.
    await until(async () => (await oneslot.metric('oneslot_running')) > 0 || (await runs(oneslot)) === 2);
    short.leave();
    await until(async () => (await runs(oneslot)) === 2);
    expect(oneslot.runnerPid).toBe(pid);
    expect((await burn(oneslot, 3, { seed: 2 })).body.outputs.checksum).toBe(523341);
  });
});

describe('a crash of the runner', () => {
  test('costs the run and nothing else', async () => {
    await using oneslot = await startOneslot();
    const running = burn(oneslot, ENDLESS);
    await oneslot.running();
    const waiting = BURNS.map(({ iterations, seed }) => burn(oneslot, iterations, { seed }));
    await oneslot.queued(BURNS.length);
    process.kill(oneslot.runnerPid!, 'SIGKILL');
    const lost = await running;
    expect(lost.status).toBe(500);
    expect(lost.body).toMatchObject({ code: 'runner_crashed', retryable: true });
    const answers = await Promise.all(waiting);
    expect(answers.map(({ body }) => body.outputs.checksum)).toEqual(BURNS.map(({ checksum }) => checksum));
    expect(await restarts(oneslot, 'crashed')).toBe(1);
    expect(openBooks(await oneslot.metrics())).toBe(0);
  });

  test('while nothing runs costs nobody anything', async () => {
    await using oneslot = await startOneslot();
    const pid = oneslot.runnerPid!;
    process.kill(pid, 'SIGKILL');
    await until(() => oneslot.runnerPid !== pid);
    expect((await burn(oneslot, 5, { seed: 42 })).body.outputs.checksum).toBe(525551);
  });
});

describe('a run past its limit', () => {
  test('is ended, its caller told, and the next one served', async () => {
    await using oneslot = await startOneslot({ args: ['--run-timeout', '2'] });
    const endless = burn(oneslot, ENDLESS);
    await oneslot.running();
    const next = burn(oneslot, 3, { seed: 2 });
    expect(await endless).toMatchObject({ status: 504, body: { code: 'run_timeout', retryable: false } });
    expect((await next).body.outputs.checksum).toBe(523341);
    expect(await restarts(oneslot, 'run_timeout')).toBe(1);
  });

  test('is ended even where the runner hangs and says nothing more', async () => {
    await using oneslot = await startOneslot({ args: ['--run-timeout', '2'] });
    process.kill(oneslot.runnerPid!, 'SIGSTOP');
    // It never ran there, so the next runner serves it.
    expect((await burn(oneslot, 3, { seed: 2 })).body.outputs.checksum).toBe(523341);
    expect(await restarts(oneslot, 'run_timeout')).toBe(1);
  });
});

describe('a runner', () => {
  test('dies with its server, in the middle of a run', async () => {
    await using oneslot = await startOneslot();
    const long = leavableBurn(oneslot, ENDLESS);
    await oneslot.running();
    const pid = oneslot.runnerPid!;
    await oneslot.signal('SIGKILL');
    await until(() => !isAlive(pid));
    await long.answer;
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
