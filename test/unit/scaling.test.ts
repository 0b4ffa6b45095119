// What autoscalers read, and the meter of how busy the slot is.

import { describe, expect, test } from '@jest/globals';
import { BusyMeter, scalingReport } from '../../src/scaling/scaling.js';
import { ManualClock } from '../support/manual-clock.js';
import { snapshotOf } from '../support/snapshots.js';

describe('the scaling report', () => {
  test('says what waits and runs, for how long, and whether this replica takes more', () => {
    const report = scalingReport(
      snapshotOf({
        queued: 4,
        running: 2,
        backlogSeconds: 30,
        oldestQueuedSeconds: 9,
        busyRatio: 0.75,
        draining: true,
      }),
    );
    expect(report).toEqual({
      queued: 4,
      running: 2,
      balancerQueued: 0,
      demand: 6,
      backlogSeconds: 30,
      oldestQueuedSeconds: 9,
      busyRatio: 0.75,
      ready: true,
      draining: true,
    });
  });

  test('what waits in the balancer is demand and backlog too', () => {
    const balanced = { balancerQueued: 2.5, balancerSeconds: 15 };
    const report = scalingReport(snapshotOf({ running: 1, backlogSeconds: 4, ...balanced }));
    expect(report).toMatchObject({ queued: 0, balancerQueued: 2.5, demand: 3.5, backlogSeconds: 19 });
  });

  test('bodies that still arrive are no demand', () => {
    expect(scalingReport(snapshotOf({ receiving: 50 })).demand).toBe(0);
  });
});

describe('the busy meter', () => {
  function meterOf() {
    const clock = new ManualClock();
    const meter = new BusyMeter(clock);
    const run = (ms: number) => {
      meter.started();
      clock.advance(ms);
      meter.ended();
    };
    return { clock, meter, run };
  }

  test('of a slot that never ran is zero', () => {
    const { clock, meter } = meterOf();
    expect([meter.totalSeconds, meter.ratio]).toEqual([0, 0]);
    clock.advance(1_000_000);
    expect([meter.totalSeconds, meter.ratio]).toEqual([0, 0]);
  });

  test('counts the runs, and not the time between', () => {
    const { clock, meter, run } = meterOf();
    run(1_500);
    clock.advance(700);
    run(300);
    expect(meter.totalSeconds).toBeCloseTo(1.8, 9);
    expect(meter.ratio).toBeCloseTo(1.8 / 2.5, 9);
  });

  test('shows an 11-minute run while it goes on', () => {
    const { clock, meter } = meterOf();
    clock.advance(120_000);
    meter.started();
    clock.advance(30_000);
    expect(meter.ratio).toBeCloseTo(0.5, 1);
    for (let second = 30; second < 660; second++) clock.advance(1_000);
    expect(meter.totalSeconds).toBeCloseTo(660, 9);
    expect(meter.ratio).toBe(1);
    meter.ended();
    expect(meter.ratio).toBe(1);
  });

  test('need not be read during the run', () => {
    const { meter, run } = meterOf();
    run(660_000);
    expect(meter.totalSeconds).toBeCloseTo(660, 9);
    expect(meter.ratio).toBe(1);
  });

  test('forgets after a minute', () => {
    const { clock, meter, run } = meterOf();
    run(660_000);
    clock.advance(30_000);
    expect(meter.ratio).toBeCloseTo(0.5, 1);
    clock.advance(30_000);
    expect(meter.ratio).toBe(0);
    expect(meter.totalSeconds).toBeCloseTo(660, 9);
  });

  test('forgets an old minute when it was not read for long', () => {
    const { clock, meter, run } = meterOf();
    run(60_000);
    clock.advance(600_000);
    run(15_000);
    expect(meter.ratio).toBeCloseTo(0.25, 1);
  });

  test('is right with many short runs', () => {
    const { clock, meter, run } = meterOf();
    for (let k = 0; k < 20_000; k++) {
      run(4);
      clock.advance(1);
    }
    expect(meter.totalSeconds).toBeCloseTo(80, 6);
    expect(meter.ratio).toBeCloseTo(0.8, 3);
  });

  test('agrees with a plain count over the same minute, whatever the runs', () => {
    const { clock, meter } = meterOf();
    const busyEachMs: boolean[] = [];
    let isBusy = false;
    for (let ms = 0; ms < 200_000; ms++) {
      if ((ms * 7919) % 6_007 < 3) {
        isBusy = !isBusy;
        if (isBusy) meter.started();
        else meter.ended();
      }
      busyEachMs.push(isBusy);
      clock.advance(1);
      if (ms % 9_973 > 0) continue;
      const sinceMs = Math.max(0, Math.floor((ms + 1) / 1000) - 59) * 1000;
      const window = busyEachMs.slice(sinceMs);
      expect(meter.ratio).toBeCloseTo(window.filter(Boolean).length / window.length, 9);
    }
    expect(meter.totalSeconds).toBeCloseTo(busyEachMs.filter(Boolean).length / 1000, 6);
  });

  test("takes the runner's times, which are a little behind the clock", () => {
    const { clock, meter } = meterOf();
    const beganMs = clock.nowMs();
    clock.advance(5);
    meter.started(beganMs + 1);
    clock.advance(5);
    meter.ended(beganMs + 8);
    expect(meter.totalSeconds).toBeCloseTo(0.007, 9);
  });

  test('takes nothing back that has been read', () => {
    const { clock, meter } = meterOf();
    meter.started();
    clock.advance(10);
    const endedMs = clock.nowMs();
    clock.advance(2);
    expect(meter.totalSeconds).toBeCloseTo(0.012, 9);
    meter.ended(endedMs);
    meter.started(endedMs);
    expect(meter.totalSeconds).toBeCloseTo(0.012, 9);
    clock.advance(1);
    expect(meter.totalSeconds).toBeCloseTo(0.013, 9);
  });
});

test('a typical run is the mean of the last ones, and unknown before the first', () => {
  const clock = new ManualClock();
  const meter = new BusyMeter(clock);
  const run = (ms: number) => {
    meter.started();
    clock.advance(ms);
    meter.ended();
  };
  expect(meter.typicalRunSeconds).toBe(0);
  run(2_000);
  run(4_000);
  expect(meter.typicalRunSeconds).toBe(3);
  for (let count = 0; count < 1_000; count++) run(500);
  expect(meter.typicalRunSeconds).toBeCloseTo(0.5, 2);
});
