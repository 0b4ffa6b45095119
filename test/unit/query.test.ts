// The query of a predict request: which outputs it asks for.

import { describe, expect, test } from '@jest/globals';
import { queriedOutputs } from '../../src/http/query.js';
import { spec } from '../support/codec-models.js';
import { refusalOf } from '../support/errors.js';

const signature = {
  inputs: [],
  outputs: [spec('boxes', 'float32', ['n', 4]), spec('scores', 'float32', ['n']), spec('a b', 'int8', [])],
};

const ask = (query: string) => queriedOutputs(`/predict/m${query}`, signature);

test.each([
  ['?outputs=scores', ['scores']],
  ['?outputs=scores,boxes', ['scores', 'boxes']],
  ['?outputs=scores%2Cboxes', ['scores', 'boxes']],
  ['?outputs=scores&outputs=boxes', ['scores', 'boxes']],
  ['?trace=1&outputs=scores', ['scores']],
  ['?outputs=a%20b', ['a b']],
  ['?outputs=a+b', ['a b']],
])('%s asks for %j', (query, names) => {
  expect(ask(query)).toEqual(names);
});

test.each(['', '?', '?output=boxes', '?trace=outputs'])('%j asks for none', (query) => {
  expect(ask(query)).toBeUndefined();
});

describe('is refused', () => {
  test.each([
    [
      '?outputs=score',
      'invalid_input',
      /^there is no output "score"; did you mean "scores"\? There are boxes, /,
    ],
    ['?outputs=scores,', 'invalid_input', /^there is no output ""/],
    ['?outputs=constructor', 'invalid_input', /^there is no output "constructor"/],
    ['?outputs=%ff', 'invalid_input', /^there is no output "\ufffd"/],
    ['?outputs=', 'bad_request', /^"outputs" is empty: name one, or leave it out$/],
    ['?outputs=scores,scores', 'bad_request', /^output scores is asked for twice$/],
    ['?outputs=scores&outputs=scores', 'bad_request', /^output scores is asked for twice$/],
  ])('%s as %s', async (query, code, message) => {
    expect(await refusalOf(() => ask(query))).toEqual({ code, message: expect.stringMatching(message) });
  });
});
