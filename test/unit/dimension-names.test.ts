// Which names of free dimensions mean a size, and which only say that nobody knows it.

import { expect, test } from '@jest/globals';
import { checkedInputs } from '../../src/codecs/inputs.js';
import { isUnknownSize } from '../../src/model-repository/dimension-names.js';
import { model } from '../support/predictions.js';

const UNKNOWN = [
  '?',
  '??',
  '',
  '-1',
  '*',
  '_',
  '0',
  '?_1',
  'unk__12',
  'unk_3',
  'UNK',
  'unknown',
  'unknown_7',
  'None',
  'none',
  'null',
  'any',
  'dynamic',
];

test.each(UNKNOWN)('%j says that the size is unknown', (name) => {
  expect(isUnknownSize(name)).toBe(true);
});

const NAMES = [
  'n',
  'batch',
  'batch_size',
  'N',
  'sequence',
  's0',
  'n + 1',
  '2*n',
  'past_sequence_length + 1',
  'unknowns',
  'anybody',
  'nonempty',
  'höhe',
  'unk_name',
];

test.each(NAMES)('%j is a name', (name) => {
  expect(isUnknownSize(name)).toBe(false);
});

test('what model.json says of an unknown size holds for each that has its name, and they need not be equal', () => {
  const bounded = {
    ...model('m', { dimensions: { '?': { min: 1, max: 4 } } }),
    signature: { inputs: [{ name: 'x', type: 'uint8', shape: ['?', '?'] }], outputs: [] },
  } as const;
  const given = (...dims: number[]) =>
    checkedInputs(bounded, [['x', { type: 'uint8', dims, bytes: new Uint8Array(dims[0]! * dims[1]!) }]]);
  expect(given(2, 4).x!.dims).toEqual([2, 4]);
  expect(() => given(2, 5)).toThrow('dimension "?" has the size 5, expected 1 to 4');
});
