// What is said to the runner ahead of time, and what is not said twice.

import { expect, test } from '@jest/globals';
import { Staging } from '../../src/slot/staging.js';
import { FakeRunner } from '../support/fake-runner.js';
import { ManualClock } from '../support/manual-clock.js';
import { model, queued } from '../support/predictions.js';

function stage() {
  const clock = new ManualClock();
  const runner = new FakeRunner(clock);
  const staging = new Staging(runner);
  const [one, two] = [queued({ clock }), queued({ clock, model: model('other', { runTimeoutMs: 5 }) })];
  return { runner, staging, one, two, told: runner.told };
}

test('an input goes over before the decision that names it, and once', () => {
  const { staging, one, two, told } = stage();
  staging.tell([[one]]);
  staging.tell([[two]]);
  staging.tell([[one]]);
  expect(told).toEqual([
    `stage ${one.id}`,
    `plan ${one.id}`,
    `stage ${two.id}`,
    `plan ${two.id}`,
    `plan ${one.id}`,
  ]);
});

test('a decision that is the same is not said again', () => {
  const { staging, one, told } = stage();
  staging.tell([[one]]);
  staging.tell([[one]]);
  expect(told).toHaveLength(2);
  staging.tell([]);
  staging.tell([]);
  expect(told.slice(2)).toEqual(['plan ']);
});

test('what has begun is held no more, and whoever has left is missing', () => {
  const { staging, one, two } = stage();
  staging.tell([[one, two]]);
  one.leave();
  staging.drop(one);
  expect(staging.begun([one.id, two.id])).toEqual([two]);
  expect([staging.size, staging.has(two)]).toEqual([0, false]);
});

test('only what is held is dropped', () => {
  const { staging, one, two, told } = stage();
  staging.tell([[one]]);
  staging.drop(two);
  staging.drop(one);
  staging.drop(one);
  expect(told.slice(2)).toEqual([`drop ${one.id}`]);
});

test('whoever is begun or dropped is out of the plan, as the runner passes over what it does not hold', () => {
  const { staging, one, two, told } = stage();
  staging.tell([[one], [two]]);
  expect(told.at(-1)).toBe(`plan ${one.id} ${two.id}`);
  staging.begun([one.id]);
  staging.tell([[two]]);
  staging.drop(two);
  staging.tell([]);
  expect(told.slice(3)).toEqual([`drop ${two.id}`]);
});

test('after the runner is gone all is said anew', () => {
  const { staging, one, told } = stage();
  staging.tell([[one]]);
  staging.clear();
  expect(staging.size).toBe(0);
  staging.tell([[one]]);
  expect(told.slice(2)).toEqual([`stage ${one.id}`, `plan ${one.id}`]);
});

test('a model is known by its name once something of it was staged, also when that is gone', () => {
  const { staging, two } = stage();
  staging.tell([[two]]);
  two.leave();
  staging.drop(two);
  expect(staging.modelOf('other').settings.runTimeoutMs).toBe(5);
});
