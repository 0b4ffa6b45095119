// docs/models.md and docs/api-keys.md name every key of their files, with its default, and their examples are right.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import type { z } from 'zod';
import { ApiKeys, ENTRY } from '../../src/http/api-keys.js';
import { readSettings } from '../../src/model-repository/settings.js';
import {
  BATCH,
  DIMENSION,
  IMAGE,
  SESSION_OPTIONS,
  SETTINGS,
  WARMUP_INPUT,
} from '../../src/model-repository/settings-schema.js';
import { rowsOf } from '../support/markdown-table.js';
import { tempFolders } from '../support/temp-folders.js';

const makeFolder = tempFolders();

const keysOf = (schema: z.ZodObject, prefix = '') =>
  Object.keys(schema.shape).map((key) => `${prefix}${key}`);

async function examplesOf(page: string): Promise<string[]> {
  const text = await readFile(new URL(`../../../docs/${page}`, import.meta.url), 'utf8');
  return [...text.matchAll(/```json\n(.*?)```/gs)].map((match) => match[1]!);
}

test('docs/models.md names every key of model.json', () => {
  const known = [
    ...keysOf(SETTINGS),
    ...keysOf(DIMENSION, 'dimensions.NAME.'),
    ...keysOf(WARMUP_INPUT, 'warmup.INPUT.'),
    ...keysOf(IMAGE, 'image.'),
    ...keysOf(BATCH, 'batch.'),
    ...keysOf(SESSION_OPTIONS, 'sessionOptions.'),
  ];
  expect(
    rowsOf('models.md', 'Key')
      .map((row) => row.Key!)
      .sort(),
  ).toEqual(known.sort());
});

test('the defaults in docs/models.md are those of the code', async () => {
  const smallest = { image: { input: 'x', layout: 'HWC' }, batch: { max: 2 } };
  const settings = await readSettings(await makeFolder({ 'model.json': smallest }));
  for (const { Key = '', Default = '' } of rowsOf('models.md', 'Key')) {
    if (Default === 'required' || Key in smallest) continue;
    const value = Key.split('.').reduce<unknown>(
      (at, key) => (at as Record<string, unknown>)?.[key],
      settings,
    );
    if (value !== undefined) expect([Key, JSON.parse(Default)]).toEqual([Key, value]);
  }
});

test('the examples in docs/models.md are taken', async () => {
  const examples = await examplesOf('models.md');
  expect(examples.length).toBeGreaterThan(5);
  for (const example of examples) {
    const folder = await makeFolder({
      'model.json': example,
      'sample.json': { inputs: {} },
      'labels.txt': 'cat\ndog\n',
    });
    await readSettings(folder);
  }
});

test('docs/models.md leads to the page about bodies', async () => {
  const text = await readFile(new URL('../../../docs/models.md', import.meta.url), 'utf8');
  expect(text).toContain('](bodies.md)');
});

test('docs/api-keys.md names every key of an entry, and its example is taken', async () => {
  expect(
    rowsOf('api-keys.md', 'Key')
      .map((row) => row.Key!)
      .sort(),
  ).toEqual(keysOf(ENTRY).sort());
  const [example] = await examplesOf('api-keys.md');
  const folder = await makeFolder({ 'keys.json': example! });
  await expect(ApiKeys.fromFile(join(folder, 'keys.json'))).resolves.toBeInstanceOf(ApiKeys);
});
