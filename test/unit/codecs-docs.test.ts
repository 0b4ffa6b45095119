// docs/bodies.md against the code: its types, and its examples.

import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { createCodecs } from '../../src/codecs/codecs.js';
import { ELEMENT_BYTES, ELEMENT_TYPES } from '../../src/tensor.js';
import { tensorFromJson } from '../../src/tensor-json.js';
import { bodyOf, codecModel, spec } from '../support/codec-models.js';
import { rowsOf } from '../support/markdown-table.js';

const page = readFileSync(new URL('../../../docs/bodies.md', import.meta.url), 'utf8');

const typeRows = rowsOf('bodies.md', 'Type').flatMap((row) =>
  row.Type!.split(', ').map((type) => ({ type, bytes: row['Raw bytes an element']!.split(':')[0]! })),
);

test('every type is on the page, with the bytes that it takes', () => {
  const bytes = (type: string): string => String((ELEMENT_BYTES as Record<string, number>)[type] ?? 'none');
  expect(typeRows.map(({ type }) => type).sort()).toEqual([...ELEMENT_TYPES].sort());
  for (const row of typeRows) expect(row.bytes).toBe(bytes(row.type));
});

test('requests on the page are whole', async () => {
  const bodies = [...page.matchAll(/ -d '(\{[^']+\})'/g)].map(([, body]) => body!);
  expect(bodies.length).toBe(2);
  const model = codecModel({
    inputs: [spec('image', 'float32', ['batch', 8, 8])],
    outputs: [spec('probabilities', 'float32', ['batch', 10]), spec('label', 'int64', ['batch'])],
  });
  const codecs = createCodecs({ maxBodyBytes: 2 ** 20, maxAnswerBytes: 2 ** 28 });
  for (const body of bodies) {
    await codecs.decode({ mediaType: 'application/json', body: bodyOf(body), headers: {}, model });
  }
});

test('answers on the page are JSON', () => {
  const answers = [...page.matchAll(/```json\n([^`]+)```/g)].map(([, text]) => JSON.parse(text!));
  expect(answers.map(({ model }) => model)).toEqual(['digits', 'pets', 'face-detector', 'digits', 'digits']);
});

test('the error on the page is the one that comes', () => {
  const image = spec('image', 'float32', ['batch', 8, 8]);
  const message = 'input image is float32[batch,8,8]: expected 8 entries at [0][0], got 3';
  expect(() => tensorFromJson(image, [[[0, 0, 3]]])).toThrow(message);
  expect(page).toContain(`    ${message}\n`);
});

test('keys and headers that the page names are taken', () => {
  for (const name of ['inputs', 'outputs', 'parameters.timeout', 'parameters.priority']) {
    expect(rowsOf('bodies.md', 'Key').map((row) => row.Key)).toContain(name);
  }
});
