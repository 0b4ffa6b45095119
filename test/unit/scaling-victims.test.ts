// Which pod a scale-in takes: Kubernetes takes the one with the lowest deletion cost that is written at that moment.

import { describe, expect, test } from '@jest/globals';
import type { Snapshot } from '../../src/observer.js';
import { Random } from '../../src/plan/random.js';
import { deletionCost, isWorthWriting } from '../../src/scaling/pod-deletion-cost.js';
import { BusyMeter } from '../../src/scaling/scaling.js';
import { ManualClock } from '../support/manual-clock.js';
import { snapshotOf } from '../support/snapshots.js';

const STEP_SECONDS = 0.25;
const LOOK_SECONDS = 10;
const SCALE_IN_SECONDS = 120;
const PODS = 8;
const HOUR = 3600;

type CostOf = (snapshot: Snapshot) => number;
type Balancing = 'first' | 'any';

interface Load {
  /** Seconds of each run. */
  readonly run: number;
  /** Pods that it keeps busy in the mean. */
  readonly erlangs: number;
  /** Which of those with the fewest requests gets the next one. */
  readonly balancing: Balancing;
}

class Pod {
  readonly runs: number[] = [];
  readonly meter: BusyMeter;
  /** Looks are not made by all pods at once. */
  readonly lookAt: number;
  written: number | undefined;
  writes = 0;
  #startedAt = 0;

  constructor(
    readonly clock: ManualClock,
    index: number,
  ) {
    this.meter = new BusyMeter(clock);
    this.lookAt = (index * LOOK_SECONDS) / PODS;
  }

  give(run: number): void {
    if (this.runs.length === 0) this.#start();
    this.runs.push(run);
  }

  pass(seconds: number): void {
    if (this.runs.length === 0) return;
    this.runs[0]! -= seconds;
    if (this.runs[0]! > 0) return;
    this.runs.shift();
    this.meter.ended();
    if (this.runs.length > 0) this.#start();
  }

  look(costOf: CostOf): void {
    const cost = costOf(this.#snapshot());
    if (!isWorthWriting(this.written, cost)) return;
    this.written = cost;
    this.writes++;
  }

  #start(): void {
    this.#startedAt = this.clock.nowMs();
    this.meter.started();
  }

  #snapshot(): Snapshot {
    const isRunning = this.runs.length > 0;
    return snapshotOf({
      running: isRunning ? 1 : 0,
      queued: Math.max(0, this.runs.length - 1),
      runningSeconds: isRunning ? (this.clock.nowMs() - this.#startedAt) / 1000 : 0,
      backlogSeconds: this.runs.reduce((sum, rest) => sum + rest, 0),
      busyRatio: this.meter.ratio,
    });
  }
}

/** Plays a day; at each scale-in only looks whom it would take. */
function play({ run, erlangs, balancing }: Load, costOf: CostOf, seconds = 4 * HOUR) {
  const clock = new ManualClock();
  const random = new Random(1, 0);
  const pods = Array.from({ length: PODS }, (_, index) => new Pod(clock, index));
  const found = { scaleIns: 0, wrong: 0 };
  let nextArrival = 0;
  for (let now = 0; now < seconds; now += STEP_SECONDS) {
    for (; nextArrival <= now; nextArrival += random.exponential() * (run / erlangs))
      chosen(pods, balancing, random).give(run);
    for (const pod of pods) if (now % LOOK_SECONDS === pod.lookAt) pod.look(costOf);
    if (now % SCALE_IN_SECONDS === 61) judge(pods, random, found);
    clock.advance(STEP_SECONDS * 1000);
    for (const pod of pods) pod.pass(STEP_SECONDS);
  }
  const writes = Math.max(...pods.map((pod) => pod.writes));
  return { share: found.wrong / found.scaleIns, writesAnHour: (writes * HOUR) / seconds };
}

function chosen(pods: readonly Pod[], balancing: Balancing, random: Random): Pod {
  const least = Math.min(...pods.map(({ runs }) => runs.length));
  return oneOf(
    pods.filter(({ runs }) => runs.length === least),
    balancing === 'first' ? 0 : random.unit(),
  );
}

function judge(pods: readonly Pod[], random: Random, found: { scaleIns: number; wrong: number }): void {
  if (pods.every(({ runs }) => runs.length > 0)) return;
  const lowest = Math.min(...pods.map(({ written }) => written!));
  const victim = oneOf(
    pods.filter(({ written }) => written === lowest),
    random.unit(),
  );
  found.scaleIns++;
  if (victim.runs.length > 0) found.wrong++;
}

const oneOf = <Value>(values: readonly Value[], unit: number): Value =>
  values[Math.floor(unit * values.length)]!;

/** As if nothing was written: victims are taken by chance. */
const noCost: CostOf = () => 0;

/** How often a busy pod is taken although another one is idle. */
const shareOf = (load: Load, costOf: CostOf = deletionCost): number => play(load, costOf).share;

describe('where runs are given to the first pod that is free, as HAProxy does, the last ones are idle', () => {
  test.each([1, 2])('and of runs of 3 s that keep %d of 8 busy hardly one is hit', (erlangs) => {
    expect(shareOf({ run: 3, erlangs, balancing: 'first' })).toBeLessThan(0.03);
  });

  test.each([0.5, 3, 20])(
    'of runs of %d s that keep half of the pods busy an eighth at most, by chance far more',
    (run) => {
      const load: Load = { run, erlangs: 4, balancing: 'first' };
      expect(shareOf(load)).toBeLessThan(0.15);
      expect(shareOf(load, noCost)).toBeGreaterThan(0.3);
    },
  );
});

test.each(['first', 'any'] as const)(
  'of runs of two minutes hardly one is hit, whichever pod is given the next (%s)',
  (balancing) => {
    expect(shareOf({ run: 120, erlangs: 2, balancing })).toBeLessThan(0.03);
  },
);

test('of runs of 20 s that are spread over all pods fewer are hit than by chance', () => {
  const load: Load = { run: 20, erlangs: 4, balancing: 'any' };
  expect(shareOf(load)).toBeLessThan(0.7 * shareOf(load, noCost));
});

test.each([
  [0.5, 60],
  [3, 90],
  [20, 257],
  [120, 120],
])('with runs of %d s no pod writes more than %d times an hour', (run, most) => {
  for (const erlangs of [1, 4, 6])
    expect(play({ run, erlangs, balancing: 'first' }, deletionCost, HOUR).writesAnHour).toBeLessThan(most);
});
