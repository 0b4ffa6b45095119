// Run times added up: a line's, and a batch's.

import { describe, expect, test } from '@jest/globals';
import { Backlog } from '../../src/estimator/backlog.js';
import { Estimator } from '../../src/estimator/estimator.js';
import { Joint } from '../../src/estimator/joint.js';
import { ManualClock } from '../support/manual-clock.js';
import { batchableModel, model, queued } from '../support/predictions.js';

const b = batchableModel('b', 4);
const c = batchableModel('c', 4);

function times(samples: Record<string, readonly (readonly [rows: number, ms: number])[]>): Estimator {
  const estimator = new Estimator();
  for (const [name, runs] of Object.entries(samples)) {
    for (const [rows, ms] of runs) estimator.observe(name, { elements: rows }, ms);
  }
  return estimator;
}

const clock = new ManualClock();
const of = (each: ReturnType<typeof model>, rows = 1) => queued({ clock, model: each }, { rows });
const known = (knownMs: number) => ({ knownMs, isComplete: true });
const m = model('m');

describe('a backlog', () => {
  test('of nobody is what is ahead of the line', () => {
    expect(new Backlog(times({}), known(5)).span).toEqual(known(5));
    const unknown = { knownMs: 5, isComplete: false };
    expect(new Backlog(times({}), unknown).span).toEqual(unknown);
  });

  test('is the sum of those who run one by one, and each has its turn', () => {
    const backlog = new Backlog(times({ m: [[1, 100]] }), known(30));
    const one = of(m);
    expect(backlog.turnOf(one)).toEqual({ prediction: one, start: known(30), end: known(130) });
    backlog.add(one);
    const two = of(m);
    expect(backlog.turnOf(two)).toEqual({ prediction: two, start: known(130), end: known(230) });
    expect(backlog.span).toEqual(known(130));
  });

  test('is complete only where all of it is known', () => {
    const backlog = new Backlog(times({ m: [[1, 100]] }), known(0));
    backlog.add(of(m, 9));
    backlog.add(of(m));
    expect(backlog.span).toEqual({ knownMs: 100, isComplete: false });
    expect(backlog.turnOf(of(m)).start).toEqual({ knownMs: 100, isComplete: false });
  });

  test('takes those who may share a run as batches, past others', () => {
    const estimator = times({
      b: [
        [1, 100],
        [2, 120],
        [4, 160],
      ],
      m: [[1, 1_000]],
    });
    const backlog = new Backlog(estimator, known(0));
    backlog.add(of(b));
    backlog.add(of(m));
    expect(backlog.span).toEqual(known(1_100));
    expect(backlog.turnOf(of(b))).toMatchObject({ start: known(0), end: known(120) });
    backlog.add(of(b));
    expect(backlog.span).toEqual(known(1_120));
    backlog.add(of(b, 2));
    expect(backlog.span).toEqual(known(1_160));
    expect(backlog.turnOf(of(b))).toMatchObject({ start: known(1_160), end: known(1_260) });
    backlog.add(of(b));
    expect(backlog.span).toEqual(known(1_260));
  });

  test('keeps the batches of each kind apart', () => {
    const runs = [
      [1, 10],
      [2, 12],
    ] as const;
    const backlog = new Backlog(times({ b: runs, c: runs }), known(0));
    for (const each of [b, c, b, c]) backlog.add(of(each));
    expect(backlog.span).toEqual(known(24));
  });

  test('that was unknown becomes known with what joins', () => {
    const backlog = new Backlog(times({ b: [[2, 12]] }), known(0));
    backlog.add(of(b));
    expect(backlog.span).toEqual({ knownMs: 0, isComplete: false });
    backlog.add(of(b));
    expect(backlog.span).toEqual(known(12));
  });
});

describe('several as one run', () => {
  const estimator = times({
    b: [
      [1, 100],
      [2, 120],
    ],
  });

  test('take as long as runs of that size have taken', () => {
    const joint = new Joint(estimator, [of(b), of(b)]);
    expect([joint.runMs, joint.workload]).toEqual([120, { elements: 2 }]);
    expect(joint.estimate).toEqual({ meanMs: 120, sdMs: 0, leastMs: 120 });
  });

  test('take as long as one after the other where there was no such run', () => {
    const joint = new Joint(estimator, [of(b), of(b), of(b), of(b)]);
    expect(joint.runMs).toBe(400);
    expect(joint.estimate).toEqual({ meanMs: 400, sdMs: 0, leastMs: 400 });
  });

  test('take nobody knows how long where one of them is unknown', () => {
    const joint = new Joint(estimator, [of(b), of(b, 9)]);
    expect([joint.runMs, joint.estimate]).toEqual([undefined, undefined]);
  });

  test('can be tried with one more', () => {
    const joint = new Joint(estimator, [of(b)]);
    joint.add(of(b));
    expect(joint.runMs).toBe(120);
    joint.pop();
    expect(joint.runMs).toBe(100);
  });

  test('that is one has its own cost', () => {
    const costs = new Estimator();
    costs.observe('m', { elements: 1, cost: 10 }, 50);
    const joint = new Joint(costs, [queued({ clock, model: m }, { cost: 20 })]);
    expect(joint.runMs).toBeCloseTo(100, 9);
    joint.add(queued({ clock, model: m }, { cost: 40 }));
    expect(joint.runMs).toBeCloseTo(300, 9);
  });
});
