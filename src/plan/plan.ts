// The whole plan: replicas for constant rates, the settings that autoscalers need, and the day that they make.

import type { Arrivals } from './arrivals.js';
import { fewestReplicas } from './closed-forms.js';
import { HPA_TOLERANCE, type HpaOptions } from './hpa.js';
import type { RunTimes } from './run-times.js';
import { ecsScaler, type HpaTargets, hpaScaler, type Scaler } from './scaler.js';
import { type Balancing, type Outcome, type Scenario, simulate } from './simulate.js';
import { type Steady, steady, type Target } from './steady.js';
import { tune } from './tune.js';

export type ScalerName = 'hpa' | 'ecs' | 'none';

/** Times are in seconds. */
export interface PlanSetup {
  readonly arrivals: Arrivals;
  readonly runTimes: RunTimes;
  readonly target: Target;
  readonly balancing: Balancing;
  /** Whether the autoscaler is told of the queue of `shared`. */
  readonly isQueueSeen: boolean;
  readonly minReplicas: number;
  readonly maxReplicas: number;
  readonly startup: number;
  readonly metricDelay: number;
  readonly queueLimit: number;
  readonly maxWait?: number;
  /** For one replica and hour. */
  readonly price?: number;
  /** Which autoscaler's day is the plan's. */
  readonly scaledBy: ScalerName;
  /** Targets that are left out: demand is searched for, backlog is the wait, offered load comes from the formula. */
  readonly hpa: {
    readonly targets: Partial<HpaTargets>;
    readonly behavior?: NonNullable<HpaOptions['behavior']>;
  };
  /** Targets that are left out: that of backlog is the wait, that of the busy ratio is searched for. */
  readonly ecs: {
    readonly target?: number;
    readonly busyTarget?: number;
    readonly scaleOutCooldown: number;
    readonly scaleInCooldown: number;
  };
  readonly seed: number;
}

/** One autoscaler's setting and the days that it makes. */
export interface Scaled {
  readonly target: number;
  /** False where it was given, or where the day has too many arrivals to search. */
  readonly isSearched: boolean;
  /** The day, and others of its kind; empty where the day was not played with this one. */
  readonly days: readonly Outcome[];
}

export interface Plan {
  readonly setup: PlanSetup;
  /** For the lowest, the mean and the highest rate; one where the rate stays. */
  readonly steady: readonly Steady[];
  readonly hpa: Scaled & { readonly targets: HpaTargets };
  /** The target is that of the busy ratio. */
  readonly ecs: Scaled & { readonly backlogTarget: number };
  /** The day with the scaler that was asked for. */
  readonly day: Outcome;
  /** Replica-seconds of someone who knows the load ahead and starts replicas in no time. */
  readonly oracleSeconds: number;
}

/** Arrivals that the search for a target may play in all. */
const SEARCH_ARRIVALS = 3_000_000;
const MOST_TRIES = 10;
const FEWEST_TRIES = 3;
/** A target that just keeps the goal on one day misses it on the next: chance makes one burst worse than another. */
const MOST_DAYS = 8;
/** Of the formula's target of offered load: it leaves room for chance, which that of demand may do alone. */
const OFFERED_FACTORS = [1.2, 1.4];
const MOST_OFFERED = 0.95;
/** A day in parts of ten minutes. */
const TIMELINE_PARTS = 144;

/** @throws Error where the target can't be kept with `maxReplicas` */
export function makePlan(setup: PlanSetup): Plan {
  const { arrivals } = setup;
  const rates = [...new Set([arrivals.lowestRate, arrivals.meanRate, arrivals.peakRate])];
  const rows = rates.filter((rate) => rate > 0).map((rate) => steady(rate, setup));
  const middle = rows[Math.floor(rows.length / 2)]!;
  const hpa = hpaScaled(setup, middle);
  const ecs = ecsScaled(setup, middle);
  const chosen = { hpa: hpa.days[0], ecs: ecs.days[0], none: undefined }[setup.scaledBy];
  const day = chosen ?? playDay(setup, rows.at(-1)!.replicas);
  return { setup, steady: rows, hpa, ecs, day, oracleSeconds: oracleSeconds(setup) };
}

/** The cheapest of those found with each target of offered load; that of demand is searched for. */
function hpaScaled(setup: PlanSetup, middle: Steady): Plan['hpa'] {
  const others = otherTargets(setup, middle);
  const factors = setup.hpa.targets.offeredLoad === undefined ? [1, ...OFFERED_FACTORS] : [1];
  const [first, ...rest] = factors.map((factor): Plan['hpa'] => {
    const offeredLoad = Math.min(others.offeredLoad! * factor, Math.max(others.offeredLoad!, MOST_OFFERED));
    const own = { ...others, offeredLoad };
    const found = scaled('hpa', setup, setup.hpa.targets.demand, busyShare(middle), (demand) =>
      hpaScaler({ ...setup, ...setup.hpa, targets: { ...own, demand } }),
    );
    return { ...found, targets: { ...own, demand: found.target } };
  });
  if (!first!.isSearched) return first!;
  return rest.reduce((best, each) => (isBetter(each, best, setup) ? each : best), first!);
}

function isBetter(one: Scaled, other: Scaled, { target }: PlanSetup): boolean {
  const [quality, least] = [one, other].map(({ days }) => Math.min(qualityOf(days, target), 1));
  return quality! > least! || (quality === least && costOf(one.days) < costOf(other.days));
}

/** Of the worst day: 1 and more keeps the goal. */
const qualityOf = (days: readonly Outcome[], { wait, quantile }: Target): number =>
  Math.min(...days.map((day) => day.within(wait))) / quantile;

const costOf = (days: readonly Outcome[]): number =>
  days.reduce((sum, { replicaSeconds }) => sum + replicaSeconds, 0);

/** What runs, a little less: the autoscaler's tolerance must not eat what is to spare. */
const busyShare = ({ load, replicas }: Steady): number => load / replicas / (1 + HPA_TOLERANCE);

function otherTargets({ hpa, target }: PlanSetup, middle: Steady): Omit<HpaTargets, 'demand'> {
  const { backlogSeconds = Math.max(target.wait, 1), offeredLoad = busyShare(middle) } = hpa.targets;
  return { backlogSeconds, offeredLoad };
}

function ecsScaled(setup: PlanSetup, middle: Steady): Plan['ecs'] {
  const backlogTarget = setup.ecs.target ?? Math.max(setup.target.wait, setup.runTimes.mean);
  const found = scaled(
    'ecs',
    setup,
    setup.ecs.busyTarget,
    busyShare(middle),
    (busyTarget) => ecsScaler({ ...setup, ...setup.ecs, target: backlogTarget, busyTarget }),
    1,
  );
  return { ...found, backlogTarget };
}

function scaled(
  name: 'hpa' | 'ecs',
  setup: PlanSetup,
  given: number | undefined,
  guess: number,
  scalerFor: (value: number) => Scaler,
  most?: number,
): Scaled {
  const { target, arrivals } = setup;
  const initial = initialReplicas(setup);
  const count = Math.min(MOST_DAYS, Math.max(1, Math.floor(SEARCH_ARRIVALS / arrivals.count / MOST_TRIES)));
  const play = (value: number): readonly Outcome[] =>
    Array.from({ length: count }, (_, day) => playDay(setup, initial, scalerFor(value), day));
  const tries = Math.min(MOST_TRIES, Math.floor(SEARCH_ARRIVALS / arrivals.count / count));
  if (given === undefined && tries >= FEWEST_TRIES) {
    const quality = (days: readonly Outcome[]): number => qualityOf(days, target);
    const found = tune({ guess, tries, play, quality, cost: costOf, ...(most !== undefined && { most }) });
    return { target: found.value, isSearched: true, days: found.result };
  }
  const value = given ?? Math.min(guess, most ?? guess);
  return { target: value, isSearched: false, days: name === setup.scaledBy ? play(value) : [] };
}

/** @param day 0 is the day of the seed, the others are of its kind */
function playDay(setup: PlanSetup, replicas: number, scaler?: Scaler, day = 0): Outcome {
  const scenario: Scenario = {
    ...setup,
    seed: (setup.seed + day) % 2 ** 32,
    replicas: Math.max(setup.minReplicas, replicas),
    quantile: setup.target.quantile,
    parts: TIMELINE_PARTS,
    ...(scaler && { scaler }),
  };
  return simulate(scenario);
}

const replicasAt = (rate: number, { runTimes, target, minReplicas, maxReplicas }: PlanSetup): number => {
  const { mean, cv } = runTimes;
  return Math.max(minReplicas, fewestReplicas({ rate, mean, cv }, target, maxReplicas) ?? maxReplicas);
};

const initialReplicas = (setup: PlanSetup): number => replicasAt(setup.arrivals.segments[0]!.rate, setup);

const oracleSeconds = (setup: PlanSetup): number =>
  setup.arrivals.segments.reduce((sum, { from, to, rate }) => sum + (to - from) * replicasAt(rate, setup), 0);
