// How far ahead the runs are planned.

import { describe, expect, test } from '@jest/globals';
import { Estimator } from '../../src/estimator/estimator.js';
import type { Prediction } from '../../src/prediction.js';
import { composePlan } from '../../src/queue/plan.js';
import { ManualClock } from '../support/manual-clock.js';
import { batchableModel, model, type PredictionSetup, queued } from '../support/predictions.js';

const short = model('short');
const long = model('long');
const batchable = batchableModel('batchable', 2);

function lineOf() {
  const clock = new ManualClock();
  const estimator = new Estimator();
  const line: Prediction[] = [];
  let read = 0;
  function* reading() {
    for (const prediction of line) {
      read += 1;
      yield prediction;
    }
  }
  const come = (setup: Partial<PredictionSetup> = {}): Prediction => {
    const prediction = queued({ clock, model: short, ...setup }, { rows: 1 });
    line.push(prediction);
    return prediction;
  };
  const teach = (name: string, runMs: number, rows = 1) => estimator.observe(name, { elements: rows }, runMs);
  const compose = (freeInMs = 0) =>
    composePlan(reading(), { nowMs: clock.nowMs(), freeInMs, times: estimator });
  const plan = (freeInMs = 0) => compose(freeInMs).runs.map((run) => run.map(({ id }) => id));
  return { come, teach, compose, plan, read: () => read };
}

const idsOf = (...predictions: Prediction[]) => predictions.map(({ id }) => id);

describe('the plan', () => {
  test('of an empty line is empty', () => {
    expect(lineOf().compose()).toEqual({ runs: [], beginByMs: Number.POSITIVE_INFINITY });
  });

  test('is one run where that is long', () => {
    const { come, teach, plan, read } = lineOf();
    teach('long', 10);
    const head = come({ model: long });
    come({ model: long });
    expect(plan()).toEqual([idsOf(head)]);
    expect(read()).toBe(1);
  });

  test('is one run where nobody knows how long it takes', () => {
    const { come, plan } = lineOf();
    const head = come();
    come();
    expect(plan()).toEqual([idsOf(head)]);
  });

  test('reaches 10 ms ahead, in order, and takes nobody twice', () => {
    const { come, teach, plan } = lineOf();
    teach('short', 4);
    const all = [come(), come(), come(), come()];
    expect(plan()).toEqual(all.slice(0, 3).map(({ id }) => [id]));
  });

  test('holds at most 32 runs, however short', () => {
    const { come, teach, plan } = lineOf();
    teach('short', 0.01);
    for (let count = 0; count < 40; count++) come();
    expect(plan()).toHaveLength(32);
  });

  test('holds no more than 64 MiB ahead', () => {
    const { come, teach, plan } = lineOf();
    teach('short', 0.01);
    for (let count = 0; count < 4; count++) come({ bytes: 40 * 2 ** 20 });
    expect(plan()).toHaveLength(2);
  });

  test('passes over whoever joined an earlier run of it', () => {
    const { come, teach, plan } = lineOf();
    teach('short', 1);
    teach('batchable', 1);
    const first = come({ model: batchable });
    const between = come();
    const second = come({ model: batchable });
    const third = come({ model: batchable });
    expect(plan()).toEqual([idsOf(first, second), idsOf(between), idsOf(third)]);
  });

  test('counts the runs before it where a batch must not be too long for a deadline', () => {
    const { come, teach, plan, compose } = lineOf();
    teach('short', 5);
    teach('batchable', 2);
    teach('batchable', 3, 2);
    const head = come();
    const tight = come({ model: batchable, patienceMs: 7.5 });
    const other = come({ model: batchable });
    expect(plan()).toEqual([idsOf(head), idsOf(tight), idsOf(other)]);
    expect(compose().beginByMs).toBe(Number.POSITIVE_INFINITY);
  });
});
