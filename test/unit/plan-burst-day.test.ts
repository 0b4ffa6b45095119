// What the shipped targets hold and cost, what others would, and that a plan's advice keeps its goal on other days.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import type { HpaRules } from '../../src/plan/hpa.js';
import { makePlan, type PlanSetup } from '../../src/plan/plan.js';
import { SHIPPED_BEHAVIOR } from '../../src/plan/shipped.js';
import {
  BURST_DAY,
  ecs,
  hpa,
  OTHER_BURSTS,
  playDays,
  RUN_TIMES,
  STARTUP,
  steadyDay,
  TARGET,
} from '../support/burst-day.js';
import { rowsOf } from '../support/markdown-table.js';
import { PROJECT } from '../support/oneslot.js';

const MOST_COST = 1.4;
const MANIFEST = `${PROJECT}deploy/kubernetes/components/hpa/horizontal-pod-autoscaler.yaml`;

describe('the shipped targets', () => {
  test.each([BURST_DAY, ...OTHER_BURSTS])(
    'hold p95 on a day with bursts, for 1.4 times the oracle’s price',
    (arrivals) => {
      for (const balancing of ['shared', 'least-outstanding'] as const) {
        const { cost, p95 } = playDays(hpa(), { arrivals, balancing });
        expect(cost).toBeLessThanOrEqual(MOST_COST);
        expect(p95).toBeLessThanOrEqual(TARGET.wait);
      }
    },
  );

  test('do so without offered load too, which KEDA does not get from the replicas', () => {
    const withoutOffered = hpa({ offeredLoad: undefined });
    const { cost, p95 } = playDays(withoutOffered, { balancing: 'least-outstanding' });
    expect(cost).toBeLessThanOrEqual(MOST_COST);
    expect(p95).toBeLessThanOrEqual(TARGET.wait);
  });

  test('start no second replica for two calls that overlap now and then, and hold three for 1.5 at most', () => {
    expect(playDays(hpa(), { arrivals: steadyDay(0.02) }).meanReplicas).toBeLessThan(1.02);
    expect(playDays(hpa(), { arrivals: steadyDay(0.25) }).meanReplicas).toBeLessThan(3);
  });

  test('wait minutes where the autoscaler does not see the balancer’s queue', () => {
    const { p95 } = playDays(hpa(), { isQueueSeen: false });
    expect(p95).toBeGreaterThan(2 * TARGET.wait);
  });

  test('are in the manifest', () => {
    const text = readFileSync(MANIFEST, 'utf8');
    expect([...text.matchAll(/averageValue: "?(\w+)"?/g)].map(([, value]) => value)).toEqual([
      '2500m',
      '60',
      '800m',
    ]);
    expect(text).toContain(
      `stabilizationWindowSeconds: ${SHIPPED_BEHAVIOR.scaleDown.stabilizationWindowSeconds}\n`,
    );
  });
});

describe('a plan for the day', () => {
  const setup: PlanSetup = {
    ...{ arrivals: BURST_DAY, runTimes: RUN_TIMES, target: TARGET, startup: STARTUP, balancing: 'shared' },
    ...{
      isQueueSeen: true,
      minReplicas: 1,
      maxReplicas: 8,
      metricDelay: 15,
      queueLimit: 64,
      scaledBy: 'hpa',
    },
    hpa: { targets: {}, behavior: SHIPPED_BEHAVIOR },
    ecs: { scaleOutCooldown: 60, scaleInCooldown: 60 },
    seed: 1,
  };

  test('advises what keeps its goal on days that it has not seen', () => {
    const { hpa: advised } = makePlan(setup);
    expect(advised.isSearched).toBe(true);
    const { cost, p95, worstP95 } = playDays(hpa(advised.targets), { firstSeed: 1000, count: 20 });
    expect(cost).toBeLessThanOrEqual(MOST_COST);
    expect(p95).toBeLessThan(0.8 * TARGET.wait);
    expect(worstP95).toBeLessThan(1.1 * TARGET.wait);
  });
});

describe('docs/planning.md', () => {
  const slow = (window: number): { scaleUp: HpaRules; scaleDown: HpaRules } => ({
    scaleUp: {
      policies: [
        { type: 'Percent', value: 100, periodSeconds: 60 },
        { type: 'Pods', value: 2, periodSeconds: 60 },
      ],
    },
    scaleDown: {
      stabilizationWindowSeconds: window,
      policies: [{ type: 'Pods', value: 1, periodSeconds: 120 }],
    },
  });
  const patient = (window: number) => ({
    ...SHIPPED_BEHAVIOR,
    scaleDown: { ...SHIPPED_BEHAVIOR.scaleDown, stabilizationWindowSeconds: window },
  });
  const SETTINGS: Readonly<Record<string, Parameters<typeof playDays>[0]>> = {
    'as shipped': hpa(),
    'demand 1': hpa({ demand: 1 }),
    'demand 2': hpa({ demand: 2 }),
    'demand 4': hpa({ demand: 4 }),
    'offered load 0.7': hpa({ offeredLoad: 0.7 }),
    'offered load 0.9': hpa({ offeredLoad: 0.9 }),
    'no offered load (`keda-metrics-api`)': hpa({ offeredLoad: undefined }),
    'stabilization window 300 s': hpa({}, patient(300)),
    'stabilization window 900 s': hpa({}, patient(900)),
    'twice as many a minute at most': hpa({}, { ...SHIPPED_BEHAVIOR, scaleUp: slow(0).scaleUp }),
    'demand 1, offered load 0.7, 900 s, one less in 2 min, twice as many a minute at most': hpa(
      { demand: 1, offeredLoad: 0.7 },
      slow(900),
    ),
    'ECS, as shipped': ecs(),
    'ECS, `TargetBusyRatio` 0.4': ecs({ busyTarget: 0.4 }),
    'ECS, `TargetBusyRatio` 0.6': ecs({ busyTarget: 0.6 }),
    'ECS, `TargetBusyRatio` 0.7': ecs({ busyTarget: 0.7 }),
    'ECS, `ScaleInCooldown` 900 s': ecs({ scaleInCooldown: 900 }),
  };

  test('says what each choice costs', () => {
    const rows = Object.entries(SETTINGS).map(([name, scaler]) => {
      // An ALB keeps no queue.
      const balancing = name.startsWith('ECS') ? 'least-outstanding' : 'shared';
      const { cost, p95, worstP95 } = playDays(scaler, { balancing });
      const usually = (rate: number): string =>
        playDays(scaler, { balancing, arrivals: steadyDay(rate), count: 4 }).meanReplicas.toFixed(2);
      return {
        Setting: name.replaceAll('`', ''),
        '× the oracle': cost.toFixed(2),
        p95: `${p95.toFixed(0)} s`,
        'worst p95': `${worstP95.toFixed(0)} s`,
        'replicas at 0.12': usually(0.02),
        'replicas at 1.5': usually(0.25),
      };
    });
    expect(rowsOf('planning.md', 'Setting')).toEqual(rows);
  });

  test('tells that target tracking has no setting that does both', () => {
    for (const target of [6, 15, 60])
      for (const busyTarget of [0.4, 0.5, 0.6, 0.7, 0.8, 0.9])
        for (const scaleOutCooldown of [60, 210])
          for (const scaleInCooldown of [60, 300]) {
            const scaler = ecs({ target, busyTarget, scaleOutCooldown, scaleInCooldown });
            const { cost, p95 } = playDays(scaler, { count: 3, balancing: 'least-outstanding' });
            expect(cost <= MOST_COST && p95 <= TARGET.wait).toBe(false);
          }
  });
});
