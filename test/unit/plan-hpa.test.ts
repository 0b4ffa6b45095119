// The HorizontalPodAutoscaler's algorithm, as Kubernetes documents it.

import { describe, expect, test } from '@jest/globals';
import { HPA_SYNC_MS, Hpa, type HpaOptions } from '../../src/plan/hpa.js';

const FREE = { policies: [{ type: 'Percent', value: 1_000_000, periodSeconds: 15 }] } as const;
const AT_ONCE: HpaOptions = {
  minReplicas: 1,
  maxReplicas: 100,
  targets: [1],
  behavior: { scaleUp: FREE, scaleDown: { stabilizationWindowSeconds: 0 } },
};

/** What a fresh one says at once. */
const first = (
  options: Partial<HpaOptions>,
  current: number,
  sums: readonly (number | undefined)[],
): number => new Hpa({ ...AT_ONCE, ...options }).desired(0, current, sums);

/** What one says at each sync while its word is followed. */
function follow(options: Partial<HpaOptions>, current: number, sums: readonly number[]): readonly number[] {
  const hpa = new Hpa({ ...AT_ONCE, ...options });
  let replicas = current;
  return sums.map((sum, index) => {
    replicas = hpa.desired(index * HPA_SYNC_MS, replicas, [sum]);
    return replicas;
  });
}

describe('the number of replicas', () => {
  test.each([
    { is: 'the sum over the target', target: 1, current: 1, sum: 4, wanted: 4 },
    { is: 'rounded up', target: 2, current: 1, sum: 5, wanted: 3 },
    {
      is: 'not rounded up by what a binary fraction adds',
      target: 0.1,
      current: 1,
      sum: 0.1 + 0.2,
      wanted: 3,
    },
    { is: 'kept at 10 % over the target', target: 1, current: 10, sum: 11, wanted: 10 },
    { is: 'raised beyond 10 % over the target', target: 1, current: 10, sum: 11.1, wanted: 12 },
    { is: 'kept at 10 % below the target', target: 1, current: 10, sum: 9, wanted: 10 },
    { is: 'lowered beyond 10 % below the target', target: 1, current: 10, sum: 8.9, wanted: 9 },
    { is: 'never more than maxReplicas', target: 1, current: 50, sum: 1000, wanted: 100 },
    { is: 'never fewer than minReplicas', target: 1, current: 5, sum: 0, wanted: 1 },
    { is: 'brought down to maxReplicas at once', target: 1, current: 120, sum: 120, wanted: 100 },
    { is: 'left alone at zero, where scaling is switched off', target: 1, current: 0, sum: 9, wanted: 0 },
  ])('is $is', ({ target, current, sum, wanted }) => {
    expect(first({ targets: [target] }, current, [sum])).toBe(wanted);
  });

  test('takes its own tolerance for each direction', () => {
    const behavior = {
      scaleUp: { ...FREE, tolerance: 0 },
      scaleDown: { tolerance: 0.5, stabilizationWindowSeconds: 0 },
    };
    expect(first({ behavior }, 10, [10.5])).toBe(11);
    expect(first({ behavior }, 10, [5])).toBe(10);
  });
});

describe('of several metrics', () => {
  test('the one that wants most wins', () => {
    expect(first({ targets: [1, 60] }, 4, [2, 600])).toBe(10);
  });

  test('one that can not be read forbids fewer replicas, and allows more', () => {
    expect(first({ targets: [1, 60] }, 4, [2, undefined])).toBe(4);
    expect(first({ targets: [1, 60] }, 4, [8, undefined])).toBe(8);
    expect(first({ targets: [1, 60] }, 4, [undefined, Number.NaN])).toBe(4);
  });
});

describe('behavior', () => {
  test('by default lets replicas double or grow by four in 15 s, whichever is more', () => {
    expect(follow({ behavior: {} }, 1, [90, 90, 90, 90, 90])).toEqual([5, 10, 20, 40, 80]);
  });

  test('by default takes the highest wish of five minutes before it has fewer', () => {
    const sums = [10, ...Array<number>(21).fill(2)];
    const said = follow({ behavior: {} }, 10, sums);
    expect(said.slice(0, 20)).toEqual(Array(20).fill(10));
    expect(said[20]).toBe(2);
  });

  test('waits for the lowest wish of a window before it has more', () => {
    const scaleUp = { ...FREE, stabilizationWindowSeconds: 60 };
    expect(follow({ behavior: { scaleUp } }, 2, [2, 8, 8, 6, 9])).toEqual([2, 2, 2, 2, 6]);
  });

  test('counts what was added within the period of a policy', () => {
    const scaleUp = { policies: [{ type: 'Pods', value: 4, periodSeconds: 60 }] } as const;
    expect(follow({ behavior: { scaleUp } }, 1, [90, 90, 90, 90, 90])).toEqual([5, 5, 5, 5, 9]);
  });

  test('counts what was taken away, too: 80 by ten percent a minute go 72, 64', () => {
    const policies = [{ type: 'Percent', value: 10, periodSeconds: 15 }] as const;
    const scaleDown = { policies, stabilizationWindowSeconds: 0 };
    expect(follow({ behavior: { scaleDown } }, 80, [10, 10])).toEqual([72, 64]);
  });

  test.each([
    ['Max', 60],
    ['Min', 76],
    ['Disabled', 80],
  ] as const)('selectPolicy %s goes down to %d', (selectPolicy, wanted) => {
    const policies = [
      { type: 'Pods', value: 4, periodSeconds: 60 },
      { type: 'Percent', value: 25, periodSeconds: 60 },
    ] as const;
    const scaleDown = { policies, selectPolicy, stabilizationWindowSeconds: 0 };
    expect(first({ behavior: { scaleDown } }, 80, [10])).toBe(wanted);
  });
});
