// How long a run takes, learned from runs.

import { describe, expect, test } from '@jest/globals';
import { Estimator, restMs } from '../../src/estimator/estimator.js';
import { seededRandom } from '../support/random.js';

/** Within so many per cent. */
function expectNear(value: number | undefined, expected: number, percent: number): void {
  expect(Math.abs(value! - expected)).toBeLessThanOrEqual((expected * percent) / 100);
}

describe('of a model whose time follows the size of its input', () => {
  test('nothing is known before the first run', () => {
    const estimator = new Estimator();
    expect(estimator.estimate('m', { elements: 1 })).toBeUndefined();
    expect(estimator.meanMs('m', { elements: 1 })).toBeUndefined();
    expect(estimator.typical('m')).toBeUndefined();
    expect(estimator.lowerBoundMs('m')).toBeUndefined();
  });

  test('a mean and a spread are kept for each size, by powers of two', () => {
    const estimator = new Estimator();
    for (const ms of [90, 110]) estimator.observe('m', { elements: 1_000 }, ms);
    estimator.observe('m', { elements: 4_000 }, 500);
    expect(estimator.estimate('m', { elements: 600 })).toEqual({ meanMs: 100, sdMs: 10, leastMs: 100 });
    expect(estimator.meanMs('m', { elements: 4_096 })).toBe(500);
    expect(estimator.estimate('m', { elements: 2_000 })).toBeUndefined();
    expect(estimator.estimate('other', { elements: 1_000 })).toBeUndefined();
    expect(estimator.lowerBoundMs('m')).toBe(100);
  });

  test('a device that has become slower shows within some twenty runs', () => {
    const estimator = new Estimator();
    for (let run = 0; run < 200; run++) estimator.observe('m', { elements: 1 }, 100);
    for (let run = 0; run < 20; run++) estimator.observe('m', { elements: 1 }, 200);
    expectNear(estimator.meanMs('m', { elements: 1 }), 200, 10);
    for (let run = 0; run < 100; run++) estimator.observe('m', { elements: 1 }, 200);
    expectNear(estimator.meanMs('m', { elements: 1 }), 200, 0.1);
    expect(estimator.estimate('m', { elements: 1 })!.sdMs).toBeLessThan(2);
  });

  test('the mean of all its runs is what is usual', () => {
    const estimator = new Estimator();
    estimator.observe('m', { elements: 1 }, 100);
    estimator.observe('m', { elements: 1_000 }, 300);
    expect(estimator.typical('m')!.meanMs).toBe(200);
  });

  test('an input without elements is a size like another', () => {
    const estimator = new Estimator();
    estimator.observe('m', { elements: 0 }, 3);
    expect(estimator.meanMs('m', { elements: 0 })).toBe(3);
  });
});

describe('of a model whose time is proportional to a cost', () => {
  const costed = (...samples: (readonly [cost: number, ms: number])[]) => {
    const estimator = new Estimator();
    for (const [cost, ms] of samples) estimator.observe('m', { elements: 2, cost }, ms);
    return (cost: number) => estimator.estimate('m', { elements: 2, cost });
  };

  test('one run is enough to tell', () => {
    const estimate = costed([200, 40]);
    expect(estimate(200)!.meanMs).toBeCloseTo(40, 9);
    expect(estimate(600)!.meanMs).toBeCloseTo(120, 9);
    expect(estimate(50)!.meanMs).toBeCloseTo(10, 9);
  });

  test('a proportion from much smaller runs refuses nobody: their fixed cost may be most of their time', () => {
    const estimate = costed([1, 500], [1, 500]);
    expect(estimate(4)).toMatchObject({ meanMs: 2_000, leastMs: 2_000 });
    expect(estimate(50)!.meanMs).toBeCloseTo(25_000, 6);
    expect(estimate(50)!.leastMs).toBeCloseTo(500, 6);
  });

  test('two costs tell the fixed part and the slope', () => {
    const estimate = costed([1, 510], [50, 1_000]);
    expect(estimate(10)!.meanMs).toBeCloseTo(600, 6);
    expect(estimate(100)!.meanMs).toBeCloseTo(1_500, 6);
    expect(estimate(1_000)!.leastMs).toBe(estimate(1_000)!.meanMs);
  });

  test('two costs without a fixed part tell as much, though noise may set it below zero', () => {
    const estimate = costed([200, 2.2], [5_000, 60]);
    expectNear(estimate(1_000_000)!.meanMs, 12_000, 10);
    expect(estimate(1_000_000)!.leastMs).toBe(estimate(1_000_000)!.meanMs);
  });

  test('costs that are nearly the same tell no slope, however their times vary', () => {
    const random = seededRandom(3);
    const samples = Array.from(
      { length: 50 },
      () => [100 + random.below(3), 100 * (0.9 + random.unit() / 5)] as const,
    );
    const estimate = costed(...samples);
    expectNear(estimate(100)!.meanMs, 100, 10);
    expectNear(estimate(400)!.meanMs, 400, 10);
    expectNear(estimate(25)!.meanMs, 25, 10);
  });

  test('runs from a millisecond to a second are all told within the noise of a run', () => {
    const random = seededRandom(5);
    const truth = (cost: number) => 0.5 + cost / 1_000;
    const samples = Array.from({ length: 300 }, () => {
      const cost = 1_000 * 10 ** (3 * random.unit());
      return [cost, truth(cost) * (0.95 + random.unit() / 10)] as const;
    });
    const estimate = costed(...samples);
    for (const cost of [1_000, 10_000, 100_000, 1_000_000])
      expectNear(estimate(cost)!.meanMs, truth(cost), 5);
    expect(estimate(1_000)!.sdMs).toBeLessThan(0.1 * truth(1_000));
  });

  test('a device that has become slower shows', () => {
    const samples = Array.from({ length: 200 }, (_, run) => {
      const cost = 100 + 10 * (run % 50);
      return [cost, run < 100 ? cost : 2 * cost] as const;
    });
    expectNear(costed(...samples)(300)!.meanMs, 600, 5);
  });

  test('a cost of zero takes as long as it took', () => {
    const estimate = costed([0, 7]);
    expect(estimate(0)!.meanMs).toBeCloseTo(7, 9);
    expect(estimate(5)).toMatchObject({ meanMs: 7, leastMs: 7 });
  });

  test('a batch has no one cost, so its time is not told, and teaches nothing of the cost', () => {
    const estimator = new Estimator();
    estimator.observe('m', { elements: 1, cost: 10 }, 100);
    estimator.observe('m', { elements: 4 }, 999);
    expect(estimator.estimate('m', { elements: 4 })).toBeUndefined();
    expect(estimator.meanMs('m', { elements: 4 })).toBeUndefined();
    expect(estimator.meanMs('m', { elements: 1, cost: 10 })).toBeCloseTo(100, 9);
    expect(estimator.lowerBoundMs('m')).toBeUndefined();
  });
});

describe('what is left of a run', () => {
  test.each([
    ['as much as the mean has left', 100, 10, 30, 70],
    ['half the spread, where the mean is over', 100, 10, 100, 5],
    ['a share of what it took, where it is far overdue', 100, 10, 1_000, 50],
    ['a little, even where all is exact', 0, 0, 0, 0.01],
  ])('is %s', (_, meanMs, sdMs, elapsedMs, rest) => {
    expect(restMs({ meanMs, sdMs }, elapsedMs)).toBe(rest);
  });
});
