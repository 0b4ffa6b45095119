// The ORCA load report: what balancers read from the header of an answer.

import { expect, test } from '@jest/globals';
import type { Snapshot } from '../../src/observer.js';
import { OrcaReport } from '../../src/scaling/orca-report.js';
import { ManualClock } from '../support/manual-clock.js';
import { snapshotOf } from '../support/snapshots.js';

function setUp() {
  const clock = new ManualClock();
  const present = { snapshot: snapshotOf() as Snapshot, totals: { received: 0, failed: 0 } };
  let looks = 0;
  const report = new OrcaReport({
    clock,
    snapshot: () => {
      looks += 1;
      return present.snapshot;
    },
    totals: () => present.totals,
    targetBacklogMs: 30_000,
  });
  /** As a second later. */
  const read = () => {
    clock.advance(1_000);
    const [, json] = /^JSON (\{.*\})$/.exec(report.header()!)!;
    return JSON.parse(json!);
  };
  return { clock, present, report, read, looks: () => looks };
}

/** The fields of xds.data.orca.v3.OrcaLoadReport that Envoy's parser takes. */
const FIELDS = [
  'application_utilization',
  'cpu_utilization',
  'mem_utilization',
  'rps_fractional',
  'eps',
  'named_metrics',
];

test('the report has no field that the message does not have, and only finite numbers', () => {
  const { present, read } = setUp();
  present.snapshot = snapshotOf({
    queued: 3,
    running: 1,
    backlogSeconds: 12.34567,
    oldestQueuedSeconds: 4,
    busyRatio: 0.5,
  });
  const { named_metrics, ...rest } = read();
  expect(Object.keys({ ...rest, named_metrics }).filter((name) => !FIELDS.includes(name))).toEqual([]);
  for (const value of Object.values({ ...rest, ...named_metrics })) expect(Number.isFinite(value)).toBe(true);
  expect(named_metrics).toEqual({
    queued: 3,
    running: 1,
    demand: 4,
    backlog_seconds: 12.346,
    oldest_queued_seconds: 4,
    busy_ratio: 0.5,
  });
});

test.each([
  ['idle', {}, 0.01],
  ['busy at times', { busyRatio: 0.4 }, 0.4],
  ['behind', { busyRatio: 1, backlogSeconds: 75 }, 2.5],
  ['suddenly behind', { busyRatio: 0.1, backlogSeconds: 15 }, 0.5],
])('the utilization of a replica that is %s', (_what, changes, utilization) => {
  const { present, read } = setUp();
  present.snapshot = snapshotOf(changes);
  expect(read().application_utilization).toBe(utilization);
});

test('rates are those of the last minute, and the first answer has one already', () => {
  const { clock, present, read } = setUp();
  present.totals = { received: 1, failed: 0 };
  expect(read().rps_fractional).toBe(1);
  for (let second = 0; second < 300; second++) {
    present.totals = { received: present.totals.received + 4, failed: present.totals.failed + 1 };
    read();
  }
  expect(read().rps_fractional).toBeCloseTo(4, 0);
  expect(read().eps).toBeCloseTo(1, 0);
  clock.advance(3_600_000);
  present.totals = { ...present.totals, received: present.totals.received + 1 };
  expect(read().rps_fractional).toBeGreaterThan(0);
});

test('the line is not added up for every answer', () => {
  const { clock, report, read, looks } = setUp();
  read();
  for (let k = 0; k < 999; k++) report.header();
  expect(looks()).toBe(1);
  clock.advance(1_000);
  report.header();
  expect(looks()).toBe(2);
});

test('a snapshot that fails costs the report, not the answer', () => {
  const clock = new ManualClock();
  const report = new OrcaReport({
    clock,
    snapshot: () => {
      throw new Error('broken');
    },
    totals: () => ({ received: 0, failed: 0 }),
    targetBacklogMs: 1,
  });
  expect(report.header()).toBeUndefined();
});
