// The tables that hold servers against each other: whether they say where ours is not the best.

import { expect, test } from '@jest/globals';
import { ALL } from '../../bench/all-experiments.js';
import { answersIn } from '../../bench/load/hey.js';
import type { Answer } from '../../bench/load/plan.js';
import { answeredText } from '../../bench/peers-experiments/answered.js';
import { BEHIND, type Column, compare, type Measured } from '../../bench/peers-experiments/comparison.js';
import { bars, marks } from '../../bench/pictures.js';
import { processorMsIn } from '../../bench/process-tree.js';
import { chosen } from '../../bench/run.js';

interface Sample {
  readonly ms: number;
}

const line = (name: string, ...times: readonly number[]): Measured<Sample> => ({
  name,
  isOurs: false,
  isAgain: false,
  samples: times.map((ms) => ({ ms })),
});

const ours = (...times: readonly number[]): Measured<Sample> => ({ ...line('ours', ...times), isOurs: true });
const again = (...times: readonly number[]): Measured<Sample> => ({
  ...line('ours, again', ...times),
  isOurs: true,
  isAgain: true,
});

const column = (rest: Partial<Column<Sample>> = {}): Column<Sample> => ({
  head: 'time',
  pick: ({ ms }: Sample) => ms,
  write: (ms: number) => `${ms} ms`,
  better: 'lower',
  ...rest,
});

const compared = (measured: readonly Measured<Sample>[], rest: Partial<Column<Sample>> = {}) =>
  compare('Times', { measured, columns: [column(rest)] });

const cellOf = ({ table }: ReturnType<typeof compared>, name: string): string | undefined =>
  table.rows.find(([first]) => first === name)?.[1];

test('a table shows the median of each server', () => {
  expect(cellOf(compared([line('theirs', 3, 100, 5), ours(1)]), 'theirs')).toBe('5 ms');
});

test('a server that is better by more than the noise marks ours, with the reason', () => {
  const found = compared([line('theirs', 10), ours(20), again(21)], { why: 'It sleeps.' });
  expect(cellOf(found, 'ours')).toBe(`20 ms ${BEHIND}`);
  expect(cellOf(found, 'ours, again')).toBe('21 ms');
  expect(found.notes).toEqual([`${BEHIND} Times, time: ours 20 ms, theirs 10 ms. It sleeps.`]);
  expect(found.goals).toMatchObject([{ limit: '10 ms (theirs)', measured: '20 ms', met: false }]);
});

test('without a reason the note says that it is not known', () => {
  expect(compared([line('theirs', 10), ours(20)]).notes[0]).toMatch(/Why is not known yet\.$/);
});

test('a server that is better within the noise marks nothing', () => {
  const found = compared([line('theirs', 18), ours(20), again(25)]);
  expect(cellOf(found, 'ours')).toBe('20 ms');
  expect(found.goals).toMatchObject([{ met: true }]);
  expect(found.notes).toEqual([]);
});

test('a difference up to the slack counts for nothing', () => {
  expect(compared([line('theirs', 1), ours(10), again(10)], { slack: 9 }).goals).toMatchObject([
    { met: true },
  ]);
  expect(compared([line('theirs', 1), ours(11), again(11)], { slack: 9 }).goals).toMatchObject([
    { met: false },
  ]);
});

test('where more is better, more marks ours', () => {
  const more = { better: 'higher' } as const;
  expect(compared([line('theirs', 30), ours(20), again(20)], more).goals).toMatchObject([{ met: false }]);
  expect(compared([line('theirs', 10), ours(20), again(20)], more).goals).toMatchObject([{ met: true }]);
});

test('the best of several others is the one that is named', () => {
  const found = compared([line('slow', 30), line('fast', 5), line('middle', 9), ours(20), again(20)]);
  expect(found.goals).toMatchObject([{ limit: '5 ms (fast)' }]);
});

test('noise is highest less lowest of all that was measured of ours, as a share of the median', () => {
  expect(cellOf(compared([line('theirs', 1), ours(10, 11), again(9, 10)]), 'noise')).toBe('20 %');
  expect(cellOf(compared([ours(0), again(0)]), 'noise')).toBe('0 %');
  expect(cellOf(compared([ours(5)]), 'noise')).toBe('–');
});

test('a server without a figure is shown without one and is not the best', () => {
  const found = compared([line('theirs', Number.NaN), line('other', 30), ours(20), again(20)]);
  expect(cellOf(found, 'theirs')).toBe('–');
  expect(found.goals).toMatchObject([{ limit: '30 ms (other)', met: true }]);
});

test('a column that only tells has no goal and no mark', () => {
  const columns: readonly Column<Sample>[] = [
    { head: 'time', pick: ({ ms }) => ms, write: String },
    { head: 'how', text: (samples) => `${samples.length} times` },
  ];
  const { table, goals, notes } = compare('Times', { measured: [line('theirs', 1), ours(20)], columns });
  expect(table.rows).toEqual([
    ['theirs', '1', '1 times'],
    ['ours', '20', '1 times'],
    ['noise', '–', '–'],
  ]);
  expect([...goals, ...notes]).toEqual([]);
});

test('a server that failed is told', () => {
  const found = compared([{ ...line('theirs'), failure: 'it burned' }, ours(1)]);
  expect(cellOf(found, 'theirs')).toBe('–');
  expect(found.notes).toEqual(['Times: theirs failed: it burned']);
});

test('answers are counted by status, those that never came too', () => {
  const answer = (status: number) => ({ status }) as Answer;
  expect(answeredText([answer(503), answer(200), answer(0), answer(200)])).toBe('200 × 2, 503 × 1, none × 1');
  expect(answeredText([])).toBe('–');
});

test('hey’s CSV gives the answers that it had', () => {
  const csv = [
    'response-time,DNS+dialup,DNS,Request-write,Response-delay,Response-read,status-code,offset',
    '0.3212,0.0010,0.0000,0.0001,0.3200,0.0001,200,0.0100',
    '0.0050,0.0010,0.0000,0.0001,0.0030,0.0001,503,0.0101',
    '',
  ].join('\n');
  expect(answersIn(csv)).toEqual([
    { status: 200, ms: 321.2 },
    { status: 503, ms: 5 },
  ]);
  expect(answersIn('')).toEqual([]);
});

test('processor time is read whatever the program is called, and a zombie has none', () => {
  const stat = (name: string, state: string) =>
    `12 (${name}) ${state} 1 12 12 0 -1 4194304 1 0 0 0 30 12 0 0 20 0`;
  expect(processorMsIn(stat('node', 'S'))).toBe(420);
  expect(processorMsIn(stat('a) R (b', 'S'))).toBe(420);
  expect(processorMsIn(stat('node', 'Z'))).toBeUndefined();
  expect(processorMsIn('')).toBeUndefined();
});

test('pictures have a row for each server, with names escaped and ours marked', () => {
  const frame = { title: 'A < B', write: String };
  const rows = [
    { name: 'a & b', isOurs: false, value: 1, values: [1, 2] },
    { name: 'ours', isOurs: true, value: Number.NaN, values: [] },
  ];
  for (const svg of [bars(rows, frame), marks(rows, frame)]) {
    expect(svg).toContain('A &lt; B');
    expect(svg).toContain('a &amp; b');
    expect(svg).toMatch(/<g class="ours"><text[^>]*>ours</);
    expect(svg).not.toContain('NaN');
  }
  expect(marks(rows, frame).match(/<circle /g)).toHaveLength(2);
});

test('each section of the report has a name of its own, whichever command writes it', () => {
  const names = ALL.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});

test('a name that there is not is refused with those that there are', () => {
  const all = [{ name: 'a' }, { name: 'b' }];
  expect(chosen('b, a', { all, what: 'server' })).toEqual([{ name: 'b' }, { name: 'a' }]);
  expect(chosen(undefined, { all, what: 'server' })).toBe(all);
  expect(() => chosen('c', { all, what: 'server' })).toThrow('there is no server "c"; there are a, b');
});
