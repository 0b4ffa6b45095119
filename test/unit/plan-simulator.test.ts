// The simulator of `oneslot plan` against queues that have formulas, and what it does where there are none.

import { describe, expect, test } from '@jest/globals';
import { Arrivals } from '../../src/plan/arrivals.js';
import {
  erlangC,
  fewestReplicas,
  mg1Wait,
  mgcWait,
  mgcWaitQuantile,
  mm1Wait,
} from '../../src/plan/closed-forms.js';
import { LeastOutstanding } from '../../src/plan/least-outstanding.js';
import { runTimesOf } from '../../src/plan/run-times.js';
import { ecsScaler, hpaScaler } from '../../src/plan/scaler.js';
import { SharedQueue } from '../../src/plan/shared-queue.js';
import { type Outcome, type Scenario, simulate } from '../../src/plan/simulate.js';

interface Queue {
  readonly replicas: number;
  readonly busy: number;
  readonly cv: number;
  readonly arrivals?: number;
}

/** Mean runs of one second. */
function play({ replicas, busy, cv, arrivals = 300_000 }: Queue, more: Partial<Scenario> = {}): Outcome {
  const rate = replicas * busy;
  return simulate({
    arrivals: new Arrivals([{ from: 0, to: arrivals / rate, rate }]),
    runTimes: runTimesOf(1, cv),
    balancing: 'shared',
    replicas,
    seed: 7,
    ...more,
  });
}

function expectWithinTenth(found: number, expected: number): void {
  expect(Math.abs(found / expected - 1)).toBeLessThan(0.1);
}

describe('mean waits are within a tenth of the closed form', () => {
  test.each([0.3, 0.6, 0.8, 0.9])('of M/M/1, %d busy', (busy) => {
    expectWithinTenth(play({ replicas: 1, busy, cv: 1 }).waits.mean, mm1Wait({ rate: busy, mean: 1, cv: 1 }));
  });

  test.each([
    ['M/D/1', 0.8, 0],
    ['M/G/1 with gamma', 0.8, 0.5],
    ['M/G/1 with hyperexponential', 0.7, 2],
    ['M/G/1 with a wide hyperexponential', 0.6, 3],
  ])('of %s, %d busy, cv %d', (_name, busy, cv) => {
    const { waits } = play({ replicas: 1, busy, cv, arrivals: 600_000 });
    expectWithinTenth(waits.mean, mg1Wait({ rate: busy, mean: 1, cv }));
  });

  test.each([
    [2, 0.8, 1_000_000],
    [10, 0.9, 1_000_000],
    [100, 0.95, 2_000_000],
  ])('of M/M/c with %d replicas, %d busy, and so are p95 and p99', (replicas, busy, arrivals) => {
    const { waits } = play({ replicas, busy, cv: 1, arrivals });
    const load = { rate: replicas * busy, mean: 1, cv: 1 };
    expectWithinTenth(waits.mean, mgcWait(replicas, load));
    expectWithinTenth(waits.p95, mgcWaitQuantile(replicas, load, 0.95));
    if (replicas < 100) expectWithinTenth(waits.p99, mgcWaitQuantile(replicas, load, 0.99));
  });
});

describe('the closed forms', () => {
  test.each([
    [1, 0.5, 0.5],
    [2, 1, 1 / 3],
    [5, 4, 0.55411],
    [10, 8, 0.40918],
  ])('Erlang C of %d replicas at a load of %d is %d, as in the tables', (replicas, load, waiting) => {
    expect(erlangC(replicas, load)).toBeCloseTo(waiting, 4);
  });

  test('Erlang C stays between 0 and 1 up to ten thousand replicas, and falls as they grow', () => {
    const values = [9_901, 9_950, 10_000].map((replicas) => erlangC(replicas, 9_900));
    for (const value of values) expect(value).toBeGreaterThan(0);
    expect([...values].sort((a, b) => b - a)).toEqual(values);
    expect(values[0]).toBeLessThan(1);
  });

  test('M/G/c is M/G/1 at one replica, and never ends with too few', () => {
    const load = { rate: 0.7, mean: 1, cv: 2 };
    expect(mgcWait(1, load)).toBeCloseTo(mg1Wait(load), 10);
    expect(mgcWait(2, { rate: 2, mean: 1, cv: 1 })).toBe(Number.POSITIVE_INFINITY);
  });

  test('the fewest replicas keep the target, and one fewer does not', () => {
    const load = { rate: 4, mean: 10, cv: 1 };
    const found = fewestReplicas(load, { quantile: 0.99, wait: 10 }, 10_000)!;
    expect(found).toBe(44);
    expect(mgcWaitQuantile(found, load, 0.99)).toBeLessThanOrEqual(10);
    expect(mgcWaitQuantile(found - 1, load, 0.99)).toBeGreaterThan(10);
    expect(fewestReplicas(load, { quantile: 0.99, wait: 10 }, 40)).toBeUndefined();
  });
});

describe('the simulator', () => {
  test('with the same seed has the same outcome, and with another seed another one', () => {
    const queue = { replicas: 5, busy: 0.8, cv: 1, arrivals: 20_000 };
    expect(JSON.stringify(play(queue))).toBe(JSON.stringify(play(queue)));
    expect(play(queue, { seed: 8 }).waits.mean).not.toBe(play(queue).waits.mean);
  });

  test('loses nobody: who is not refused is served', () => {
    const { arrivals, refused, waits, within } = play({ replicas: 4, busy: 1.5, cv: 1 }, { queueLimit: 3 });
    expect(refused / arrivals).toBeCloseTo(1 / 3, 1);
    expect(within(1e6)).toBeCloseTo(1 - refused / arrivals, 6);
    expect(waits.p99).toBeLessThan(10);
  });

  test('refuses who would wait longer than is allowed', () => {
    const { refused, waits } = play({ replicas: 4, busy: 1.5, cv: 0 }, { maxWait: 2 });
    expect(refused).toBeGreaterThan(0);
    expect(waits.p99).toBeLessThan(2.1);
  });

  test('a queue in each replica makes callers wait longer than one before all', () => {
    const queue = { replicas: 10, busy: 0.9, cv: 1 };
    const each = play(queue, { balancing: 'least-outstanding' });
    expect(each.waits.mean).toBeGreaterThan(1.2 * play(queue).waits.mean);
    expect(each.busyRatio).toBeCloseTo(0.9, 1);
  });

  test.each(['shared', 'least-outstanding'] as const)(
    '%s: ten thousand replicas fit into 200 MB',
    (balancing) => {
      const before = process.memoryUsage().rss;
      const { waits, busyRatio } = play({ replicas: 10_000, busy: 0.95, cv: 1 }, { balancing });
      expect(process.memoryUsage().rss - before).toBeLessThan(200e6);
      expect(busyRatio).toBeGreaterThan(0.9);
      expect(waits.p99).toBeLessThan(1);
    },
  );
});

describe.each([SharedQueue, LeastOutstanding])('a fleet with %p', (Fleet) => {
  function busyFleet() {
    const starts: number[] = [];
    const fleet = new Fleet((_arrivedAt, now) => starts.push(now));
    for (let added = 0; added < 3; added++) fleet.add(0);
    for (const runTime of [10, 20, 30]) fleet.arrive(0, runTime);
    return { fleet, starts };
  }

  test('lets replicas that are not wanted finish their run, and gives them no other', () => {
    const { fleet, starts } = busyFleet();
    fleet.remove();
    fleet.remove();
    expect([fleet.ready, fleet.draining, fleet.running]).toEqual([1, 2, 3]);
    fleet.arrive(5, 1);
    fleet.end();
    fleet.end();
    expect([fleet.ready, fleet.draining, fleet.running, fleet.queued]).toEqual([1, 0, 1, 1]);
    fleet.end();
    expect(starts).toEqual([0, 0, 0, 30]);
  });

  test('lets idle ones go first', () => {
    const { fleet } = busyFleet();
    fleet.end();
    fleet.remove();
    expect([fleet.ready, fleet.draining, fleet.running]).toEqual([2, 0, 2]);
  });

  test('keeps who comes while none is ready for the first that is', () => {
    const starts: number[] = [];
    const fleet = new Fleet((_arrivedAt, now) => starts.push(now));
    fleet.arrive(1, 2);
    expect(fleet.queued).toBe(1);
    fleet.add(9);
    expect([starts, fleet.queued, fleet.nextEnd]).toEqual([[9], 0, 11]);
  });
});

describe('a scaled fleet', () => {
  const arrivals = new Arrivals([{ from: 0, to: 7200, rate: 1 }], [{ from: 1800, seconds: 600, rate: 2 }]);
  const limits = { minReplicas: 1, maxReplicas: 60 };
  const day = (more: Partial<Scenario>): Outcome =>
    simulate({ arrivals, runTimes: runTimesOf(5, 1), balancing: 'shared', replicas: 8, seed: 3, ...more });
  const hpa = () => hpaScaler({ ...limits, targets: { demand: 1, offeredLoad: 0.8 } });

  test.each(['shared', 'least-outstanding'] as const)(
    '%s: grows in a burst and shrinks after it',
    (balancing) => {
      const { replicas, timeline, within } = day({ balancing, scaler: hpa(), startup: 30 });
      const at = (seconds: number) => timeline.findLast(({ from }) => from <= seconds)!.replicas;
      expect(at(2300)).toBeGreaterThan(1.5 * at(1700));
      expect(at(7000)).toBeLessThan(at(2300));
      expect(replicas.most).toBeGreaterThan(15);
      expect(within(1e6)).toBe(1);
    },
  );

  test('waits longer, the longer a replica takes to start', () => {
    const waits = [0, 120, 600].map((startup) => day({ scaler: hpa(), startup }).waits.p99);
    expect([...waits].sort((a, b) => a - b)).toEqual(waits);
  });

  test('pays for replicas that start and that drain', () => {
    const { replicaSeconds, replicas, timeline } = day({ scaler: hpa(), startup: 60 });
    const sum = timeline.reduce((total, moment) => total + moment.replicas * (7200 / timeline.length), 0);
    expect(sum).toBeCloseTo(replicaSeconds, 3);
    expect(replicas.mean).toBeCloseTo(replicaSeconds / 7200, 6);
  });

  test('by ECS grows after three minutes over the target and not before', () => {
    const scaler = ecsScaler({ ...limits, target: 5, scaleOutCooldown: 60, scaleInCooldown: 300 });
    const desired = [1, 2, 3].map((minute) => {
      return scaler.desired(60 * minute, 4, {
        demand: 0,
        offeredLoad: 0,
        backlogSeconds: 40,
        busyReplicas: 0,
        ready: 4,
      });
    });
    expect(desired).toEqual([4, 4, 8]);
  });

  test('by ECS shrinks after fifteen minutes below the target, and never without data', () => {
    const scaler = ecsScaler({ ...limits, target: 5, scaleOutCooldown: 60, scaleInCooldown: 300 });
    const signals = { demand: 0, offeredLoad: 0, backlogSeconds: 10, busyReplicas: 0, ready: 4 };
    const at = (minute: number) => scaler.desired(60 * minute, 4, signals);
    expect(Array.from({ length: 15 }, (_, index) => at(index + 1))).toEqual([...Array(14).fill(4), 2]);
    expect(scaler.desired(7200, 4, { ...signals, backlogSeconds: 0, ready: 0 })).toBe(4);
  });
});
