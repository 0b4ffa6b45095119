// Connections: what is asked on them beside plain requests, and what becomes of those that do nothing.

import { copyFile, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { burn, ENDLESS } from '../support/burns.js';
import { descriptorsOf, setDescriptorLimit } from '../support/descriptors.js';
import { type Oneslot, openBooks, startOneslot } from '../support/oneslot.js';
import { RawConnection } from '../support/raw-http.js';
import { until } from '../support/until.js';

describe('a request for another protocol', () => {
  let oneslot: Oneslot;

  beforeAll(async () => {
    oneslot = await startOneslot();
  });

  afterAll(async () => {
    await oneslot[Symbol.asyncDispose]();
  });

  test('CONNECT is told that this is no proxy, and the connection ends', async () => {
    using tunnel = await RawConnection.open(oneslot.url);
    tunnel.send('CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\nwhatever comes next');
    const answer = await tunnel.hears('"method_not_allowed"');
    expect(answer).toMatch(/^HTTP\/1\.1 405 /);
    expect(answer).toContain('this is no proxy');
    tunnel.end();
    await tunnel.closed();
    using gone = await RawConnection.open(oneslot.url);
    gone.send('CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n');
    gone.reset();
    expect((await oneslot.get('/healthz')).status).toBe(200);
  });

  test('CONNECT ends by itself where its caller neither reads nor closes', async () => {
    const before = descriptorsOf(oneslot.pid);
    using tunnel = await RawConnection.open(oneslot.url);
    tunnel.stopReading();
    tunnel.send('CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n');
    await until(() => descriptorsOf(oneslot.pid) > before);
    await until(() => descriptorsOf(oneslot.pid) === before);
  });

  test('Upgrade is passed over: the request is answered as any other', async () => {
    using websocket = await RawConnection.open(oneslot.url);
    const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n';
    websocket.send(`GET /healthz HTTP/1.1\r\nHost: test\r\n${upgrade}\r\n`);
    expect(await websocket.hears('alive')).toMatch(/^HTTP\/1\.1 200 /);
    websocket.received = '';
    websocket.send('GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n');
    expect(await websocket.hears('alive')).toMatch(/^HTTP\/1\.1 200 /);
  });

  test('TRACE and methods that nobody knows are answered', async () => {
    for (const [method, status] of [
      ['TRACE', 405],
      ['PROPFIND', 405],
      ['BREW', 400],
      ['PRI', 400],
    ] as const) {
      using connection = await RawConnection.open(oneslot.url);
      connection.send(`${method} /healthz HTTP/1.1\r\nHost: test\r\n\r\n`);
      expect(await connection.hears('"code"')).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    }
  });
});

const DIGIT = { image: [Array.from({ length: 8 }, () => Array(8).fill(0))] };

/** An open connection that had an answer already. */
async function keptConnection(oneslot: Oneslot): Promise<RawConnection> {
  const connection = await RawConnection.open(oneslot.url);
  connection.send('GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n');
  await connection.hears('alive');
  return connection;
}

async function openMany(count: number, oneslot: Oneslot, text = ''): Promise<AsyncDisposable> {
  const all: RawConnection[] = [];
  for (let i = 0; i < count; i++) {
    const connection = await RawConnection.open(oneslot.url);
    connection.send(text);
    all.push(connection);
  }
  return {
    async [Symbol.asyncDispose]() {
      for (const connection of all) connection[Symbol.dispose]();
    },
  };
}

describe('with few file descriptors', () => {
  const GET = 'GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n';

  test.each([
    ['say nothing', ''],
    ['stop in their headers', 'GET /healthz HTTP/1.1\r\nHost: te'],
    ['are kept open', GET],
    ['stop in their second request', `${GET}POST /predict/dig`],
  ])('hundreds of connections that %s are closed for those who come later', async (_, text) => {
    await using oneslot = await startOneslot({ maxDescriptors: 256 });
    await using _idle = await openMany(300, oneslot, text);
    for (let i = 0; i < 5; i++) {
      using probe = await RawConnection.open(oneslot.url);
      probe.send(GET);
      await probe.hears('alive');
    }
    // And a runner can be replaced.
    process.kill(oneslot.runnerPid!, 'SIGKILL');
    await until(() => oneslot.logged('runner up').length === 2);
    expect((await oneslot.predict('digits', DIGIT)).status).toBe(200);
    expect(descriptorsOf(oneslot.pid)).toBeLessThan(256);
  });

  test('a runner that can not be started is tried again, and whoever waits for it is served', async () => {
    await using oneslot = await startOneslot();
    const running = burn(oneslot, 8000);
    await oneslot.running();
    const waiting = burn(oneslot, 3, { seed: 2 });
    await oneslot.queued(1);
    const agent = await keptConnection(oneslot);
    setDescriptorLimit(oneslot.pid, descriptorsOf(oneslot.pid));
    process.kill(oneslot.runnerPid!, 'SIGKILL');
    expect((await running).body.code).toBe('runner_crashed');
    await oneslot.logs(({ failure }) => /EMFILE/.test(String(failure)));
    agent.send('GET /readyz HTTP/1.1\r\nHost: test\r\n\r\n');
    expect(await agent.hears('"reasons"')).toContain('EMFILE');
    setDescriptorLimit(oneslot.pid, 1024);
    expect((await waiting).body.outputs.checksum).toBe(523341);
  });
});

test('a thread that the system does not give costs those who need it now, and nobody later', async () => {
  await using oneslot = await startOneslot();
  const image = Array.from({ length: 2000 }, () => DIGIT.image[0]);
  const large = JSON.stringify({ inputs: { image } });
  const connections: RawConnection[] = [];
  for (let i = 0; i < 4; i++) connections.push(await keptConnection(oneslot));
  // Now, as the connections have their descriptors already.
  setDescriptorLimit(oneslot.pid, descriptorsOf(oneslot.pid));
  for (const connection of connections) {
    connection.sendHead('/predict/digits', { 'Content-Length': large.length });
    connection.send(large);
  }
  for (const connection of connections) {
    expect(await connection.hears('"no_resources"')).toMatch(/HTTP\/1\.1 503 /);
    connection.reset();
  }
  setDescriptorLimit(oneslot.pid, 1024);
  const { status, body } = await oneslot.post('/predict/digits', large);
  expect([status, body.outputs.label.length]).toEqual([200, 2000]);
  expect(openBooks(await oneslot.metrics())).toBe(0);
});

test('a program that is not there any more is a failed start of the runner, and tried again', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'oneslot-node-'));
  const node = join(folder, 'node');
  await copyFile(process.execPath, node);
  await using oneslot = await startOneslot({ node });
  await rename(node, `${node}-away`);
  process.kill(oneslot.runnerPid!, 'SIGKILL');
  await oneslot.logs(({ failure }) => /ENOENT/.test(String(failure)));
  expect((await oneslot.get('/readyz')).body.reasons.join()).toContain('ENOENT');
  await rename(`${node}-away`, node);
  await until(() => oneslot.isReady());
  expect((await oneslot.predict('digits', DIGIT)).status).toBe(200);
  await rm(folder, { recursive: true });
});

test('with every connection busy, probes are answered and predictions are refused', async () => {
  await using oneslot = await startOneslot({ args: ['--max-connections', '8'] });
  const body = JSON.stringify({ inputs: { iterations: [ENDLESS] } });
  const ask = async (): Promise<RawConnection> => {
    const connection = await RawConnection.open(oneslot.url);
    connection.sendHead('/predict/burn', { 'Content-Length': body.length });
    connection.send(body);
    return connection;
  };
  const busy: RawConnection[] = [];
  for (let i = 0; i < 8; i++) busy.push(await ask());
  await until(async () => {
    // The connections by which this test looks at the server count too, and one of these may have had to go for them.
    for (const [i, { isClosed }] of busy.entries()) if (isClosed) busy[i] = await ask();
    // An idle one of the test's own may be closed for a new one just as it is used.
    return (await oneslot.metric('oneslot_demand').catch(() => undefined)) === 8;
  });
  for (let i = 0; i < 20; i++) {
    using probe = await RawConnection.open(oneslot.url);
    probe.send('GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n');
    expect(await probe.hears('alive')).toMatch(/^connection: close\r$/im);
    await probe.closed();
  }
  const refused = await oneslot.predict('digits', DIGIT);
  expect(refused).toMatchObject({ status: 503, body: { code: 'too_many_connections', retryable: true } });
  expect(refused.headers.get('retry-after')).toBe('1');
  expect(await oneslot.metric('oneslot_demand')).toBe(8);
  for (const connection of busy) connection.reset();
  await until(async () => (await oneslot.metric('oneslot_demand')) === 0);
  expect(openBooks(await oneslot.metrics())).toBe(0);
});
