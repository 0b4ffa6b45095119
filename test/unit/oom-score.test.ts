// The runner is the process that the kernel takes first when memory is short.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { goBeforeServer } from '../../src/runner/oom-score.js';
import { tempFolders } from '../support/temp-folders.js';

const makeFolder = tempFolders();

test.each([
  ['0\n', '500'],
  ['-997\n', '-497'],
  ['1000\n', '1000'],
])('from the server’s score %j it goes to %s', async (inherited, score) => {
  const file = join(await makeFolder({ score: inherited }), 'score');
  goBeforeServer(file);
  expect(await readFile(file, 'utf8')).toBe(score);
});

test('where there is no such file nothing happens', () => {
  expect(() => goBeforeServer('/nowhere/oom_score_adj')).not.toThrow();
});
