// Clients that promise bodies and send little: whoever sends a whole request is served beside them, and memory is bounded.

import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { writeFixtureModels } from '../support/fixture-models.js';
import { type Oneslot, openBooks, startOneslot } from '../support/oneslot.js';
import { RawConnection } from '../support/raw-http.js';
import { tempFolders } from '../support/temp-folders.js';
import { until } from '../support/until.js';

const MAX_BODY = 8 * 2 ** 20;
const ARGS = '--max-body 8MiB --queue-bytes 32MiB --queue-limit 8 --upload-limit 16 --upload-grace 1'.split(
  ' ',
);

const makeFolder = tempFolders();

let oneslot: Oneslot;

beforeAll(async () => {
  const models = await makeFolder();
  writeFixtureModels(models, ['echo-float32']);
  oneslot = await startOneslot({ models, args: ARGS });
});

afterAll(async () => {
  await until(async () => (await oneslot.metric('oneslot_receiving')) === 0);
  const page = await oneslot.metrics();
  expect(openBooks(page)).toBe(0);
  expect(await oneslot.metric('oneslot_queue_bytes')).toBe(0);
  expect(await oneslot.metric('oneslot_uploads')).toBe(0);
  await oneslot[Symbol.asyncDispose]();
});

const SMALL = '{"inputs":{"input":[1]}}';

/** A good body of so many bytes, most of which say nothing. */
const padded = (bytes: number): string => SMALL.padEnd(bytes);

/** A whole request of a body like this, and how it is answered. */
async function status(body: string): Promise<number> {
  return (await oneslot.post('/predict/echo-float32', body)).status;
}

async function connections(count: number): Promise<AsyncDisposable & { readonly all: RawConnection[] }> {
  const all = await Promise.all(Array.from({ length: count }, () => RawConnection.open(oneslot.url)));
  return {
    all,
    async [Symbol.asyncDispose]() {
      for (const connection of all) connection[Symbol.dispose]();
      await until(async () => (await oneslot.metric('oneslot_receiving')) === 0);
    },
  };
}

test('sends what the tests of this file take for a good request', async () => {
  expect(await status(SMALL)).toBe(200);
  expect(await status(padded(2 ** 20))).toBe(200);
});

test.each([
  ['chunked', { 'Transfer-Encoding': 'chunked' }],
  ['compressed', { 'Content-Encoding': 'gzip', 'Transfer-Encoding': 'chunked' }],
  ['of the largest size', { 'Content-Length': MAX_BODY }],
])(
  'sixteen idle clients whose bodies are %s hold no bytes and no place of the queue',
  async (_kind, headers) => {
    await using idle = await connections(16);
    for (const each of idle.all) each.sendHead('/predict/echo-float32', headers);
    await until(async () => (await oneslot.metric('oneslot_uploads')) >= 16);
    expect(await oneslot.metric('oneslot_queue_bytes')).toBe(0);
    const answers = await Promise.all([SMALL, padded(4 * 2 ** 20), SMALL].map(status));
    expect(answers).toEqual([200, 200, 200]);
    // Then their time is up.
    for (const each of idle.all) expect(await each.hears('}')).toMatch(/^HTTP\/1\.1 (408|503) /);
  },
);

test('a body that trickles is answered 408 with its rate and the option that bounds it', async () => {
  using connection = await RawConnection.open(oneslot.url);
  connection.sendHead('/predict/echo-float32', { 'Content-Length': 1000 });
  connection.send('{"in');
  const answer = await connection.hears('}');
  expect(answer).toMatch(/^HTTP\/1\.1 408 /);
  expect(answer).toContain('"code":"upload_timeout"');
  expect(answer).toMatch(/4 bytes in 1\.\d+ s, slower than the 4096 bytes a second .* --min-upload-rate/);
});

/** Sends a byte of each body, and comes again as soon as it is turned away. */
function attack(count: number): AsyncDisposable {
  let isOver = false;
  const client = async (): Promise<void> => {
    while (!isOver) {
      using connection = await RawConnection.open(oneslot.url);
      connection.sendHead('/predict/echo-float32', { 'Content-Length': 1000 });
      connection.send('{');
      await until(() => isOver || connection.isClosed || connection.received !== '');
    }
  };
  const clients = Promise.all(Array.from({ length: count }, client));
  return {
    async [Symbol.asyncDispose]() {
      isOver = true;
      await clients;
    },
  };
}

test('a crowd that sends a byte and comes again keeps out nobody who sends a whole request, small or slow', async () => {
  await using _crowd = attack(100);
  await until(async () => (await oneslot.metric('oneslot_refusals_total', { reason: 'uploads_full' })) > 100);
  const body = padded(3 * 2 ** 20);
  using slow = await RawConnection.open(oneslot.url);
  slow.sendHead('/predict/echo-float32', { 'Content-Length': body.length });
  const answers: number[] = [];
  const step = Math.ceil(body.length / 30);
  for (let sent = 0; sent < body.length; sent += step) {
    slow.send(body.slice(sent, sent + step));
    answers.push(await status(SMALL));
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  expect(await slow.hears('}')).toMatch(/^HTTP\/1\.1 200 /);
  expect(new Set(answers)).toEqual(new Set([200]));
}, 60_000);

test('bodies for which memory does not last give way to the one that is furthest on, in the middle of what they send', async () => {
  await using senders = await connections(6);
  const part = 'x'.repeat(2 ** 20);
  for (const each of senders.all) each.sendHead('/predict/echo-float32', { 'Transfer-Encoding': 'chunked' });
  for (let round = 0; round < 7; round++) {
    for (const [index, each] of senders.all.entries()) {
      // The first one is a step ahead of the others.
      if (index > 0 || round === 0) each.send(`100000\r\n${part}\r\n`);
      if (index === 0 && round < 6) each.send(`100000\r\n${part}\r\n`);
    }
    await until(async () => (await oneslot.metric('oneslot_queue_bytes')) <= 32 * 2 ** 20);
  }
  await until(() => senders.all.slice(1).some(({ received }) => received.includes('queue_bytes_full')));
  const refused = senders.all.filter(({ received }) => received.includes('}'));
  for (const { received } of refused) {
    expect(received).toMatch(/^HTTP\/1\.1 503 /);
    expect(received).toMatch(/^connection: close\r$/im);
    expect(received).toContain('"code":"queue_bytes_full"');
  }
  expect(refused.length).toBeLessThan(6);
});

test('bodies that grow as they are decompressed are counted as they grow', async () => {
  const bomb = gzipSync(padded(8 * 2 ** 20 - 1024), { level: 9 });
  expect(bomb.length).toBeLessThan(20_000);
  const headers = { 'content-encoding': 'gzip' };
  let most = 0;
  let isOver = false;
  const watch = (async () => {
    while (!isOver) most = Math.max(most, await oneslot.metric('oneslot_queue_bytes'));
  })();
  const answers = await Promise.all(
    Array.from({ length: 7 }, () => oneslot.post('/predict/echo-float32', bomb, { headers })),
  );
  isOver = true;
  await watch;
  expect(answers.map(({ status }) => status)).toContain(200);
  for (const { status, body } of answers)
    expect([status, body.code]).toEqual(status === 200 ? [200, undefined] : [503, 'queue_bytes_full']);
  expect(most).toBeLessThanOrEqual(32 * 2 ** 20);
});

test('a body in a million pieces of a byte takes little more memory than its bytes', async () => {
  const before = await oneslot.metric('process_resident_memory_bytes');
  await using sender = await connections(1);
  const [connection] = sender.all;
  connection!.sendHead('/predict/echo-float32', { 'Transfer-Encoding': 'chunked' });
  const pieces = '1\r\nx\r\n'.repeat(100_000);
  for (let count = 0; count < 10; count++) connection!.send(pieces);
  await until(async () => (await oneslot.metric('oneslot_queue_bytes')) >= 1_000_000);
  expect((await oneslot.metric('process_resident_memory_bytes')) - before).toBeLessThan(100 * 2 ** 20);
});
