// docs/errors.md names every error code of the code, and none that is not there.

import { expect, test } from '@jest/globals';
import { ERRORS } from '../../src/errors.js';
import { rowsOf } from '../support/markdown-table.js';

const rows = rowsOf('errors.md', 'Code');

test('codes, statuses, retries and outcomes in docs/errors.md are those of the code', () => {
  const documented = rows.map((row) => [row.Code, row.Status, row.Retryable, row.Outcome]);
  const defined = Object.entries(ERRORS).map(([code, { status, retryable, outcome }]) => [
    code,
    String(status),
    retryable ? 'yes' : 'no',
    outcome,
  ]);
  expect(documented).toEqual(defined);
});

test('every code in docs/errors.md says when it comes and what to do', () => {
  for (const row of rows) {
    expect(row.When).toMatch(/\w+ \w+/);
    expect(row['What to do']).toMatch(/\w+ \w+/);
  }
});
