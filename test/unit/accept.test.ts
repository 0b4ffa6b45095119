// In which form an answer goes out, by what its caller accepts and what the outputs allow.

import { describe, expect, test } from '@jest/globals';
import { acceptedTypes, answerTypeFor } from '../../src/http/accept.js';
import type { Model } from '../../src/model-repository/model.js';
import { model } from '../support/predictions.js';
import { refusalOf } from '../support/rooms.js';

const NAMES = {
  'application/json': 'json',
  'application/octet-stream': 'raw',
  'text/event-stream': 'events',
};

const order = (accept: string | undefined): string =>
  acceptedTypes(accept)
    .map((type) => NAMES[type])
    .join(' ');

describe('is accepted, from the preferred form on,', () => {
  test.each<[string | undefined, string]>([
    [undefined, 'json'],
    ['', 'json'],
    ['*/*', 'json'],
    [' */* ', 'json raw events'],
    ['*', 'json raw events'],
    ['application/json', 'json'],
    ['Application/JSON', 'json'],
    ['application/json; charset=utf-8', 'json'],
    ['application/octet-stream', 'raw'],
    ['text/event-stream', 'events'],
    ['application/*', 'json raw'],
    ['text/*', 'events'],
    // A wildcard prefers nothing to JSON.
    ['application/json;q=0.5, */*', 'json raw events'],
    ['*/*, application/json;q=0.5', 'json raw events'],
    ['application/json;q=0.5, application/*', 'json raw'],
    ['application/json;q=0.1, */*;q=0.9, application/*;q=0.5', 'json events raw'],
    ['application/*;q=0.2, */*', 'json events raw'],
    // By quality.
    ['application/json;q=0.5, application/octet-stream', 'raw json'],
    ['application/json, application/octet-stream;q=0.5', 'json raw'],
    ['application/octet-stream;q=0.9, text/event-stream, application/json;q=0.1', 'events raw json'],
    ['text/*, application/json;q=0.5', 'events json'],
    ['application/octet-stream;q=0.4, application/json;q=0.3, */*', 'raw json events'],
    ['application/octet-stream;q=0.001, application/json;q=0.0', 'raw'],
    // By specificity, where qualities are equal.
    ['application/octet-stream, */*', 'raw json events'],
    ['*/*, application/octet-stream', 'raw json events'],
    ['text/event-stream, application/*', 'events json raw'],
    ['text/event-stream;q=0.5, */*;q=0.5', 'events json raw'],
    ['application/octet-stream;q=0.5, */*', 'json events raw'],
    // Where all is equal, JSON; the order of the header says nothing.
    ['application/octet-stream, application/json', 'json raw'],
    ['text/event-stream, application/octet-stream, application/json', 'json raw events'],
    ['text/event-stream, application/octet-stream', 'raw events'],
    // Excluded.
    ['application/json;q=0, */*', 'raw events'],
    ['application/json;q=0.000, application/octet-stream;q=0, */*', 'events'],
    ['*/*, text/event-stream;q=0', 'json raw'],
    ['application/*;q=0, */*', 'events'],
    ['application/*;q=0, application/octet-stream', 'raw'],
    // Named twice: the better counts.
    ['application/json;q=0, application/json', 'json'],
    ['application/octet-stream;q=0.2, application/octet-stream, application/json;q=0.5', 'raw json'],
    // What browsers and libraries send by themselves.
    ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'json raw events'],
    ['application/json, text/plain, */*', 'json raw events'],
    ['text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2', 'json raw events'],
    ['text/event-stream;charset=utf-8', 'events'],
    // Malformed parts are passed over, and where nothing is left, the whole.
    ['nonsense', 'json'],
    [',,;q=1,/,a/,/b,application', 'json'],
    ['application/octet-stream;q=high, application/json;q=0.1', 'json'],
    ['application/octet-stream;q=2, text/event-stream;q=-1, application/json;q=0.1', 'json'],
    ['*/json, application/octet-stream', 'raw'],
    ['application/octet-stream;x="a, b;q=0", application/json;q=0.5', 'raw json'],
    ['application/octet-stream;x="a, application/json', 'raw'],
    ['application/json;q="0", application/octet-stream;q=0.5', 'raw'],
    [';;;, application/octet-stream;;q=0.5;;', 'raw'],
    ['application/octet-stream; Q=0.5 , application/json ; q = 0.4', 'raw json'],
  ])('%s: %s', (accept, expected) => {
    expect(order(accept)).toBe(expected);
  });

  test.each([
    'text/html',
    'application/xml, image/*',
    '*/*;q=0',
    'application/json;q=0',
    'application/*;q=0, text/event-stream;q=0',
    'application/jsonx',
    'application/problem+json',
  ])('nothing: %s', (accept) => {
    expect(refusalOf(() => acceptedTypes(accept))).toMatchObject({
      code: 'not_acceptable',
      message: `answers come as application/json, application/octet-stream, text/event-stream; Accept was "${accept}"`,
    });
  });

  test('headers as long as a server reads them, in no time', () => {
    const hostile = ['"'.repeat(16_000), `"${'\\"'.repeat(8000)}`, ','.repeat(16_000), ';q='.repeat(5000)];
    const startedMs = performance.now();
    for (let round = 0; round < 100; round++)
      for (const accept of hostile) expect(order(accept)).toBe('json');
    expect(performance.now() - startedMs).toBeLessThan(5000);
  });
});

describe('of outputs', () => {
  const two: Model = {
    ...model('two'),
    signature: {
      inputs: [],
      outputs: [
        { name: 'y', type: 'float32', shape: [] },
        { name: 'words', type: 'string', shape: [] },
      ],
    },
  };

  test.each([
    ['application/octet-stream', ['y'], 'raw'],
    ['application/octet-stream, */*;q=0.1', ['y', 'words'], 'json'],
    ['application/octet-stream, */*;q=0.1', ['words'], 'json'],
    ['application/octet-stream, text/event-stream;q=0.1', ['y', 'words'], 'events'],
    ['application/json;q=0, */*', ['y', 'words'], 'events'],
    ['application/json, application/octet-stream;q=0.5', ['y', 'words'], 'json'],
  ])('%s of %j is %s', (accept, outputs, expected) => {
    expect(NAMES[answerTypeFor({ types: acceptedTypes(accept), outputs, model: two })]).toBe(expected);
  });

  test.each([
    [['y', 'words'], 'a raw answer holds one output; two would give y, words: ask for one, as in ?outputs=y'],
    [['words'], 'output words holds strings, which have no raw form: accept JSON'],
  ])('that have no raw form are refused where no other is accepted: %j', (outputs, message) => {
    const types = acceptedTypes('application/octet-stream');
    expect(refusalOf(() => answerTypeFor({ types, outputs, model: two }))).toMatchObject({
      code: 'not_acceptable',
      message,
    });
  });
});
