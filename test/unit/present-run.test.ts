// The run that is going on.

import { expect, test } from '@jest/globals';
import type { Prediction } from '../../src/prediction.js';
import { PresentRun } from '../../src/slot/present-run.js';
import type { Estimate } from '../../src/workload.js';
import { ManualClock } from '../support/manual-clock.js';
import { queued } from '../support/predictions.js';

function runOf(estimate?: Estimate, batch: readonly Prediction[] = []) {
  const clock = new ManualClock();
  const startedMs = clock.nowMs();
  const run = new PresentRun({
    clock,
    startedMs,
    batch,
    isShared: false,
    model: 'm',
    workload: undefined,
    estimate,
  });
  return { clock, run };
}

test('has a rest that falls to its end, and is never zero', () => {
  const { clock, run } = runOf({ meanMs: 1_000, sdMs: 40, leastMs: 1_000 });
  expect([run.expectedMs, run.restMs]).toEqual([1_000, 1_000]);
  clock.advance(900);
  expect(run.restMs).toBe(100);
  clock.advance(600);
  expect(run.restMs).toBe(75);
  clock.advance(1e6);
  expect(run.restMs).toBeCloseTo(50_075, 6);
});

test('has no rest where nothing like it has run', () => {
  const { clock, run } = runOf();
  clock.advance(5);
  expect([run.expectedMs, run.restMs, run.elapsedMs]).toEqual([undefined, undefined, 5]);
});

test('has taken no time where the clock of the runner is a little ahead', () => {
  const { clock } = runOf();
  const startedMs = clock.nowMs() + 0.01;
  const run = new PresentRun({
    clock,
    startedMs,
    batch: [],
    isShared: false,
    model: 'm',
    workload: undefined,
    estimate: undefined,
  });
  expect(run.elapsedMs).toBe(0);
});

test('is abandoned when the last of its callers is settled', () => {
  const clock = new ManualClock();
  const batch = [queued({ clock }), queued({ clock })];
  const { run } = runOf(undefined, batch);
  batch[0]!.leave();
  expect(run.isAbandoned).toBe(false);
  batch[1]!.complete({});
  expect(run.isAbandoned).toBe(true);
  expect(runOf().run.isAbandoned).toBe(true);
});

test('takes its timers with it', () => {
  const { clock, run } = runOf();
  const fired: string[] = [];
  run.after(10, () => fired.push('first'));
  run.after(20, () => fired.push('second'));
  clock.advance(10);
  run.close();
  clock.advance(100);
  expect(fired).toEqual(['first']);
  expect(clock.pending).toBe(0);
});
