// CloudWatch's embedded metric format: exactly the lines that CloudWatch Logs makes metrics of.

import { expect, test } from '@jest/globals';
import type { EcsTask } from '../../src/scaling/ecs-task.js';
import { EmbeddedMetrics, type EmbeddedMetricsOptions } from '../../src/scaling/embedded-metrics.js';
import { ManualClock } from '../support/manual-clock.js';
import { snapshotOf } from '../support/snapshots.js';

const TASK: EcsTask = { cluster: 'prod', service: 'oneslot', taskId: 'abc', launchType: 'EC2' };
/** The wall clock when the manual clock stands at zero: a whole minute. */
const EPOCH_MS = 1_764_000_000_000;

function setUp(changes: Partial<EmbeddedMetricsOptions> = {}, intoMs = 0) {
  const clock = new ManualClock();
  const startMs = clock.nowMs();
  const wall = { offsetMs: EPOCH_MS + intoMs - startMs };
  const lines: string[] = [];
  const metrics = new EmbeddedMetrics({
    clock,
    wallMs: () => clock.nowMs() + wall.offsetMs,
    snapshot: () => snapshotOf(),
    totals: () => ({ refused: 0, failed: 0 }),
    task: () => TASK,
    namespace: 'oneslot',
    periodMs: 60_000,
    writeLine: (line) => void lines.push(line),
    ...changes,
  });
  const parsed = () => lines.map((line) => JSON.parse(line));
  return { clock, wall, lines, metrics, parsed };
}

test('the line has exactly the documented form', () => {
  const present = snapshotOf({ queued: 2, running: 1, backlogSeconds: 41.51249, busyRatio: 0.75 });
  const { clock, lines } = setUp({ snapshot: () => present });
  clock.advance(30_000);
  expect(lines).toEqual([
    '{"_aws":{"Timestamp":1764000030000,"CloudWatchMetrics":[{"Namespace":"oneslot",' +
      '"Dimensions":[["ClusterName","ServiceName"]],"Metrics":[{"Name":"Demand","Unit":"Count"},' +
      '{"Name":"BacklogSeconds","Unit":"Seconds"},{"Name":"BusyRatio","Unit":"None"},' +
      '{"Name":"Refusals","Unit":"Count"},{"Name":"Failures","Unit":"Count"}]}]},"ClusterName":"prod","ServiceName":"oneslot","TaskId":"abc",' +
      '"Demand":3,"BacklogSeconds":41.512,"BusyRatio":0.75,"Refusals":0,"Failures":0}',
  ]);
});

test('refusals and failures are those since the line before', () => {
  let refused = 7;
  const { clock, parsed } = setUp({ totals: () => ({ refused, failed: 2 * refused }) });
  refused = 10;
  clock.advance(60_000);
  refused = 11;
  clock.advance(120_000);
  expect(parsed().map(({ Refusals, Failures }) => [Refusals, Failures])).toEqual([
    [3, 6],
    [1, 2],
    [0, 0],
  ]);
});

test('every minute of the wall clock has exactly one line, whenever the process started', () => {
  for (const intoMs of [0, 1, 29_999, 30_000, 30_001, 59_999]) {
    const { clock, parsed } = setUp({}, intoMs);
    clock.advance(600 * 60_000);
    const minutes = parsed().map(({ _aws }) => Math.floor(_aws.Timestamp / 60_000));
    expect(minutes.map((minute) => minute - minutes[0]!)).toEqual(minutes.map((_, k) => k));
    expect(minutes.length).toBeGreaterThanOrEqual(599);
  }
});

test('timers that are always late skip no minute and double none', () => {
  const { clock, parsed } = setUp();
  for (let k = 0; k < 5_000; k++) {
    clock.jump(29_017);
    clock.advance(1_002);
  }
  const minutes = parsed().map(({ _aws }) => Math.floor(_aws.Timestamp / 60_000));
  expect(new Set(minutes).size).toBe(minutes.length);
  expect(minutes.at(-1)! - minutes[0]!).toBe(minutes.length - 1);
});

test('a step of the wall clock moves the next lines into its middle again', () => {
  const { clock, wall, parsed } = setUp();
  clock.advance(60_000);
  wall.offsetMs += 17_000;
  clock.advance(180_000);
  const seconds = parsed().map(({ _aws }) => (_aws.Timestamp / 1000) % 60);
  expect(seconds).toEqual([30, 47, 30, 30]);
});

test('shorter periods are kept at a resolution of one second', () => {
  const { clock, parsed } = setUp({ periodMs: 10_000 });
  clock.advance(60_000);
  expect(parsed()).toHaveLength(6);
  for (const { StorageResolution } of parsed()[0]._aws.CloudWatchMetrics[0].Metrics)
    expect(StorageResolution).toBe(1);
});

test('a task outside a service has the cluster alone as its dimension', () => {
  const { clock, parsed } = setUp({ task: () => ({ ...TASK, service: undefined }) });
  clock.advance(60_000);
  expect(parsed()[0]).not.toHaveProperty('ServiceName');
  expect(parsed()[0]._aws.CloudWatchMetrics[0].Dimensions).toEqual([['ClusterName']]);
});

test('every name that the directive speaks of is a member of the line, and of the right type', () => {
  const { clock, parsed } = setUp();
  clock.advance(60_000);
  const [line] = parsed();
  for (const { Dimensions, Metrics } of line._aws.CloudWatchMetrics) {
    for (const name of Dimensions.flat()) expect(typeof line[name]).toBe('string');
    for (const { Name } of Metrics) expect(typeof line[Name]).toBe('number');
  }
});

test('before the task is known nothing is written, and its refusals are not lost', () => {
  let task: EcsTask | undefined;
  let refused = 0;
  const { clock, parsed } = setUp({ task: () => task, totals: () => ({ refused, failed: 2 * refused }) });
  clock.advance(60_000);
  refused = 4;
  clock.advance(60_000);
  expect(parsed()).toEqual([]);
  task = TASK;
  clock.advance(60_000);
  expect(parsed()).toMatchObject([{ Refusals: 4, Failures: 8 }]);
});

test('once stopped it writes no more and leaves no timer', () => {
  const { clock, metrics, lines } = setUp();
  clock.advance(30_000);
  metrics.stop();
  clock.advance(600_000);
  expect([lines.length, clock.pending]).toEqual([1, 0]);
});
