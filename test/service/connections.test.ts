// Connections: what is asked on them beside plain requests, and what becomes of those that do nothing.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { descriptorsOf } from '../support/descriptors.js';
import { type Oneslot, startOneslot } from '../support/oneslot.js';
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
