// What is said of a name that does not exist.

import { expect, test } from '@jest/globals';
import { listed, noSuch } from '../../src/nearest.js';

const MODELS = ['burn', 'digits', 'face-detector', 'sentence-embedder'];
const MANY = Array.from({ length: 1000 }, (_, index) => `model-${index}`);

test.each([
  ['digts', 'digits'],
  ['Digits', 'digits'],
  ['idgits', 'digits'],
  ['brn', 'burn'],
  ['brun', 'burn'],
  ['face_detector', 'face-detector'],
  ['sentence', 'sentence-embedder'],
])('%s was meant to be %s', (name, meant) => {
  expect(noSuch('model', name, MODELS)).toBe(
    `there is no model "${name}"; did you mean "${meant}"? There are ${MODELS.join(', ')}`,
  );
});

test.each(['resnet50', 'foo', 'x', '', 'embedder', 'di', 'z'.repeat(5000)])(
  'nobody is asked whether by %s something else was meant',
  (name) => {
    expect(noSuch('model', name, MODELS)).toBe(
      `there is no model ${JSON.stringify(name.slice(0, 100))}; there are ${MODELS.join(', ')}`,
    );
  },
);

test('of many names the ten nearest are listed, and where all are', () => {
  const text = noSuch('model', 'model-50x', MANY, { whereAll: 'GET /models lists all' });
  expect(text).toMatch(
    /^there is no model "model-50x"; did you mean "model-50\d?"\? There are model-50\d?, /,
  );
  expect(text).toMatch(/ and 990 more; GET \/models lists all$/);
  expect(text.split(',').length).toBe(10);
  expect(text.length).toBeLessThan(300);
});

test('among a thousand long names the near one is found', () => {
  const long = Array.from({ length: 1000 }, (_, index) => `a-rather-long-name-as-people-have-them-${index}`);
  const known = [...long, 'sentence-embedder', 'resnet50'];
  expect(noSuch('model', 'sentense-embeder', known)).toContain('did you mean "sentence-embedder"?');
  expect(noSuch('model', 'resent50', known)).toContain('did you mean "resnet50"?');
  expect(noSuch('model', 'a-rather-long-name-as-people-have-them-77x', known)).toMatch(
    /did you mean "[a-z-]+-(?:77\d?|7\d7|\d77)"\?/,
  );
});

test('of nothing nothing is listed', () => {
  expect(noSuch('output', 'y', [])).toBe('there is no output "y"');
});

test('ten names are listed in full, of eleven one is more', () => {
  expect(listed(MANY.slice(0, 10))).toBe(MANY.slice(0, 10).join(', '));
  expect(listed(MANY.slice(0, 11))).toBe(`${MANY.slice(0, 10).join(', ')} and 1 more`);
});
