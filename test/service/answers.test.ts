// Answers are bounded, whatever a small request asks for.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { burn } from '../support/burns.js';
import { BIG_OUTPUT_FACTOR, BIG_ROW_BYTES, writeFixtureModels } from '../support/fixture-models.js';
import { residentBytes } from '../support/memory-of.js';
import { type Oneslot, openBooks, startOneslot } from '../support/oneslot.js';
import { sumOf } from '../support/prometheus-text.js';
import { RawConnection } from '../support/raw-http.js';
import { until } from '../support/until.js';

const MAX_ANSWER = 2 ** 20;
const RAW = { accept: 'application/octet-stream' };

let folder: string;
let oneslot: Oneslot;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'oneslot-answers-'));
  writeFixtureModels(folder, ['big-output', 'big-rows', 'burn', 'two-in-two-out', 'echo-string', 'fails']);
  oneslot = await startOneslot({ models: folder, args: ['--max-answer', '1MiB', '--max-body', '4MiB'] });
});

afterAll(async () => {
  expect(openBooks(await oneslot.metrics())).toBe(0);
  await oneslot[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

/** Most of the fixture's positions that fit as raw bytes. */
const FITTING = Math.floor(MAX_ANSWER / 4 / BIG_OUTPUT_FACTOR);

const positions = (count: number, init: RequestInit = {}) =>
  oneslot.predict('big-output', { count: [count] }, init);

describe('an answer that is larger than --max-answer', () => {
  test('is refused with the output, its size, the limit and the cure', async () => {
    const { status, body } = await positions(FITTING + 1, { headers: RAW });
    expect([status, body.code, body.retryable]).toEqual([422, 'answer_too_large', false]);
    const bytes = 4 * BIG_OUTPUT_FACTOR * (FITTING + 1);
    expect(body.detail).toBe(
      `output positions is float32[${bytes / 4}] of ${bytes} bytes; an answer may have 1048576 (--max-answer): ask for less`,
    );
    expect((await positions(FITTING, { headers: RAW })).status).toBe(200);
  });

  test('is refused where only its outputs together are larger, and given where one is asked for', async () => {
    const a = Array<number>(200_000).fill(1);
    const together = await oneslot.post('/predict/two-in-two-out', JSON.stringify({ inputs: { a, b: a } }));
    expect([together.status, together.body.code]).toEqual([422, 'answer_too_large']);
    expect(together.body.detail).toContain('the 2 outputs together 1600000');
    expect(together.body.detail).toContain('ask for fewer outputs');
    const alone = await oneslot.post(
      '/predict/two-in-two-out?outputs=sum',
      JSON.stringify({ inputs: { a, b: a } }),
    );
    expect([alone.status, alone.body.outputs.sum.length]).toEqual([200, a.length]);
  });

  test('is refused where only its text is larger, and given as raw bytes', async () => {
    const { status, body } = await positions(FITTING);
    expect([status, body.code, body.retryable]).toEqual([422, 'answer_too_large', false]);
    expect(body.detail).toContain('1048576');
    expect(body.detail).toContain('Accept: application/octet-stream');
  });

  test('is refused as an event too', async () => {
    const { body } = await positions(FITTING + 1, { headers: { accept: 'text/event-stream' } });
    expect(body).toMatch(/event: error\ndata: .*"answer_too_large"/);
    expect(body).not.toContain('event: result');
  });

  test('is refused where it holds strings', async () => {
    const text = 'x'.repeat(1000);
    const strings = (count: number) => oneslot.predict('echo-string', { input: Array(count).fill(text) });
    expect((await strings(1000)).status).toBe(200);
    const { status, body } = await strings(1100);
    expect([status, body.code]).toEqual([422, 'answer_too_large']);
    expect(body.detail).toMatch(/^output output is string\[1100\] of 1103302 bytes/);
    // As text each of these characters takes six.
    expect((await oneslot.predict('echo-string', { input: ['\u0001'.repeat(200_000)] })).body.code).toBe(
      'answer_too_large',
    );
  });

  test('takes no memory in the server, and no runner', async () => {
    await positions(FITTING, { headers: RAW });
    const { runnerPid } = oneslot;
    const beforeBytes = residentBytes(oneslot.pid);
    for (let round = 0; round < 3; round++) expect((await positions(20_000)).status).toBe(422);
    expect(residentBytes(oneslot.pid) - beforeBytes).toBeLessThan(40e6);
    expect(oneslot.runnerPid).toBe(runnerPid);
    expect((await oneslot.predict('fails', { index: [3] })).body.outputs).toEqual({ value: [9] });
  });
});

describe('an answer that its caller does not read', () => {
  let large: Oneslot;

  beforeAll(async () => {
    large = await startOneslot({ models: folder });
  });

  afterAll(async () => {
    expect(openBooks(await large.metrics())).toBe(0);
    await large[Symbol.asyncDispose]();
  });

  const outcomes = async (outcome: string) => await large.metric('oneslot_predictions_total', { outcome });

  test.each(['application/octet-stream', 'application/json', 'text/event-stream'])(
    'is being sent, with the slot free, and cancelled when the caller leaves: %s',
    async (accept) => {
      const [completed, cancelled] = [await outcomes('completed'), await outcomes('cancelled')];
      const connection = await RawConnection.open(large.url);
      connection.pause();
      const body = '{"inputs":{"count":[5000]}}';
      connection.sendHead('/predict/big-output', { Accept: accept, 'Content-Length': body.length });
      connection.send(body);
      await until(async () => (await large.metric('oneslot_sending')) === 1);
      // The outputs alone: of a text no more is written than is read.
      expect(await large.metric('oneslot_answer_bytes')).toBe(20e6);
      expect(await large.metric('oneslot_slot_busy')).toBe(0);
      expect((await large.predict('fails', { index: [2] })).body.outputs).toEqual({ value: [4] });
      expect(openBooks(await large.metrics())).toBe(0);
      expect(await outcomes('completed')).toBe(completed + 1);
      connection.reset();
      await until(async () => (await outcomes('cancelled')) === cancelled + 1);
      expect(await large.metric('oneslot_sending')).toBe(0);
      expect(await large.metric('oneslot_answer_bytes')).toBe(0);
      expect(await outcomes('completed')).toBe(completed + 1);
    },
  );

  test('is completed when it is read in the end', async () => {
    const completed = await outcomes('completed');
    const { body } = await large.predict('big-output', { count: [5000] });
    expect(body.outputs.positions).toHaveLength(5000 * BIG_OUTPUT_FACTOR);
    await until(async () => (await outcomes('completed')) === completed + 1);
  });

  test('fails for being too large, and is not counted as completed', async () => {
    const page = await oneslot.metrics();
    expect(sumOf(page, 'oneslot_predictions_total', { model: 'big-output', outcome: 'failed' })).toBe(0);
    expect(
      sumOf(page, 'oneslot_predictions_total', { model: 'big-output', outcome: 'invalid' }),
    ).toBeGreaterThan(5);
    const invalid = sumOf(page, 'oneslot_predictions_total', { outcome: 'invalid' });
    expect((await positions(FITTING)).status).toBe(422);
    expect(await oneslot.metric('oneslot_predictions_total', { outcome: 'invalid' })).toBe(invalid + 1);
  });
});

describe('answers together', () => {
  let bounded: Oneslot;

  beforeAll(async () => {
    const args = ['--max-answer', '32MiB', '--answer-bytes', '64MiB'];
    bounded = await startOneslot({ models: folder, args });
  });

  afterAll(async () => {
    expect(openBooks(await bounded.metrics())).toBe(0);
    await bounded[Symbol.asyncDispose]();
  });

  async function unread(): Promise<RawConnection> {
    const connection = await RawConnection.open(bounded.url);
    connection.pause();
    const body = '{"inputs":{"count":[5000]}}';
    connection.sendHead('/predict/big-output', { Accept: RAW.accept, 'Content-Length': body.length });
    connection.send(body);
    return connection;
  }

  const sending = (count: number) => until(async () => (await bounded.metric('oneslot_sending')) === count);

  test('are bounded: no run begins while callers do not read, until one leaves', async () => {
    const connections = [await unread(), await unread()];
    await sending(2);
    const waiting = bounded.predict('fails', { index: [3] });
    await bounded.queued(1);
    expect(await bounded.metric('oneslot_slot_busy')).toBe(0);
    expect(await bounded.metric('oneslot_answer_bytes')).toBe(40e6);
    connections[0]!.reset();
    expect((await waiting).body.outputs).toEqual({ value: [9] });
    connections[1]!.reset();
    await sending(0);
  });

  test('are given up where others wait for their memory for long, the oldest first', async () => {
    const cancelled = await bounded.metric('oneslot_predictions_total', { outcome: 'cancelled' });
    const first = await unread();
    await sending(1);
    const second = await unread();
    await sending(2);
    expect((await bounded.predict('fails', { index: [5] })).body.outputs).toEqual({ value: [25] });
    expect(await bounded.metric('oneslot_predictions_total', { outcome: 'cancelled' })).toBe(cancelled + 1);
    expect(await bounded.metric('oneslot_sending')).toBe(1);
    second.reset();
    first.reset();
    await sending(0);
  });

  test('of many runs one after the other never come to an end', async () => {
    const before = await bounded.metric('oneslot_predictions_total', { outcome: 'completed' });
    for (let round = 0; round < 12; round++) {
      const response = await bounded.predict('big-output', { count: [2000] }, { headers: RAW });
      expect(response.status).toBe(200);
    }
    await until(
      async () =>
        (await bounded.metric('oneslot_predictions_total', { outcome: 'completed' })) === before + 12,
    );
  });
});

test('a batch whose outputs are together too large is answered one by one', async () => {
  await using small = await startOneslot({
    models: folder,
    args: ['--max-answer', '1500KiB', '--answer-bytes', '3MiB'],
  });
  const long = burn(small, 100_000, { seed: 3 });
  await small.running();
  const answers = [1, 2, 3, 4, 5, 6].map((value) =>
    small.post('/predict/big-rows', JSON.stringify({ inputs: { x: [[value]] } }), { headers: RAW }),
  );
  await small.queued(6);
  expect((await long).status).toBe(200);
  for (const { status, headers } of await Promise.all(answers)) {
    expect([status, headers.get('tensor-shape')]).toEqual([200, `1,${BIG_ROW_BYTES / 4}`]);
  }
  expect(openBooks(await small.metrics())).toBe(0);
});
