// Many requests on one connection, and answers that nobody reads.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { burn, ENDLESS } from '../support/burns.js';
import { socketsOf } from '../support/descriptors.js';
import { BIG_OUTPUT_FACTOR, writeFixtureModels } from '../support/fixture-models.js';
import { residentBytes } from '../support/memory-of.js';
import { type Oneslot, openBooks, startOneslot } from '../support/oneslot.js';
import { RawConnection } from '../support/raw-http.js';
import { until } from '../support/until.js';

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: test\r\n\r\n`;

function predict(path: string, body: string, headers = ''): string {
  const head = `Host: test\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n${headers}`;
  return `POST ${path} HTTP/1.1\r\n${head}\r\n${body}`;
}

async function openDeaf(oneslot: Oneslot, text: string): Promise<RawConnection> {
  const connection = await RawConnection.open(oneslot.url);
  connection.stopReading();
  connection.send(text);
  return connection;
}

describe('requests that lie behind each other on one connection', () => {
  let oneslot: Oneslot;

  beforeAll(async () => {
    oneslot = await startOneslot();
  });

  afterAll(async () => {
    expect(openBooks(await oneslot.metrics())).toBe(0);
    await oneslot[Symbol.asyncDispose]();
  });

  test('are answered in their order, however many', async () => {
    using connection = await RawConnection.open(oneslot.url);
    const names = Array.from({ length: 1000 }, (_, i) => `n${i}.`);
    connection.send(names.map((name) => get(`/${name}`)).join(''));
    await connection.hears(`"/${names.at(-1)}`);
    expect(connection.received.match(/(?<=nothing at \\"\/)n\d+\./g)?.filter((_, i) => i % 2 === 0)).toEqual(
      names,
    );
  });

  test('are not looked at before the one in front is answered: predictions neither', async () => {
    using connection = await RawConnection.open(oneslot.url);
    const before = await oneslot.metric('oneslot_predictions_received_total');
    const body = JSON.stringify({ inputs: { iterations: [3000] } });
    connection.send(predict('/predict/burn', body).repeat(3));
    await oneslot.running();
    expect(await oneslot.metric('oneslot_predictions_received_total')).toBe(before + 1);
    await until(() => connection.received.match(/HTTP\/1\.1 200/g)?.length === 3);
    expect(await oneslot.metric('oneslot_predictions_received_total')).toBe(before + 3);
  });

  test('bodies are left with the kernel until their turn, and arrive whole', async () => {
    using connection = await RawConnection.open(oneslot.url);
    const spaces = ' '.repeat(500_000);
    const iterations = `{"inputs":{"iterations":[1000]}${spaces}}`;
    connection.send(predict('/predict/burn', iterations).repeat(3));
    await until(() => connection.received.match(/HTTP\/1\.1 200/g)?.length === 3);
  });

  test('garbage behind a whole request does not break into its answer', async () => {
    using connection = await RawConnection.open(oneslot.url);
    const body = JSON.stringify({ inputs: { iterations: [3000] } });
    connection.send(`${predict('/predict/burn', body)}\u0001\u0002 what is this\r\n\r\n`);
    await connection.closed();
    expect(connection.received).toMatch(/^HTTP\/1\.1 200 /);
    expect(connection.received).toMatch(/^connection: close\r$/im);
    expect(connection.received).toContain('"checksum"');
  });

  test('a caller who leaves leaves with all of them', async () => {
    const before = await oneslot.metric('oneslot_predictions_received_total');
    const connection = await RawConnection.open(oneslot.url);
    const body = JSON.stringify({ inputs: { iterations: [ENDLESS] } });
    connection.send(predict('/predict/burn', body).repeat(10));
    await oneslot.running();
    connection.reset();
    await until(async () => (await oneslot.metric('oneslot_demand')) === 0);
    expect(await oneslot.metric('oneslot_predictions_received_total')).toBe(before + 1);
  });

  test.each([
    ['/metrics', get('/metrics')],
    ['/models', get('/models')],
    ['/scaling', get('/scaling')],
    ['nowhere', get('/nowhere')],
    ['predictions', predict('/predict/burn', '{"inputs":{"iterations":[1]}}')],
    [
      'event streams',
      predict('/predict/burn', '{"inputs":{"iterations":[1]}}', 'Accept: text/event-stream\r\n'),
    ],
  ])('of %s by the ten thousand, none of whose answers is read, keep nobody waiting', async (_, request) => {
    const before = await residentBytes(oneslot.pid);
    const all: RawConnection[] = [];
    for (let i = 0; i < 20; i++) all.push(await openDeaf(oneslot, request.repeat(2000)));
    for (let i = 0; i < 20; i++) expect((await oneslot.get('/healthz')).status).toBe(200);
    expect((await burn(oneslot, 1)).status).toBe(200);
    expect((await residentBytes(oneslot.pid)) - before).toBeLessThan(300e6);
    for (const connection of all) connection.reset();
    await until(async () => (await oneslot.metric('oneslot_demand')) === 0);
  });
});

describe('an answer that nobody reads', () => {
  const MUCH = JSON.stringify({ inputs: { count: [(60e6 / 4 / BIG_OUTPUT_FACTOR) | 0] } });
  let models: string;
  let oneslot: Oneslot;

  beforeAll(async () => {
    models = await mkdtemp(join(tmpdir(), 'oneslot-unread-'));
    writeFixtureModels(models, ['big-output']);
    const args = ['--send-timeout', '2', '--max-answer', '1GiB'];
    oneslot = await startOneslot({ models, args });
  });

  afterAll(async () => {
    expect(openBooks(await oneslot.metrics())).toBe(0);
    await oneslot[Symbol.asyncDispose]();
    await rm(models, { recursive: true });
  });

  test.each([
    ['raw bytes', predict('/predict/big-output', MUCH, 'Accept: application/octet-stream\r\n')],
    ['JSON', predict('/predict/big-output', MUCH)],
    ['an event stream', predict('/predict/big-output', MUCH, 'Accept: text/event-stream\r\n')],
    ['metrics pages', get('/metrics').repeat(3000)],
  ])('of %s ends its connection after --send-timeout', async (_, request) => {
    await until(async () => (await oneslot.metric('oneslot_sending')) === 0);
    const before = socketsOf(oneslot.pid);
    using _deaf = await openDeaf(oneslot, request);
    await until(() => socketsOf(oneslot.pid) > before);
    await until(() => socketsOf(oneslot.pid) <= before);
    expect(await oneslot.metric('oneslot_sending')).toBe(0);
  });

  test('is sent to whoever reads slowly, for longer than that', async () => {
    using slow = await openDeaf(
      oneslot,
      predict('/predict/big-output', MUCH, 'Accept: application/octet-stream\r\n'),
    );
    await until(async () => (await oneslot.metric('oneslot_sending')) === 1);
    const startedMs = performance.now();
    while (performance.now() - startedMs < 6000) {
      slow.readAWhile();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(await oneslot.metric('oneslot_sending')).toBe(1);
    slow.startReading();
    await until(() => slow.received.length > 59e6);
  });
});
