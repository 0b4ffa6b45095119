// What is refused is refused early: before the body is read, on a connection that stays usable where HTTP allows it.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { burn, ENDLESS, leavableBurn } from '../support/burns.js';
import { type Oneslot, openBooks, startOneslot } from '../support/oneslot.js';
import { sumOf } from '../support/prometheus-text.js';
import { RawConnection } from '../support/raw-http.js';
import { until } from '../support/until.js';

let oneslot: Oneslot;

beforeAll(async () => {
  oneslot = await startOneslot({ args: ['--max-body', '1MiB', '--upload-timeout', '1'] });
});

afterAll(async () => {
  const page = await oneslot.metrics();
  expect(openBooks(page)).toBe(0);
  // All that these tests send is the callers' own fault.
  expect(sumOf(page, 'oneslot_predictions_total', { outcome: 'failed' })).toBe(0);
  expect(sumOf(page, 'oneslot_predictions_total', { outcome: 'invalid' })).toBeGreaterThan(10);
  // A run that nobody waits for any more holds its input until it has ended.
  await until(async () => (await oneslot.metric('oneslot_queue_bytes')) === 0);
  await oneslot[Symbol.asyncDispose]();
});

const DIGIT = JSON.stringify({ inputs: { image: [Array.from({ length: 8 }, () => Array(8).fill(0))] } });

/** The open connection still serves a good request. */
async function expectUsable(connection: RawConnection): Promise<void> {
  connection.received = '';
  connection.sendHead('/predict/digits', { 'Content-Length': DIGIT.length });
  connection.send(DIGIT);
  expect(await connection.hears('"outputs"')).toMatch(/^HTTP\/1\.1 200 /);
}

describe('from the headers alone, with the body unread,', () => {
  test.each([
    ['an unknown model', '/predict/digts', { 'Content-Length': 900_000 }, '404', 'did you mean \\"digits\\"'],
    [
      'a body over the limit',
      '/predict/digits',
      { 'Content-Length': 50_000_000 },
      '413',
      '50000000 bytes; at most 1048576',
    ],
    [
      'a content type that nothing reads',
      '/predict/digits',
      { 'Content-Type': 'text/csv', 'Content-Length': 900_000 },
      '415',
      'text/csv',
    ],
    [
      'a content coding that nothing reads',
      '/predict/digits',
      { 'Content-Encoding': 'zstd', 'Content-Length': 900_000 },
      '415',
      'zstd',
    ],
    [
      'an output that the model does not have',
      '/predict/digits?outputs=labl',
      { 'Content-Length': 900_000 },
      '400',
      'there is no output \\"labl\\"',
    ],
    [
      'a raw answer of several outputs',
      '/predict/digits?outputs=label,probabilities',
      { Accept: 'application/octet-stream', 'Content-Length': 900_000 },
      '406',
      'a raw answer holds one output',
    ],
    [
      'an answer that can not be given',
      '/predict/digits',
      { Accept: 'text/html', 'Content-Length': 900_000 },
      '406',
      'text/html',
    ],
  ])('%s is refused', async (_what, path, headers, status, detail) => {
    using connection = await RawConnection.open(oneslot.url);
    connection.sendHead(path, headers);
    const answer = await connection.hears('}');
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(answer).toContain('application/problem+json');
    expect(answer).toContain(detail);
    // What is left of such a body is not worth reading.
    expect(answer).toMatch(/^connection: close\r$/im);
    connection.end();
    await connection.closed();
  });

  test('a client that asks first (Expect: 100-continue) is told no, and sends nothing', async () => {
    using connection = await RawConnection.open(oneslot.url);
    connection.sendHead('/predict/digts', { Expect: '100-continue', 'Content-Length': 900_000 });
    const answer = await connection.hears('}');
    expect(answer).toMatch(/^HTTP\/1\.1 404 /);
    expect(answer).not.toContain('100 Continue');
  });

  test('a client that asks first is told to go on where there is a place', async () => {
    using connection = await RawConnection.open(oneslot.url);
    connection.sendHead('/predict/digits', { Expect: '100-continue', 'Content-Length': DIGIT.length });
    await connection.hears('100 Continue');
    connection.send(DIGIT);
    expect(await connection.hears('"outputs"')).toContain('HTTP/1.1 200');
  });
});

describe('with its body read,', () => {
  test.each([
    ['broken JSON', '{"inputs": {"image": [[', 'bad_request'],
    ['a wrong shape', '{"inputs": {"image": [[1, 2, 3]]}}', 'invalid_input'],
    ['a missing input', '{"inputs": {}}', 'invalid_input'],
    ['nothing at all', '', 'bad_request'],
  ])('%s costs a 400 and the connection stays usable', async (_what, body, code) => {
    using connection = await RawConnection.open(oneslot.url);
    connection.sendHead('/predict/digits', { 'Content-Length': body.length });
    connection.send(body);
    const answer = await connection.hears('}');
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toContain(`"code":"${code}"`);
    await expectUsable(connection);
  });

  test('a small body that was refused from the headers is read and thrown away: the connection stays usable', async () => {
    using connection = await RawConnection.open(oneslot.url);
    connection.sendHead('/predict/digts', { 'Content-Length': DIGIT.length });
    connection.send(DIGIT);
    expect(await connection.hears('}')).toMatch(/^HTTP\/1\.1 404 /);
    await expectUsable(connection);
  });

  test('a chunked body that grows over the limit is cut off', async () => {
    using connection = await RawConnection.open(oneslot.url);
    connection.sendHead('/predict/digits', { 'Transfer-Encoding': 'chunked' });
    const chunk = 'x'.repeat(64 * 1024);
    for (let sent = 0; sent <= 1024 * 1024; sent += chunk.length) connection.send(`10000\r\n${chunk}\r\n`);
    const answer = await connection.hears('}');
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(answer).toContain('1048576 bytes');
  });
});

// The large one would go to a worker thread as it comes.
describe.each([1000, 2 ** 20])('an upload of %d bytes', (bytes) => {
  test('that does not end within --upload-timeout is answered 408, and gives its place back', async () => {
    using connection = await RawConnection.open(oneslot.url);
    connection.sendHead('/predict/digits', { 'Content-Type': 'application/json', 'Content-Length': bytes });
    connection.send('{"inputs"');
    await until(async () => (await oneslot.metric('oneslot_receiving')) === 1);
    const answer = await connection.hears('}');
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(answer).toContain('within 1 s; 9 bytes came');
    expect(await oneslot.metric('oneslot_receiving')).toBe(0);
  });

  test('whose client vanishes gives its place back', async () => {
    using connection = await RawConnection.open(oneslot.url);
    const before = await oneslot.metric('oneslot_predictions_total', {
      model: 'digits',
      outcome: 'cancelled',
    });
    connection.sendHead('/predict/digits', { 'Content-Type': 'application/json', 'Content-Length': bytes });
    connection.send('{"inputs"');
    await until(async () => (await oneslot.metric('oneslot_receiving')) === 1);
    connection.reset();
    await until(async () => (await oneslot.metric('oneslot_receiving')) === 0);
    expect(await oneslot.metric('oneslot_predictions_total', { model: 'digits', outcome: 'cancelled' })).toBe(
      before + 1,
    );
  });

  test('holds a place in the count, but never the slot', async () => {
    using connection = await RawConnection.open(oneslot.url);
    connection.sendHead('/predict/digits', { 'Content-Length': 1000 });
    await until(async () => (await oneslot.metric('oneslot_receiving')) === 1);
    expect((await burn(oneslot, 3, { seed: 2 })).status).toBe(200);
    connection.reset();
    await until(async () => (await oneslot.metric('oneslot_receiving')) === 0);
  });
});

describe('what is no prediction', () => {
  test.each([
    ['GET', '/predict/digits', 405, 'method_not_allowed', 'POST'],
    ['POST', '/metrics', 405, 'method_not_allowed', 'GET, HEAD'],
    ['GET', '/nowhere', 404, 'route_not_found', null],
    ['GET', '/models/digts', 404, 'model_not_found', null],
    ['GET', '/models/%ff', 400, 'bad_request', null],
    ['GET', '/models/__proto__', 404, 'model_not_found', null],
    ['GET', '/models/..%2f..%2fetc', 404, 'model_not_found', null],
  ])('%s %s is answered %d %s', async (method, path, status, code, allow) => {
    const answer = await fetch(oneslot.url + path, { method });
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(answer.headers.get('allow')).toBe(allow);
    expect(await answer.json()).toMatchObject({
      code,
      status,
      requestId: answer.headers.get('x-request-id'),
    });
  });

  test.each([
    ['nonsense', 'hello?\r\n\r\n', '400'],
    ['headers without end', `GET / HTTP/1.1\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, '431'],
    [
      'two lengths',
      'POST /predict/digits HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
      '400',
    ],
    [
      'a length and chunks',
      'POST /predict/digits HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n',
      '400',
    ],
  ])('%s on the wire is answered as a problem, and the connection ends', async (_what, bytes, status) => {
    using connection = await RawConnection.open(oneslot.url);
    connection.send(bytes);
    const answer = await connection.hears('}');
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(answer).toContain('application/problem+json');
    await connection.closed();
  });
});

describe('a request that breaks a rule of HTTP', () => {
  const head = (...lines: string[]) =>
    `POST /predict/digits HTTP/1.1\r\n${['Host: a', 'Content-Type: application/json', ...lines].join('\r\n')}\r\n\r\n`;
  const chunked = `${DIGIT.length.toString(16)}\r\n${DIGIT}\r\n0\r\n\r\n`;
  const length = `Content-Length: ${DIGIT.length}`;
  const many = (count: number) => Array.from({ length: count }, () => 'a:b');

  test.each([
    [
      'more headers than are read',
      head(length, ...many(2000)) + DIGIT,
      431,
      'has 2003 headers; at most 2000',
    ],
    [
      'more of them before those that count',
      `POST /predict/digits HTTP/1.1\r\n${many(2001).join('\r\n')}\r\nHost: a\r\n${length}\r\n\r\n${DIGIT}`,
      431,
      'has 2003 headers',
    ],
    ['two Host headers', head('host: b', length) + DIGIT, 400, 'the header host is there twice'],
    ['the same Host twice', head('HOST: a', length) + DIGIT, 400, 'the header HOST is there twice'],
    [
      'no host in Host',
      head(length).replace('Host: a', 'Host: a b') + DIGIT,
      400,
      'the Host header is no host',
    ],
    [
      'two content types',
      head('content-type: text/plain', length) + DIGIT,
      400,
      'content-type is there twice',
    ],
    [
      'two keys',
      head('Authorization: Bearer a', 'Authorization: Bearer b', length) + DIGIT,
      400,
      'Authorization is there twice',
    ],
    [
      'a transfer coding beside chunked',
      head('Transfer-Encoding: gzip, chunked') + chunked,
      501,
      'may be chunked, got',
    ],
    [
      'chunks in HTTP/1.0',
      head('Transfer-Encoding: chunked').replace('1.1', '1.0') + chunked,
      400,
      'HTTP/1.0 has no Transfer-Encoding',
    ],
    [
      'another coding at the end',
      head('Transfer-Encoding: chunked, gzip') + chunked,
      400,
      'Transfer-Encoding',
    ],
    [
      'chunks twice',
      head('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked') + chunked,
      400,
      'Transfer-Encoding',
    ],
    ['a length and chunks', head(length, 'Transfer-Encoding: chunked') + chunked, 400, 'Transfer-Encoding'],
    ['a length twice', head(length, length) + DIGIT, 400, 'Content-Length'],
    ['a folded header', head('X-A: b\r\n c', length) + DIGIT, 400, 'header'],
    ['a space before the colon', head(length.replace(':', ' :')) + DIGIT, 400, 'header'],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, 'HTTP/2 is not spoken here'],
  ])('%s is told which', async (_what, bytes, status, detail) => {
    using connection = await RawConnection.open(oneslot.url);
    connection.send(bytes);
    const answer = await connection.hears('}');
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(answer).toMatch(/^Content-Type: application\/problem\+json\r$/m);
    expect(answer).toContain(detail);
  });

  test.each([
    ['2,000 headers', head(length, ...many(1997)) + DIGIT],
    ['an absolute target', head(length).replace('/predict', 'http://a/predict') + DIGIT],
    ['an empty Host', head(length).replace('Host: a', 'Host:') + DIGIT],
    ['an IPv6 address as its Host', head(length).replace('Host: a', 'Host: [::1]:8080') + DIGIT],
    ['chunks in capitals', head('Transfer-Encoding: CHUNKED') + chunked],
    ['an extension of a chunk', head('Transfer-Encoding: chunked') + chunked.replace('\r\n', ';a="b"\r\n')],
    ['trailers', head('Transfer-Encoding: chunked') + chunked.replace(/\r\n$/, 'Host: b\r\n\r\n')],
  ])('is none with %s', async (_what, bytes) => {
    using connection = await RawConnection.open(oneslot.url);
    connection.send(bytes);
    expect(await connection.hears('}')).toMatch(/^HTTP\/1\.1 200 /);
  });
});

describe('every answer', () => {
  test('carries the id that its request came with, or a new one', async () => {
    const own = await fetch(`${oneslot.url}/healthz`, { headers: { 'x-request-id': 'abc-123' } });
    expect(own.headers.get('x-request-id')).toBe('abc-123');
    const made = await fetch(`${oneslot.url}/healthz`, { headers: { 'x-request-id': 'with spaces' } });
    expect(made.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('of an error tells no stack, no path and no secret', async () => {
    const long = leavableBurn(oneslot, ENDLESS);
    const answer = await oneslot.post('/predict/digits', '{"inputs": {"image": "x"}}');
    long.leave();
    await long.answer;
    expect(JSON.stringify(answer.body)).not.toMatch(/ at |\.ts|\.js|node_modules|\/work|\/home/);
  });
});

describe('a request that reaches no route', () => {
  test.each([
    ['without Host', 'GET /healthz HTTP/1.1\r\n\r\n', 'demands a Host header'],
    ['whose target is no URL', 'GET http://[bad/ HTTP/1.1\r\nHost: a\r\n\r\n', 'the URL is malformed'],
  ])('%s is told what is wrong with it', async (_name, text, problem) => {
    using connection = await RawConnection.open(oneslot.url);
    connection.send(text);
    const answer = await connection.hears(problem);
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toMatch(/^X-Request-Id: \S+\r$/m);
    expect(answer).toMatch(/^Content-Type: application\/problem\+json\r$/m);
  });

  test('is none because of an expectation that nobody knows', async () => {
    using connection = await RawConnection.open(oneslot.url);
    connection.send('GET /healthz HTTP/1.1\r\nHost: a\r\nExpect: a-miracle\r\n\r\n');
    expect(await connection.hears('}')).toMatch(/^HTTP\/1\.1 200 /);
  });
});
