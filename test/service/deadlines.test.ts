// Patience, urgency and places: who is refused, who expires, who goes first.

import { describe, expect, test } from '@jest/globals';
import { burn, ENDLESS, leavableBurn } from '../support/burns.js';
import { openBooks, startOneslot } from '../support/oneslot.js';

describe('patience', () => {
  test('that can not be met is refused at once, with an honest time to come back', async () => {
    await using oneslot = await startOneslot();
    const long = leavableBurn(oneslot, ENDLESS);
    await oneslot.running();
    const refused = await burn(oneslot, 1, { headers: { prefer: 'wait=5' } });
    expect(refused.status).toBe(503);
    expect(refused.body).toMatchObject({ code: 'deadline_unattainable', retryable: true, queueDepth: 0 });
    expect(refused.body.estimatedWaitMs).toBeGreaterThan(5000);
    expect(Number(refused.headers.get('retry-after'))).toBe(Math.ceil(refused.body.retryAfterMs / 1000));
    expect(Number(refused.headers.get('retry-after-ms'))).toBe(refused.body.retryAfterMs);
    long.leave();
  });

  test('that is shorter than the run alone is refused for good: no time to come back is named', async () => {
    await using oneslot = await startOneslot();
    const { headers } = await burn(oneslot, 5000);
    const runMs = Number(/run;dur=([\d.]+)/.exec(headers.get('server-timing')!)![1]);
    const refused = await burn(oneslot, 4 * 5000, { headers: { prefer: `wait=${(2 * runMs) / 1000}` } });
    expect(refused).toMatchObject({ status: 503, body: { code: 'deadline_unattainable', retryable: false } });
    expect(refused.headers.get('retry-after')).toBeNull();
    expect(refused.headers.get('retry-after-ms')).toBeNull();
    expect(refused.body).not.toHaveProperty('retryAfterMs');
    expect(refused.body.estimatedWaitMs).toBe(0);
  });

  test('that can be met is confirmed, and the prediction served', async () => {
    await using oneslot = await startOneslot();
    const answer = await burn(oneslot, 10, { headers: { prefer: 'respond-async, wait=30' } });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('preference-applied')).toBe('wait=30');
  });

  test('that passes during the run is answered the moment it passes; the run itself decides when the slot is free', async () => {
    await using oneslot = await startOneslot({ args: ['--margin', '1'] });
    // The first burn of its length: the estimate says that it is short, since the cost is what it names.
    const answer = await oneslot.predict(
      'burn',
      { iterations: [20_000], seed: [1] },
      { headers: { prefer: 'wait=0.001' } },
    );
    expect([503, 504]).toContain(answer.status);
    expect(openBooks(await oneslot.metrics())).toBe(0);
  });

  test('is also read from the body, as Open Inference Protocol clients send it, in microseconds', async () => {
    await using oneslot = await startOneslot();
    const long = leavableBurn(oneslot, ENDLESS);
    await oneslot.running();
    const body = JSON.stringify({
      inputs: { iterations: [1], seed: [1] },
      parameters: { timeout: 1_000_000 },
    });
    expect((await oneslot.post('/predict/burn', body)).body.code).toBe('deadline_unattainable');
    long.leave();
  });

  test('of callers who state none is --max-wait', async () => {
    await using oneslot = await startOneslot({ args: ['--max-wait', '3'] });
    const answer = await burn(oneslot, ENDLESS);
    expect(answer).toMatchObject({ status: 504, body: { code: 'deadline_exceeded' } });
  });

  test.each(['wait=soon', 'wait=-1', 'wait=1e99'])('written as %s is a bad request', async (prefer) => {
    await using oneslot = await startOneslot();
    const answer = await burn(oneslot, 1, { headers: { prefer } });
    expect(answer).toMatchObject({ status: 400, body: { code: 'bad_request' } });
    expect(answer.body.detail).toContain(prefer.slice(5));
  });
});

describe('urgency', () => {
  test('decides who is next: 0 before 3 before 7, and equals in the order of their arrival', async () => {
    await using oneslot = await startOneslot();
    await burn(oneslot, 100);
    const blocker = leavableBurn(oneslot, ENDLESS);
    await oneslot.running();
    const order: string[] = [];
    const send = async (name: string, priority?: string, others: Record<string, string> = {}) => {
      const waiting = await oneslot.metric('oneslot_queue_depth');
      const headers: Record<string, string> = priority === undefined ? others : { priority, ...others };
      const answer = burn(oneslot, 1, { headers }).then(() => order.push(name));
      await oneslot.queued(waiting + 1);
      return { answer };
    };
    const last = await send('last', 'u=7');
    const first = await send('third', 'u=3');
    const second = await send('fourth');
    // It says so by itself, whatever page asks.
    const browser = await send('fifth', 'u=1, i', { origin: 'https://example.org' });
    const urgent = await send('first', 'u=0');
    const urgentToo = await send('second', 'u=0, i');
    blocker.leave();
    await Promise.all([last, first, second, browser, urgent, urgentToo].map(({ answer }) => answer));
    expect(order).toEqual(['first', 'second', 'third', 'fourth', 'fifth', 'last']);
  });
});

describe('the queue', () => {
  test('refuses one more than its limit', async () => {
    await using oneslot = await startOneslot({ args: ['--queue-limit', '2'] });
    const long = leavableBurn(oneslot, ENDLESS);
    await oneslot.running();
    const waiting = [leavableBurn(oneslot, 1), leavableBurn(oneslot, 1)];
    await oneslot.queued(2);
    const refused = await burn(oneslot, 1);
    expect(refused).toMatchObject({
      status: 503,
      body: { code: 'queue_full', queueDepth: 2, retryable: true },
    });
    expect(refused.body.detail).toContain('2 of 2');
    expect(await oneslot.metric('oneslot_refusals_total', { reason: 'queue_full' })).toBe(1);
    for (const each of [...waiting, long]) each.leave();
  });

  test('tells each of those whom it refuses at once another time to come back', async () => {
    await using oneslot = await startOneslot({ args: ['--queue-limit', '2'] });
    const { headers } = await burn(oneslot, 1000);
    const shortMs = Number(/run;dur=([\d.]+)/.exec(headers.get('server-timing')!)![1]);
    const long = leavableBurn(oneslot, 30_000);
    await oneslot.running();
    const waiting = [leavableBurn(oneslot, 30_000), leavableBurn(oneslot, 30_000)];
    await oneslot.queued(2);
    const refused = await Promise.all(Array.from({ length: 30 }, () => burn(oneslot, 1)));
    const times = refused.map(({ body }) => body.retryAfterMs as number);
    expect(new Set(times).size).toBe(30);
    // One place frees when a run begins, so the last of them has most of thirty runs to wait.
    expect(Math.max(...times)).toBeGreaterThan(20 * 30 * shortMs * 0.5);
    for (const answer of refused) {
      const [seconds, ms] = ['retry-after', 'retry-after-ms'].map((name) => Number(answer.headers.get(name)));
      expect(ms).toBe(answer.body.retryAfterMs);
      expect(seconds).toBeGreaterThanOrEqual(Math.ceil(ms! / 1000));
    }
    for (const each of [...waiting, long]) each.leave();
  });

  test('refuses what would hold more bytes than its limit, and tells what never fits from what does later', async () => {
    await using oneslot = await startOneslot({ args: ['--queue-bytes', '8KiB'] });
    const ask = (bytes: number) =>
      oneslot.post('/predict/digits', JSON.stringify({ padding: 'x'.repeat(bytes) }));
    const never = await ask(9000);
    expect(never).toMatchObject({ status: 503, body: { code: 'queue_bytes_full', retryable: false } });
    expect(never.body.detail).toMatch(/bytes never fit: the whole queue holds at most 8192/);
    expect(never.headers.has('retry-after')).toBe(false);
    const long = leavableBurn(oneslot, ENDLESS);
    await oneslot.running();
    const later = await ask(8192 - '{"padding":""}'.length);
    expect(later).toMatchObject({ status: 503, body: { code: 'queue_bytes_full', retryable: true } });
    expect(later.body.detail).toMatch(/bytes do not fit beside \d+ of 8192/);
    expect(later.headers.get('retry-after')).toMatch(/^\d+$/);
    long.leave();
  });
});
