// What `oneslot plan` reads: metrics pages, profiles, and values as people write them.

import { describe, expect, test } from '@jest/globals';
import { Arrivals } from '../../src/plan/arrivals.js';
import { readRunHistogram, runTimesFrom } from '../../src/plan/histogram.js';
import { readProfile } from '../../src/plan/profile.js';
import { Random } from '../../src/plan/random.js';
import { type RunTimes, runTimesOf } from '../../src/plan/run-times.js';
import { burst, moment, policy, rate, time } from '../../src/plan/values.js';

const PAGE = `# HELP oneslot_run_seconds Time that a run held the slot
# TYPE oneslot_run_seconds histogram
oneslot_run_seconds_bucket{le="0.1",model="burn"} 0
oneslot_run_seconds_bucket{le="1",model="burn"} 30
oneslot_run_seconds_bucket{le="10",model="burn"} 40
oneslot_run_seconds_bucket{le="+Inf",model="burn"} 40
oneslot_run_seconds_sum{model="burn"} 40
oneslot_run_seconds_count{model="burn"} 40
oneslot_run_seconds_bucket{le="0.1",model="digits"} 60
oneslot_run_seconds_bucket{le="1",model="digits"} 60
oneslot_run_seconds_bucket{le="10",model="digits"} 60
oneslot_run_seconds_bucket{le="+Inf",model="digits"} 60
oneslot_run_seconds_sum{model="digits"} 3
oneslot_run_seconds_count{model="digits"} 60
`;

function drawn(
  runTimes: RunTimes,
  count = 200_000,
): { mean: number; cv: number; share(bound: number): number } {
  const random = new Random(5);
  const values = Array.from({ length: count }, () => runTimes.draw(random));
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count;
  const share = (bound: number) => values.filter((value) => value <= bound).length / count;
  return { mean, cv: Math.sqrt(variance) / mean, share };
}

describe('run times', () => {
  test.each([0, 0.2, 0.7, 1, 1.5, 3])('of cv %d have their mean and spread', (cv) => {
    const found = drawn(runTimesOf(8, cv));
    expect(found.mean / 8).toBeCloseTo(1, 1);
    expect(Math.abs(found.cv - cv)).toBeLessThan(0.1 * Math.max(cv, 0.01));
  });
});

describe('a metrics page', () => {
  test('gives the shares of its buckets and the mean of its sum, over all models', () => {
    const runTimes = runTimesFrom(readRunHistogram(PAGE));
    const found = drawn(runTimes);
    expect(runTimes.mean).toBeCloseTo(0.43, 6);
    expect(found.mean).toBeCloseTo(0.43, 1);
    expect(found.cv).toBeCloseTo(runTimes.cv, 1);
    expect(found.share(0.1)).toBeCloseTo(0.6, 2);
    expect(found.share(1)).toBeCloseTo(0.9, 2);
  });

  test('gives one model of several', () => {
    const runTimes = runTimesFrom(readRunHistogram(PAGE, ['burn']));
    expect(runTimes.mean).toBeCloseTo(1, 6);
    expect(drawn(runTimes).mean).toBeCloseTo(1, 1);
    expect(drawn(runTimes).share(1)).toBeCloseTo(0.75, 2);
  });

  test('adds up the replicas that a federated page has', () => {
    const two = PAGE.replaceAll('{', '{instance="a",') + PAGE.replaceAll('{', '{instance="b",');
    const { buckets, sum } = readRunHistogram(two, ['burn']);
    expect(sum).toBe(80);
    expect(buckets).toEqual([
      { from: 0.1, to: 1, count: 60 },
      { from: 1, to: 10, count: 20 },
    ]);
  });

  test('with runs beyond the last bound lets them be as long as the sum tells', () => {
    const page = PAGE.replace('le="+Inf",model="burn"} 40', 'le="+Inf",model="burn"} 50').replace(
      '_sum{model="burn"} 40',
      '_sum{model="burn"} 1040',
    );
    expect(runTimesFrom(readRunHistogram(page, ['burn'])).mean).toBeCloseTo(1040 / 50, 6);
  });

  test.each([
    ['', [], 'there is no oneslot_run_seconds_bucket on this page'],
    [PAGE, ['brun'], 'there is no model "brun"; did you mean "burn"? There are burn, digits'],
    [PAGE.replace(/ \d+$/gm, ' 0'), [], 'no run has ended yet'],
  ])('that does not do is refused', (page, models, message) => {
    expect(() => runTimesFrom(readRunHistogram(page, models))).toThrow(message);
  });
});

describe('a profile', () => {
  test('has rates that hold until the next line, and the last one until midnight', () => {
    expect(readProfile('time,rate\n00:00,6/min\n# night is over\n08:30; 2/s\n\n')).toEqual([
      { from: 0, to: 30_600, rate: 0.1 },
      { from: 30_600, to: 86_400, rate: 2 },
    ]);
  });

  test('is cut where the duration ends', () => {
    expect(readProfile('0,1\n1h,2\n2h,3', 5400).at(-1)).toEqual({ from: 3600, to: 5400, rate: 2 });
  });

  test.each([
    ['00:00,1\n09:00', 'line 2: 1 cells'],
    ['00:00,1\n09:00,fast', "line 2: 'fast' is invalid. It takes arrivals from 0 to 1000000/s"],
    ['00:00,1\n25:00,1', "line 2: '25:00' is invalid. It takes a time of day"],
    ['00:00,1\n09:00,1\n08:00,1', 'line 3: 08:00 is not after the time of the line before'],
    ['01:00,1', 'it has to begin at 00:00'],
    ['time,rate', 'it has no line with a time and a rate'],
  ])('%j is refused with %s', (text, message) => {
    expect(() => readProfile(text)).toThrow(message);
  });

  test('with a burst has both rates while it lasts, across a change too', () => {
    const { segments, count } = new Arrivals(readProfile('0,1\n100s,2', 200), [
      { from: 90, seconds: 20, rate: 5 },
    ]);
    expect(segments.map(({ from, to, rate }) => [from, to, rate])).toEqual([
      [0, 90, 1],
      [90, 100, 6],
      [100, 110, 7],
      [110, 200, 2],
    ]);
    expect(count).toBe(400);
  });

  test('makes as many arrivals as it says, each in its time', () => {
    const arrivals = new Arrivals(readProfile('0,10\n100s,0\n200s,20', 300));
    const next = arrivals.times(new Random(3));
    const times: number[] = [];
    for (let at = next(); at < Number.POSITIVE_INFINITY; at = next()) times.push(at);
    expect(Math.abs(times.length - 3000)).toBeLessThan(200);
    expect(times.filter((at) => at >= 100 && at < 200)).toEqual([]);
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });
});

test.each([
  [time('0s', '1d'), '250ms', 0.25],
  [time('0s', '1d'), '1.5h', 5400],
  [time('0s', '1d'), '12', 12],
  [rate, '30/min', 0.5],
  [rate, '2.5', 2.5],
  [moment, '09:30', 34_200],
  [burst, '09:30+10m=5/s', { from: 34_200, seconds: 600, rate: 5 }],
  [policy, '100%/15s', { type: 'Percent', value: 100, periodSeconds: 15 }],
  [policy, '4/60s', { type: 'Pods', value: 4, periodSeconds: 60 }],
])('values are written as people do: %#', ({ parse }, text, value) => {
  expect(parse(text)).toEqual(value);
});
