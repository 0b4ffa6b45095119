// docs/options.md names every option of the code, and none that is not there.

import { expect, test } from '@jest/globals';
import { optionRows } from '../../src/config.js';
import { rowsOf } from '../support/markdown-table.js';

test('flags, variables, defaults and bounds in docs/options.md are those of the code', () => {
  const documented = rowsOf('options.md', 'Option').map((row) => Object.values(row));
  const defined = optionRows().map(({ flag, variable, fallback = '', takes, help }) => {
    return [flag, variable, fallback, takes, help];
  });
  expect(documented).toEqual(defined);
});
