// The day that the shipped targets are for: a load that is now and then four times what it is usually. Runs of 6 s,
// 60 s of waiting allowed, 90 s to start a replica, eight at most.

import { readFileSync } from 'node:fs';
import { Arrivals } from '../../src/plan/arrivals.js';
import { fewestReplicas } from '../../src/plan/closed-forms.js';
import type { HpaOptions } from '../../src/plan/hpa.js';
import { readProfile } from '../../src/plan/profile.js';
import { runTimesOf } from '../../src/plan/run-times.js';
import { ecsScaler, type HpaTargets, hpaScaler, type Scaler } from '../../src/plan/scaler.js';
import { SHIPPED_BEHAVIOR, SHIPPED_ECS, SHIPPED_TARGETS } from '../../src/plan/shipped.js';
import { type Balancing, type Outcome, simulate } from '../../src/plan/simulate.js';
import { PROJECT } from './oneslot.js';

export const RUN_TIMES = runTimesOf(6, 0.5);
export const TARGET = { quantile: 0.95, wait: 60 };
export const STARTUP = 90;
const LIMITS = { minReplicas: 1, maxReplicas: 8 };
const HOUR = 3600;

const file = readFileSync(`${PROJECT}docs/planning-burst-day.csv`, 'utf8');
export const BURST_DAY = new Arrivals(readProfile(file, 4 * HOUR));

/** Bursts that are shorter, longer and more of the day. */
export const OTHER_BURSTS = [
  [20, 20, 20],
  [40, 16, 64],
  [30, 30, 60],
].map(([before, burst, after]) => burstDay(before!, burst!, after!));

function burstDay(...minutes: [number, number, number]): Arrivals {
  let from = 0;
  const segments = minutes.map((length, index) => {
    const segment = { from, to: from + length * 60, rate: index === 1 ? 1 : 0.25 };
    from = segment.to;
    return segment;
  });
  return new Arrivals(segments);
}

/** A day of a rate that stays. */
export const steadyDay = (rate: number): Arrivals => new Arrivals([{ from: 0, to: 8 * HOUR, rate }]);

/** As shipped, but for what is said. */
export const hpa = (
  targets: { readonly [Name in keyof HpaTargets]?: number | undefined } = {},
  behavior: HpaOptions['behavior'] = SHIPPED_BEHAVIOR,
): (() => Scaler) => {
  const all = Object.entries({ ...SHIPPED_TARGETS, ...targets }).filter(([, target]) => target !== undefined);
  const used = Object.fromEntries(all) as unknown as HpaTargets;
  return () => hpaScaler({ ...LIMITS, targets: used, behavior });
};

export const ecs = (changes: Partial<typeof SHIPPED_ECS> = {}): (() => Scaler) => {
  return () => ecsScaler({ ...LIMITS, ...SHIPPED_ECS, ...changes });
};

const fewest = (rate: number): number =>
  fewestReplicas({ rate, mean: RUN_TIMES.mean, cv: RUN_TIMES.cv }, TARGET, LIMITS.maxReplicas)!;

/** What someone pays who knows the load ahead and starts replicas in no time, in replica-seconds. */
const oracle = ({ segments }: Arrivals): number =>
  segments.reduce((sum, { from, to, rate }) => sum + (to - from) * fewest(rate), 0);

export interface Days {
  /** Times what the oracle pays, in the mean. */
  readonly cost: number;
  /** p95 of the waits: of the usual day, and of the worst one. */
  readonly p95: number;
  readonly worstP95: number;
  readonly meanReplicas: number;
}

interface Variant {
  readonly arrivals?: Arrivals;
  readonly balancing?: Balancing;
  readonly isQueueSeen?: boolean;
  readonly count?: number;
  readonly firstSeed?: number;
}

/** Plays several days of the kind, each with an autoscaler of its own. */
export function playDays(scalerFor: () => Scaler, variant: Variant = {}): Days {
  const {
    arrivals = BURST_DAY,
    balancing = 'shared',
    isQueueSeen = true,
    count = 12,
    firstSeed = 0,
  } = variant;
  const days = Array.from({ length: count }, (_, index): Outcome => {
    return simulate({
      ...{ arrivals, balancing, isQueueSeen, runTimes: RUN_TIMES, startup: STARTUP },
      replicas: fewest(arrivals.segments[0]!.rate),
      scaler: scalerFor(),
      metricDelay: 15,
      queueLimit: 64,
      seed: firstSeed + index,
    });
  });
  const waits = days.map((day) => day.waits.p95).sort((a, b) => a - b);
  const seconds = days.reduce((sum, { replicaSeconds }) => sum + replicaSeconds, 0) / count;
  return {
    cost: seconds / oracle(arrivals),
    p95: waits[Math.floor((count - 1) / 2)]!,
    worstP95: waits.at(-1)!,
    meanReplicas: seconds / arrivals.duration,
  };
}
