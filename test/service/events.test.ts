// The answer as events: the place in line and its changes, the start, then the result or the error.

import { expect, test } from '@jest/globals';
import { burn, ENDLESS, leavableBurn } from '../support/burns.js';
import { eventsOf, type ServerEvent } from '../support/event-stream.js';
import { type Oneslot, openBooks, startOneslot } from '../support/oneslot.js';
import { until } from '../support/until.js';

function follow(oneslot: Oneslot, inputs: unknown, headers: Record<string, string> = {}) {
  const controller = new AbortController();
  const events: ServerEvent[] = [];
  const ended = (async () => {
    const response = await fetch(`${oneslot.url}/predict/burn`, {
      method: 'POST',
      body: JSON.stringify({ inputs }),
      headers: { 'content-type': 'application/json', accept: 'text/event-stream', ...headers },
      signal: controller.signal,
    });
    for await (const event of eventsOf(response)) events.push(event);
    return response;
  })();
  return { events, ended, leave: () => controller.abort() };
}

const SHORT = { iterations: [3], seed: [2] };

test('an idle server tells the start and the result', async () => {
  await using oneslot = await startOneslot();
  const { events, ended } = follow(oneslot, SHORT);
  const response = await ended;
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
  expect(events.map(({ event }) => event).filter((event) => event !== 'queued')).toEqual([
    'running',
    'result',
  ]);
  expect(events.at(-1)!.data).toMatchObject({ model: 'burn', outputs: { checksum: 523341 } });
});

test('a busy server tells the place, again as it changes, and when the run may begin', async () => {
  await using oneslot = await startOneslot();
  const blocker = burn(oneslot, 8000);
  await oneslot.running();
  const ahead = leavableBurn(oneslot, 2000);
  await oneslot.queued(1);
  const { events, ended } = follow(oneslot, SHORT);
  await until(() => events[0]);
  expect(events[0]).toMatchObject({ event: 'queued', data: { position: 2 } });
  expect(events[0]!.data.etaMs).toBeGreaterThan(0);
  ahead.leave();
  await until(() => events[1]);
  expect(events[1]).toMatchObject({ event: 'queued', data: { position: 1 } });
  await ended;
  await blocker;
  expect(events.map(({ event }) => event)).toEqual(['queued', 'queued', 'running', 'result']);
  expect(events[2]!.data.expectedMs).toBeGreaterThanOrEqual(0);
});

test('an error after the start of the stream is an event', async () => {
  await using oneslot = await startOneslot();
  const { events, ended } = follow(oneslot, { iterations: [ENDLESS], seed: [1] });
  await until(() => events.find(({ event }) => event === 'running'));
  process.kill(oneslot.runnerPid!, 'SIGKILL');
  await ended;
  expect(events.at(-1)).toMatchObject({
    event: 'error',
    data: { code: 'runner_crashed', status: 500, retryable: true },
  });
});

test('an error before it is an ordinary problem', async () => {
  await using oneslot = await startOneslot();
  const response = await fetch(`${oneslot.url}/predict/burn`, {
    method: 'POST',
    body: '{"inputs": {"iterations": ["many"]}}',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
  });
  expect(response.status).toBe(400);
  expect(response.headers.get('content-type')).toBe('application/problem+json');
});

test('a caller who stops listening while queued is out of the line', async () => {
  await using oneslot = await startOneslot();
  const long = leavableBurn(oneslot, ENDLESS);
  await oneslot.running();
  const { ended, leave } = follow(oneslot, SHORT);
  await oneslot.queued(1);
  leave();
  await expect(ended).rejects.toThrow();
  await oneslot.queued(0);
  expect(openBooks(await oneslot.metrics())).toBe(0);
  long.leave();
  await long.answer;
});
