// How urgent a prediction may be: whose word counts, and how far.

import { describe, expect, test } from '@jest/globals';
import { bodyUrgency, headerUrgency, type UrgencyMode, urgencyRightOf } from '../../src/http/urgency.js';

type Headers = Readonly<Record<string, string>>;

const BROWSERS: readonly Headers[] = [
  { origin: 'https://example.org' },
  { origin: 'null' },
  { 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' },
  { 'sec-fetch-mode': 'cors', 'user-agent': 'Mozilla/5.0' },
  { 'sec-fetch-mode': 'navigate' },
  { 'sec-fetch-user': '?1' },
  { 'sec-fetch-dest': 'image', 'user-agent': 'node' },
];

const PROGRAMS: readonly Headers[] = [
  {},
  { 'user-agent': 'python-requests/2.32' },
  { 'user-agent': 'node', 'sec-fetch-mode': 'cors' },
  { 'user-agent': 'undici', 'sec-fetch-mode': 'cors' },
];

interface Asking {
  readonly mode?: UrgencyMode;
  readonly headers?: Headers;
  readonly client?: { readonly urgency?: number };
}

const right = ({ mode = 'keys', headers = {}, client }: Asking) => urgencyRightOf({ headers, client }, mode);

/** What becomes of `Priority: u=1, i`, `u=6` and a body's 0 and 6. */
function given(asking: Asking): readonly (number | undefined)[] {
  const own = right(asking);
  return [
    headerUrgency('u=1, i', own),
    headerUrgency('u=6', own),
    bodyUrgency(0, own),
    bodyUrgency(6, own),
    headerUrgency(undefined, own),
  ];
}

test.each(PROGRAMS)('without keys a program is as urgent as it says: %j', (headers) => {
  expect(given({ headers })).toEqual([1, 6, 0, 6, 3]);
});

test.each(BROWSERS)(
  'without keys a browser says nothing by its header, and by its body nothing more urgent: %j',
  (headers) => {
    expect(given({ headers })).toEqual([3, 3, 3, 6, 3]);
  },
);

test('with a key that allows none, nobody is more urgent than others', () => {
  expect(given({ client: {} })).toEqual([3, 6, 3, 6, 3]);
  for (const headers of BROWSERS) expect(given({ headers, client: {} })).toEqual([3, 3, 3, 6, 3]);
});

test.each([
  [0, [1, 6, 0, 6, 3]],
  [1, [1, 6, 1, 6, 3]],
  [2, [2, 6, 2, 6, 3]],
  [5, [5, 6, 5, 6, 5]],
])('with a key that allows %d, it is the most urgent level', (urgency, expected) => {
  for (const headers of [...BROWSERS, ...PROGRAMS]) {
    expect(given({ headers, client: { urgency } })).toEqual(expected);
  }
});

test('trusted, everybody is as urgent as it says', () => {
  for (const headers of [...BROWSERS, ...PROGRAMS]) {
    for (const client of [undefined, {}, { urgency: 5 }]) {
      expect(right({ mode: 'trust', headers, ...(client !== undefined && { client }) })).toEqual(
        right({ mode: 'trust' }),
      );
    }
  }
  expect(given({ mode: 'trust', headers: BROWSERS[0]! })).toEqual([1, 6, 0, 6, 3]);
});

test('ignored, nobody is', () => {
  expect(given({ mode: 'ignore', client: { urgency: 0 } })).toEqual([3, 3, undefined, undefined, 3]);
});

describe('what is malformed', () => {
  test.each(['', 'u', 'u=8', 'u=-1', 'u=1.5', 'u="0"', 'i', '?', '\u00ff', 'u=0;;'])(
    'in the header is passed over: %s',
    (priority) => {
      expect(headerUrgency(priority, right({ mode: 'trust' }))).toBe(3);
    },
  );

  test.each([8, -1, 1.5, '0', null, undefined])('in the body is passed over: %s', (asked) => {
    expect(bodyUrgency(asked, right({ mode: 'trust' }))).toBe(undefined);
  });
});
