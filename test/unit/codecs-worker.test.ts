// Large JSON, which worker threads read and write: the same results and errors as small JSON, and nothing left behind.

import { afterAll, expect, test } from '@jest/globals';
import { createCodecs, type Decoded, OFFLOAD_BYTES } from '../../src/codecs/codecs.js';
import type { Model } from '../../src/model-repository/model.js';
import { encodeFrame } from '../../src/runner/protocol.js';
import { type NumericTensor, stringTensor, type Tensors } from '../../src/tensor.js';
import { bodyOf, codecModel, spec, textOf } from '../support/codec-models.js';
import { refusalOf } from '../support/errors.js';
import { until } from '../support/until.js';

const codecs = createCodecs({ maxBodyBytes: 2 ** 23, maxAnswerBytes: 2 ** 28 });
afterAll(() => codecs.close());

const model = codecModel({
  inputs: [spec('x', 'float32', ['n', 4]), spec('id', 'int64', ['n']), spec('s', 'string', [null])],
  outputs: [spec('y', 'float32', ['n', 4]), spec('label', 'int64', ['n'])],
  settings: { defaults: { s: ['default'] }, labels: { label: ['even', 'odd'] } },
});

function decode(body: string | object, { as = model, by = codecs } = {}): Promise<Decoded> {
  return by.decode({ mediaType: 'application/json', body: bodyOf(body), headers: {}, model: as });
}

/** White space makes any body a large one. */
const large = (body: string): string => body + ' '.repeat(OFFLOAD_BYTES);

const ROWS = 10_000;
const rows = Array.from({ length: ROWS }, (_, row) => [row, row / 3, -1 - row, 0.1]);
const request = {
  inputs: { x: rows, id: rows.map(([row]) => row) },
  outputs: ['y'],
  parameters: { timeout: 1000 },
};

test('a large body becomes the tensors that it holds', async () => {
  const body = bodyOf(request);
  expect(body.length).toBeGreaterThan(4 * OFFLOAD_BYTES);
  const { inputs, own, ...rest } = await codecs.decode({
    mediaType: 'application/json',
    body,
    headers: {},
    model,
  });
  expect(rest).toEqual({ outputs: ['y'], timeoutMs: 1 });
  expect(own).toEqual([inputs.x!.bytes, inputs.id!.bytes]);
  expect(Object.keys(inputs).sort()).toEqual(['id', 's', 'x']);
  expect(inputs.s).toEqual(stringTensor([1], ['default']));
  const { dims, bytes } = inputs.x as NumericTensor;
  expect(dims).toEqual([ROWS, 4]);
  expect(Buffer.from(bytes).equals(Buffer.from(Float32Array.from(rows.flat()).buffer))).toBe(true);
  const ids = BigInt64Array.from(rows, ([row]) => BigInt(row!));
  expect(Buffer.from((inputs.id as NumericTensor).bytes).equals(Buffer.from(ids.buffer))).toBe(true);
});

test('the memory of the body goes to the worker, and that of the tensors comes from it', async () => {
  const body = bodyOf(request);
  const { inputs } = await codecs.decode({ mediaType: 'application/json', body, headers: {}, model });
  expect(body.buffer.byteLength).toBe(0);
  const { bytes } = inputs.x as NumericTensor;
  expect(bytes.buffer.byteLength).toBe(bytes.byteLength);
});

test('a body that is part of other memory is copied, and that memory stays', async () => {
  const whole = bodyOf(`xx${large('{"inputs":{"x":[[1,2,3,4]],"id":[7]}}')}`);
  const body = whole.subarray(2);
  const { inputs } = await codecs.decode({ mediaType: 'application/json', body, headers: {}, model });
  expect(inputs.x!.dims).toEqual([1, 4]);
  expect(whole.byteLength).toBeGreaterThan(OFFLOAD_BYTES);
});

test('defaults are the same tensors for every request, however large', async () => {
  for (const pad of [large, (body: string) => body]) {
    const { inputs } = await decode(pad('{"inputs":{"x":[[1,2,3,4]],"id":[5]}}'));
    expect(inputs.s).toEqual(stringTensor([1], ['default']));
  }
});

test('strings and names that JavaScript gives a meaning pass the thread', async () => {
  const as = codecModel({ inputs: [spec('__proto__', 'string', [null]), spec('constructor', 'int8', [])] });
  const { inputs } = await decode(large('{"inputs":{"__proto__":["ä","😀"],"constructor":1}}'), { as });
  expect(Object.entries(inputs)).toEqual([
    ['__proto__', stringTensor([2], ['ä', '😀'])],
    ['constructor', { type: 'int8', dims: [], bytes: Uint8Array.of(1) }],
  ]);
});

test.each([
  '{"inputs":{"x":[[1,2,3,"4"]],"id":[1]}}',
  '{"inputs":{"x":[[1,2,3]],"id":[1]}}',
  '{"inputs":{"x":[[1,2,3,4]]}}',
  '{"inputs":{"x":[[1,2,3,4]],"id":[1,2]}}',
  '{"inputs":{"y":[]}}',
  '{"inputs":{"id":[9007199254740993]}}',
  '{"outputs":["z"]}',
  '{"parameters":{"timeout":-1}}',
  '{"inputs":{"x":[[1,2,3,4]}}',
  '[]',
])('%s is refused with the words that a small body gets', async (body) => {
  expect(await refusalOf(() => decode(large(body)))).toEqual(
    await refusalOf(() => decode(body + ' '.repeat(10))),
  );
});

test('nesting a hundred thousand deep is refused at once', async () => {
  const nested = '['.repeat(100_000);
  for (const body of [
    nested,
    `{"inputs":{"x":${nested}`,
    `{"inputs":{"id":${nested}${']'.repeat(100_000)}}}`,
  ]) {
    expect((await refusalOf(() => decode(body))).code).toMatch(/^(bad_request|invalid_input)$/);
  }
});

test('large answers are written, and the outputs stay as they are', async () => {
  const values = Float32Array.from({ length: 4 * ROWS }, (_, index) => index / 8);
  const labels = BigInt64Array.from({ length: ROWS }, (_, index) => BigInt(index % 3));
  const memory = new Uint8Array(values.byteLength + labels.byteLength);
  memory.set(new Uint8Array(values.buffer));
  memory.set(new Uint8Array(labels.buffer), values.byteLength);
  const outputs: Tensors = {
    y: { type: 'float32', dims: [ROWS, 4], bytes: memory.subarray(0, values.byteLength) },
    label: { type: 'int64', dims: [ROWS], bytes: memory.subarray(values.byteLength) },
  };
  const answer = JSON.parse(await textOf(codecs.encodeJson({ model, outputs })));
  expect(answer.outputs.y.flat()).toEqual([...values]);
  expect(answer.outputs.label.slice(0, 4)).toEqual([0, 1, 2, 0]);
  expect(answer.labels.label.slice(0, 4)).toEqual(['even', 'odd', null, 'even']);
  expect(memory.byteLength).toBe(values.byteLength + labels.byteLength);
  expect((outputs.y as NumericTensor).bytes.byteLength).toBe(values.byteLength);
});

test('an answer of many empty lists is written', async () => {
  const outputs: Tensors = { y: { type: 'int8', dims: [ROWS * 10, 0], bytes: new Uint8Array(0) } };
  const answer = JSON.parse(await textOf(codecs.encodeJson({ model, outputs })));
  expect(answer.outputs.y).toHaveLength(ROWS * 10);
  expect(answer.outputs.y[5]).toEqual([]);
});

const strings: Model = codecModel({ inputs: [spec('s', 'string', ['n'])] });

test('a body of more strings than there is memory for is refused, on a thread and without one', async () => {
  const small = createCodecs({ maxBodyBytes: 2 ** 17, maxAnswerBytes: 2 ** 28 });
  const body = (count: number) => `{"inputs":{"s":["",${'"",'.repeat(count)}""]}}`;
  expect(body(17_000).length).toBeLessThan(OFFLOAD_BYTES);
  expect((await decode(body(15_000), { as: strings, by: small })).inputs.s!.dims).toEqual([15_002]);
  for (const count of [17_000, 40_000]) {
    expect(await refusalOf(() => decode(body(count), { as: strings, by: small }))).toEqual({
      code: 'body_too_large',
      message: `the strings of the body take more than ${2 ** 19} bytes of memory`,
    });
  }
  await small.close();
});

const SENTENCE = 'Grüße, "Welt"';
const SENTENCES = 200_000;

test('a large body of strings comes as bytes in memory of their own, handed over without a look at any', async () => {
  const sentences = Array.from({ length: SENTENCES }, () => SENTENCE);
  const { inputs } = await decode({ inputs: { s: sentences } }, { as: strings });
  const { bytes, ...rest } = inputs.s!;
  expect(rest).toEqual({ type: 'string', dims: [SENTENCES] });
  expect(bytes.byteOffset).toBe(0);
  expect(Buffer.from(bytes).equals(Buffer.from(JSON.stringify(sentences)))).toBe(true);
  // The frame for the runner holds the very same bytes.
  const pieces = encodeFrame({ kind: 'input' }, Object.entries(inputs));
  expect(pieces.some((piece) => piece === bytes)).toBe(true);
});

test('strings of a thread that take little of what was read lie in no more memory than they need', async () => {
  const { inputs } = await decode(large('{"inputs":{"s":["a"]}}'), { as: strings });
  expect(inputs.s!.bytes.buffer.byteLength).toBe('["a"]'.length);
});

test('a large answer of strings is written, and the outputs stay as they are', async () => {
  const rows = Array.from({ length: ROWS }, (_, row) => ['', `${row}`, SENTENCE]);
  const y = stringTensor([ROWS, 3], rows.flat());
  const answer = JSON.parse(await textOf(codecs.encodeJson({ model, outputs: { y } })));
  expect(answer.outputs.y).toEqual(rows);
  expect(y).toEqual(stringTensor([ROWS, 3], rows.flat()));
});

test('large answers of strings are for the threads, small ones are not', async () => {
  const own = createCodecs({ maxBodyBytes: 2 ** 23, maxAnswerBytes: 2 ** 28 });
  await own.close();
  const answerOf = (...strings: string[]) =>
    own.encodeJson({ model, outputs: { y: stringTensor([strings.length], strings) } });
  expect(await textOf(answerOf('a', 'b'))).toContain('{"y":["a","b"]}');
  expect((await refusalOf(() => answerOf('x'.repeat(OFFLOAD_BYTES)))).code).toBe('draining');
});

test('a large text is read by a thread, as a small one is, and refused as a small one is', async () => {
  const read = (content: string | Uint8Array) =>
    codecs.decode({ mediaType: 'text/plain', body: bodyOf(content), headers: {}, model: strings });
  const text = `${SENTENCE}\u0001\n`.repeat(SENTENCES / 10);
  const body = bodyOf(text);
  const { inputs } = await codecs.decode({ mediaType: 'text/plain', body, headers: {}, model: strings });
  expect(inputs.s).toEqual(stringTensor([1], [text]));
  expect(body.buffer.byteLength).toBe(0);
  for (const wrong of ['a\0b', Uint8Array.of(0xff)]) {
    const much = Buffer.concat([Buffer.from(text), Buffer.from(wrong as string)]);
    expect(await refusalOf(() => read(much))).toEqual(await refusalOf(() => read(wrong)));
  }
});

test('a string with a NUL is refused by a thread too, in the words of a small body', async () => {
  const body = '{"inputs":{"s":["a\\u0000b"]}}';
  const refusal = await refusalOf(() => decode(large(body), { as: strings }));
  expect(refusal.code).toBe('invalid_input');
  expect(refusal).toEqual(await refusalOf(() => decode(body, { as: strings })));
});

test('a worker whose heap is full costs its own body only, and the next ones are served', async () => {
  const small = createCodecs({ maxBodyBytes: 2 ** 26, maxAnswerBytes: 2 ** 28, workerHeapMiB: 16 });
  // Tensors lie outside of the heap; names do not.
  const names = Array.from({ length: 40_000 }, (_, index) => spec(`${index}${'x'.repeat(1000)}`, 'int8', []));
  const hungry = codecModel({ inputs: [spec('s', 'string', ['n'])], outputs: names });
  const results = await Promise.allSettled([
    decode(large('{"inputs":{"s":["a"]}}'), { as: hungry, by: small }),
    decode(large('{"inputs":{"s":["a"]}}'), { as: strings, by: small }),
    decode(large('{"inputs":{"s":["b"]}}'), { as: strings, by: small }),
  ]);
  expect(results[0]).toMatchObject({
    status: 'rejected',
    reason: { code: 'body_too_large', message: expect.stringContaining('16 MiB') },
  });
  expect(results.slice(1)).toMatchObject([
    { status: 'fulfilled', value: { inputs: { s: stringTensor([1], ['a']) } } },
    { status: 'fulfilled', value: { inputs: { s: stringTensor([1], ['b']) } } },
  ]);
  await small.close();
});

const threads = (): number =>
  process.getActiveResourcesInfo().filter((kind) => kind === 'MessagePort').length;

test('close ends the threads, and small bodies are read on', async () => {
  const before = threads();
  const own = createCodecs({ maxBodyBytes: 2 ** 23, maxAnswerBytes: 2 ** 28 });
  await decode(large('{"inputs":{"s":["a"]}}'), { as: strings, by: own });
  await own.close();
  await until(() => threads() === before);
  expect((await decode('{"inputs":{"s":["a"]}}', { as: strings, by: own })).outputs).toEqual(['y']);
  const refusal = await refusalOf(() => decode(large('{"inputs":{"s":["a"]}}'), { as: strings, by: own }));
  expect(refusal.code).toBe('draining');
});

test('what waits for a worker when it is closed is told that the server shuts down', async () => {
  const own = createCodecs({ maxBodyBytes: 2 ** 23, maxAnswerBytes: 2 ** 28 });
  const waiting = Promise.allSettled(Array.from({ length: 8 }, () => decode(request, { by: own })));
  await own.close();
  for (const result of await waiting) {
    expect(result).toMatchObject({ status: 'rejected', reason: { code: 'draining' } });
  }
});

test('close without a thread ever started does nothing', async () => {
  const own = createCodecs({ maxBodyBytes: 1024, maxAnswerBytes: 2 ** 28 });
  await own.close();
  await own.close();
});
