// The checker of metrics pages itself: a broken page is told from a whole one.

import { expect, test } from '@jest/globals';
import { readMetricsPage, sampleValue, sumOf } from '../support/prometheus-text.js';

const HEAD = '# HELP a_total Things.\n# TYPE a_total counter\n';
const HISTOGRAM = '# HELP h Times.\n# TYPE h histogram\n';

function histogram(...lines: readonly string[]): string {
  return `${HISTOGRAM}${lines.join('\n')}\n`;
}

test('a whole page has no problems, and its values can be read', () => {
  const page = readMetricsPage(
    `${HEAD}a_total{x="1,\\"}",y="\\\\\\n"} 3\na_total{x="2",y=""} 1e-7\n\n${histogram(
      'h_bucket{le="0.5"} 1',
      'h_bucket{le="10"} 1',
      'h_bucket{le="+Inf"} 2',
      'h_sum 30.5',
      'h_count 2',
    )}`,
  );
  expect(page.problems).toEqual([]);
  expect(sampleValue(page, 'a_total', { y: '\\\n', x: '1,"}' })).toBe(3);
  expect(sampleValue(page, 'a_total', { x: '2' })).toBeUndefined();
  expect(sumOf(page, 'a_total')).toBeCloseTo(3);
  expect(sumOf(page, 'a_total', { x: '2' })).toBe(1e-7);
  expect(page.families.map(({ name, type, samples }) => [name, type, samples.length])).toEqual([
    ['a_total', 'counter', 2],
    ['h', 'histogram', 5],
  ]);
});

test.each([
  ['a sample without HELP', '# TYPE a_total counter\na_total 1\n', 'a_total: no HELP'],
  ['a sample without TYPE', '# HELP a_total Things.\na_total 1\n', 'a_total: TYPE is undefined'],
  ['a TYPE that there is not', '# HELP a A.\n# TYPE a number\na 1\n', 'a: TYPE is number'],
  ['a HELP after the samples', '# TYPE a gauge\na 1\n# HELP a A.\n', 'a: HELP after its samples'],
  ['two TYPEs', `${HEAD}# TYPE a_total counter\na_total 1\n`, 'a_total: a second TYPE'],
  [
    'a family in two pieces',
    `${HEAD}a_total 1\n# HELP b B.\n# TYPE b gauge\nb 1\na_total{x="1"} 1\n`,
    'a_total: stands in two pieces',
  ],
  [
    'a series twice',
    `${HEAD}a_total{x="1",y="2"} 1\na_total{y="2",x="1"} 1\n`,
    'a second time: a_total{y="2",x="1"} 1',
  ],
  ['a label twice', `${HEAD}a_total{x="1",x="2"} 1\n`, 'wrong labels: a_total{x="1",x="2"} 1'],
  ['an open quote', `${HEAD}a_total{x="1} 1\n`, 'wrong labels: a_total{x="1} 1'],
  ['an escape that there is not', `${HEAD}a_total{x="\\t"} 1\n`, 'wrong labels: a_total{x="\\t"} 1'],
  ['a value that is none', `${HEAD}a_total undefined\n`, 'wrong value: a_total undefined'],
  ['a line that is none', `${HEAD}a_total\n`, 'not a line of the format: a_total'],
  ['a last line without its end', `${HEAD}a_total 1`, 'the last line does not end'],
  [
    'a counter without _total',
    '# HELP a A.\n# TYPE a counter\na 1\n',
    'a: a counter whose name does not end in _total',
  ],
  ['a counter below zero', `${HEAD}a_total -1\n`, 'a_total: a counter below zero'],
  [
    'bounds out of order',
    histogram('h_bucket{le="2"} 1', 'h_bucket{le="1"} 1', 'h_bucket{le="+Inf"} 1', 'h_sum 1', 'h_count 1'),
    '["h",[]]: bounds do not ascend',
  ],
  [
    'counts that fall',
    histogram('h_bucket{le="1"} 2', 'h_bucket{le="+Inf"} 1', 'h_sum 1', 'h_count 1'),
    '["h",[]]: bucket counts fall',
  ],
  [
    'no last bucket',
    histogram('h_bucket{le="1"} 2', 'h_sum 1', 'h_count 2'),
    '["h",[]]: no bucket +Inf at the end',
  ],
  [
    'a count of its own',
    histogram('h_bucket{le="+Inf"} 2', 'h_sum 1', 'h_count 3'),
    '["h",[]]: bucket +Inf holds 2, _count says 3',
  ],
  ['no sum', histogram('h_bucket{le="+Inf"} 2', 'h_count 2'), '["h",[]]: no _sum'],
])('%s is found', (_what, text, problem) => {
  expect(readMetricsPage(text).problems).toEqual([problem]);
});
