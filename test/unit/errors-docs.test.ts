// docs/errors.md names every error code of the code, and none that is not there.

import { describe, expect, test } from '@jest/globals';
import { ERRORS, type Outcome } from '../../src/errors.js';
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

describe('outcomes', () => {
  const codesOf = (outcome: Outcome) => Object.values(ERRORS).filter((kind) => kind.outcome === outcome);

  test('only what is our own fault counts as failed: never a 4xx', () => {
    expect(codesOf('failed').filter(({ status }) => status < 500)).toEqual([]);
  });

  test('what is invalid is the request’s own fault, and comes to nothing when sent again', () => {
    expect(codesOf('invalid').length).toBeGreaterThan(0);
    for (const { status, retryable } of codesOf('invalid')) {
      expect([status === 501 ? 4 : Math.floor(status / 100), retryable]).toEqual([4, false]);
    }
  });

  test('refused is who is not let in, or for whom there is no room now', () => {
    const statuses = new Set(codesOf('refused').map(({ status }) => status));
    expect([...statuses].sort()).toEqual([401, 429, 503]);
  });
});

test('every code in docs/errors.md says when it comes and what to do', () => {
  for (const row of rows) {
    expect(row.When).toMatch(/\w+ \w+/);
    expect(row['What to do']).toMatch(/\w+ \w+/);
  }
});
