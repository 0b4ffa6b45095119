// What a model's file says of ranks, however large the rest of it is.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { encodeModel, type GraphSpec, node } from '../../models/burn/onnx-writer.js';
import { unrankedNames } from '../../src/runner/model-file.js';
import { tempFolders } from '../support/temp-folders.js';

const makeFolder = tempFolders();

async function fileOf(content: Uint8Array): Promise<string> {
  const file = join(await makeFolder({}), 'model.onnx');
  await writeFile(file, content);
  return file;
}

const value = (name: string, shape: readonly (number | string)[] | null) =>
  ({ name, type: 'float32', shape }) as const;

const graphOf = (weights: number): GraphSpec => ({
  name: 'g',
  inputs: [value('any', null), value('scalar', []), value('list', ['n']), value('größe', null)],
  outputs: [value('out', null), value('one', [])],
  constants: [{ name: 'w', type: 'float32', data: Array<number>(weights).fill(1) }],
  nodes: [node('Identity', ['any'], ['out']), node('Identity', ['scalar'], ['one'])],
});

test.each([0, 100_000])('a tensor without a shape is of any rank, beside %d weights', async (weights) => {
  const file = await fileOf(encodeModel({ graph: graphOf(weights), producer: 'tests' }));
  expect([...unrankedNames(file)]).toEqual(['any', 'größe', 'out']);
});

test('a file cut off anywhere, or of anything else, never fails: that is for ONNX Runtime to say', async () => {
  const whole = encodeModel({ graph: graphOf(10), producer: 'tests' });
  for (let length = 0; length < whole.length; length += 7) {
    expect(unrankedNames(await fileOf(whole.subarray(0, length))).size).toBeLessThanOrEqual(4);
  }
  const noise = Uint8Array.from({ length: 5_000 }, (_, index) => (index * 7919) % 251);
  expect(unrankedNames(await fileOf(noise))).toEqual(new Set());
  expect(unrankedNames(await fileOf(new Uint8Array(100).fill(0xff)))).toEqual(new Set());
});
