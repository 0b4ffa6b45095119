// The main job on real input: every form of body, every type of tensor, the shipped models.

import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ELEMENT_TYPES } from '../../src/tensor.js';
import { BURNS, burn } from '../support/burns.js';
import { writeFixtureModels } from '../support/fixture-models.js';
import { type Oneslot, openBooks, PROJECT, startOneslot } from '../support/oneslot.js';
import { until } from '../support/until.js';

interface Sample {
  readonly label: number;
  readonly image: number[][];
}

const SAMPLES = JSON.parse(readFileSync(`${PROJECT}models/digits/samples.json`, 'utf8')) as Sample[];
const ASTRONAUT = readFileSync(`${PROJECT}models/face-detector/astronaut.png`);
const SEVEN = readFileSync(`${PROJECT}models/digits/seven.png`);
const RAW = 'application/octet-stream';

describe('the shipped models', () => {
  let oneslot: Oneslot;

  beforeAll(async () => {
    oneslot = await startOneslot({ args: ['--default-model', 'digits'] });
  });

  afterAll(async () => {
    expect(openBooks(await oneslot.metrics())).toBe(0);
    await oneslot[Symbol.asyncDispose]();
  });

  test('a picture posted to the face detector gives the face', async () => {
    const { status, body } = await oneslot.post('/predict/face-detector', ASTRONAUT, {
      headers: { 'content-type': 'image/png' },
    });
    expect(status).toBe(200);
    expect(body.outputs.boxes).toHaveLength(1);
    const expected = [163.8, 75.4, 278.6, 185.8];
    for (const [index, edge] of expected.entries()) expect(body.outputs.boxes[0][index]).toBeCloseTo(edge, 0);
    expect(body.outputs.scores[0]).toBeCloseTo(0.974, 2);
  });

  test.each([
    ['application/json;q=0.5, */*', '/predict/digits', 'application/json'],
    ['application/json;q=0.5, */*', '/predict/digits?outputs=label', 'application/json'],
    ['application/octet-stream, */*;q=0.1', '/predict/digits?outputs=label', 'application/octet-stream'],
    ['application/octet-stream, */*;q=0.1', '/predict/digits', 'application/json'],
    ['text/event-stream, */*', '/predict/digits', 'text/event-stream; charset=utf-8'],
    ['application/json;q=0, */*', '/predict/digits', 'text/event-stream; charset=utf-8'],
  ])('whoever accepts %s is answered at %s as %s', async (accept, path, type) => {
    const headers = { 'content-type': 'image/png', accept };
    const answer = await fetch(oneslot.url + path, { method: 'POST', body: SEVEN, headers });
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, type]);
    expect((await answer.arrayBuffer()).byteLength).toBeGreaterThan(0);
  });

  test('a picture without a face gives empty tensors', async () => {
    const row = Array.from({ length: 48 }, () => [255, 255, 255]);
    const { status, body } = await oneslot.predict('face-detector', { image: Array(48).fill(row) });
    expect(status).toBe(200);
    expect(body.outputs).toEqual({ boxes: [], scores: [] });
  });

  test.each([
    ['face-detector', { image: [] }, 'input image: dimension "height" has the size 0, expected 48 to 6144'],
    ['sentence-embedder', { text: [] }, 'input text: dimension "batch" has the size 0, expected at least 1'],
  ])('%s refuses what it can not compute', async (model, inputs, detail) => {
    const answer = await oneslot.predict(model, inputs);
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_input', detail } });
  });

  test('each digit posted as JSON is recognised, and named', async () => {
    for (const { label, image } of SAMPLES) {
      const { body } = await oneslot.predict('digits', { image: [image] });
      expect(body).toMatchObject({ model: 'digits', version: '1', outputs: { label: [label] } });
      expect(body.outputs.probabilities[0][label]).toBeGreaterThan(0.5);
    }
  });

  test('all digits in one request are recognised', async () => {
    const { body } = await oneslot.predict('digits', { image: SAMPLES.map(({ image }) => image) });
    expect(body.outputs.label).toEqual(SAMPLES.map(({ label }) => label));
  });

  test('a sentence posted as text is embedded', async () => {
    const { body } = await oneslot.post('/predict/sentence-embedder', 'the cat sat on the mat', {
      headers: { 'content-type': 'text/plain' },
    });
    const [embedding] = body.outputs.embedding as number[][];
    expect(embedding).toHaveLength(100);
    expect(Math.hypot(...embedding!)).toBeCloseTo(1, 4);
    // "the" is known, but not "mat" and "sat": the vocabulary has 5,000 words.
    expect(body.outputs.tokens).toEqual([4]);
  });

  test.each(BURNS)('a burn of $iterations iterations with seed $seed gives $checksum', async (each) => {
    const { body } = await burn(oneslot, each.iterations, { seed: each.seed });
    expect(body.outputs.checksum).toBe(each.checksum);
    expect(body.outputs.head).toHaveLength(8);
  });

  test('only the outputs that were asked for are given', async () => {
    const body = JSON.stringify({ inputs: { iterations: [1], seed: [1] }, outputs: ['checksum'] });
    expect((await oneslot.post('/predict/burn', body)).body.outputs).toEqual({ checksum: 525110 });
  });

  test('an output that is not there is named, with the nearest right one', async () => {
    const body = JSON.stringify({ inputs: { iterations: [1], seed: [1] }, outputs: ['chekcsum'] });
    const answer = await oneslot.post('/predict/burn', body);
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_input' } });
    expect(answer.body.detail).toMatch(/chekcsum.*checksum/);
  });

  describe('of any form of body give the outputs that the query asks for:', () => {
    const digit = Float32Array.from(SAMPLES[3]!.image.flat());
    test.each<[string, string, string, string | Uint8Array, object]>([
      [
        'JSON',
        '/predict/digits?outputs=label',
        'application/json',
        JSON.stringify({ inputs: { image: [SAMPLES[3]!.image] } }),
        { label: [SAMPLES[3]!.label] },
      ],
      ['a picture', '/predict/digits?outputs=label', 'image/png', SEVEN, { label: [7] }],
      ['a picture by its old name', '/predict/digits?outputs=label', 'image/x-png', SEVEN, { label: [7] }],
      [
        'a text',
        '/predict/sentence-embedder?outputs=tokens',
        'text/plain',
        'the cat sat on the mat',
        { tokens: [4] },
      ],
      [
        'a raw tensor',
        '/predict/digits?outputs=label',
        RAW,
        new Uint8Array(digit.buffer),
        { label: [SAMPLES[3]!.label] },
      ],
      ['a body for the default model', '/predict?outputs=label', 'image/png', SEVEN, { label: [7] }],
    ])('%s', async (_what, path, type, body, outputs) => {
      const answer = await oneslot.post(path, body, { headers: { 'content-type': type } });
      expect(answer.body.outputs ?? answer.body).toEqual(outputs);
    });
  });

  test('a picture gets a raw answer where the query chooses one output', async () => {
    const answer = await fetch(`${oneslot.url}/predict/digits?outputs=label`, {
      method: 'POST',
      body: SEVEN,
      headers: { 'content-type': 'image/png', accept: RAW },
    });
    expect(answer.headers.get('tensor-type')).toBe('int64');
    expect(new BigInt64Array(await answer.arrayBuffer())).toEqual(BigInt64Array.of(7n));
  });

  test('several outputs have no raw form, and the refusal says how to choose one', async () => {
    const headers = { 'content-type': 'image/png', accept: RAW };
    for (const path of ['/predict/digits', '/predict/digits?outputs=probabilities,label']) {
      const { status, body } = await oneslot.post(path, SEVEN, { headers });
      expect({ status, code: body.code }).toEqual({ status: 406, code: 'not_acceptable' });
      expect(body.detail).toContain('as in ?outputs=probabilities');
    }
  });

  test('the query wins over the outputs that the body asks for', async () => {
    const body = JSON.stringify({ inputs: { iterations: [1] }, outputs: ['head'] });
    const answer = await oneslot.post('/predict/burn?outputs=checksum', body);
    expect(answer.body.outputs).toEqual({ checksum: 525110 });
  });

  test('Server-Timing tells receive, decode, queue, run and encode', async () => {
    const { headers } = await burn(oneslot, 3);
    const timing = headers.get('server-timing')!;
    const names = timing.split(', ').map((part) => /^(\w+);dur=\d+\.\d+$/.exec(part)?.[1]);
    expect(names).toEqual(['receive', 'decode', 'queue', 'run', 'encode']);
  });

  test('one log line a prediction has its times and outcome', async () => {
    await burn(oneslot, 3, { headers: { 'x-request-id': 'log-me' } });
    const line = await until(() =>
      oneslot.logged('prediction').find(({ requestId }) => requestId === 'log-me'),
    );
    expect(line).toMatchObject({ model: 'burn', outcome: 'completed', runMs: expect.any(Number) });
    expect(line).toMatchObject({
      receiveMs: expect.any(Number),
      queueMs: expect.any(Number),
      totalMs: expect.any(Number),
    });
  });

  test('a compressed body is taken', async () => {
    const { gzipSync } = await import('node:zlib');
    const body = gzipSync(JSON.stringify({ inputs: { iterations: [3], seed: [2] } }));
    const answer = await oneslot.post('/predict/burn', body, { headers: { 'content-encoding': 'gzip' } });
    expect(answer.body.outputs.checksum).toBe(523341);
  });
});

describe('models of every kind', () => {
  let oneslot: Oneslot;
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'oneslot-fixtures-'));
    writeFixtureModels(folder);
    oneslot = await startOneslot({ models: folder });
  });

  afterAll(async () => {
    await oneslot[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  const VALUES: Readonly<Record<string, readonly unknown[]>> = {
    bool: [true, false],
    int8: [-128, 127],
    uint8: [0, 255],
    int16: [-32768, 32767],
    uint16: [0, 65535],
    float16: [0.5, -65504],
    int32: [-2147483648, 2147483647],
    uint32: [0, 4294967295],
    float32: [0.5, -1.25],
    int64: ['-9223372036854775808', '9223372036854775807', 7],
    uint64: ['18446744073709551615', 0],
    float64: [0.1, -1e300],
    string: ['grüße', '😀', ''],
  };

  test.each(ELEMENT_TYPES)('%s goes in and comes out unharmed', async (type) => {
    const { status, body } = await oneslot.predict(`echo-${type}`, { input: VALUES[type] });
    expect(body.outputs ?? body).toEqual({ output: VALUES[type] });
    expect(status).toBe(200);
  });

  test.each(ELEMENT_TYPES.filter((type) => type !== 'string'))(
    '%s goes in and comes out as raw bytes',
    async (type) => {
      const bytes = new Uint8Array(48).map((_, index) => (type === 'bool' ? index % 2 : index));
      const response = await fetch(`${oneslot.url}/predict/echo-${type}`, {
        method: 'POST',
        body: bytes,
        headers: { 'content-type': 'application/octet-stream', accept: 'application/octet-stream' },
      });
      expect(response.status).toBe(200);
      expect(new Uint8Array(await response.arrayBuffer())).toEqual(bytes);
    },
  );

  test('large raw inputs that come together come out unharmed, each to its own caller', async () => {
    const echo = async (seed: number): Promise<void> => {
      const values = Float32Array.from({ length: 2 ** 18 + seed }, (_, index) => index * seed);
      const response = await fetch(`${oneslot.url}/predict/echo-float32`, {
        method: 'POST',
        body: new Uint8Array(values.buffer),
        headers: { 'content-type': RAW, accept: RAW },
      });
      expect(Buffer.compare(Buffer.from(await response.arrayBuffer()), Buffer.from(values.buffer))).toBe(0);
    };
    for (let round = 0; round < 3; round++) await Promise.all([1, 2, 3, 4, 5, 6].map(echo));
  });

  test('a tensor of rank 0 is a plain value both ways', async () => {
    expect((await oneslot.predict('echo-scalar', { input: 2.5 })).body.outputs).toEqual({ output: 2.5 });
  });

  test('a tensor without elements goes in and comes out', async () => {
    expect((await oneslot.predict('echo-float32', { input: [] })).body.outputs).toEqual({ output: [] });
  });

  test('a large body of strings is run and answered, and others are served meanwhile', async () => {
    const text = Array.from({ length: 500_000 }, (_, index) => ['yes', 'größe "L"', '', 'maybe'][index % 4]!);
    let isOver = false;
    const large = oneslot.predict('strings', { text }).finally(() => {
      isOver = true;
    });
    while (!isOver) expect((await oneslot.get('/healthz')).status).toBe(200);
    const { status, body } = await large;
    expect(status).toBe(200);
    expect(body.outputs.upper.slice(0, 4)).toEqual(['YES', 'GRößE "L"', '', 'MAYBE']);
    expect(body.outputs.code.slice(-4)).toEqual([1, -1, -1, 2]);
    expect(body.outputs.upper).toHaveLength(text.length);
  });

  test('several inputs and outputs keep their names', async () => {
    const { body } = await oneslot.predict('two-in-two-out', { b: [1, 2], a: [10, 20] });
    expect(body.outputs).toEqual({ sum: [11, 22], difference: [9, 18] });
  });

  test('dimensions of one name must have one size, and the answer says where they differ', async () => {
    const answer = await oneslot.predict('two-in-two-out', { a: [1, 2], b: [1, 2, 3] });
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_input' } });
    expect(answer.body.detail).toMatch(/\bn\b.*2.*3|\bn\b.*3.*2/);
  });

  test('a run that fails tells why, and the next one is served', async () => {
    const bad = await oneslot.predict('fails', { index: [99] });
    expect(bad).toMatchObject({ status: 500, body: { code: 'run_failed', retryable: false } });
    expect((await oneslot.predict('fails', { index: [0] })).status).toBe(200);
  });
});
