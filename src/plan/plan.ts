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
  /** A target that is left out is searched for. */
  readonly ecs: {
    readonly target?: number;
    readonly scaleOutCooldown: number;
    readonly scaleInCooldown: number;
  };
  readonly seed: number;
}

/** One autoscaler's setting and the day that it makes. */
export interface Scaled {
  readonly target: number;
  /** False where it was given, or where the day has too many arrivals to search. */
  readonly isSearched: boolean;
  /** Left out where the day was not played with this one. */
  readonly day?: Outcome;
}

export interface Plan {
  readonly setup: PlanSetup;
  /** For the lowest, the mean and the highest rate; one where the rate stays. */
  readonly steady: readonly Steady[];
  readonly hpa: Scaled & { readonly targets: HpaTargets };
  readonly ecs: Scaled;
  /** The day with the scaler that was asked for. */
  readonly day: Outcome;
  /** Replica-seconds of someone who knows the load ahead and starts replicas in no time. */
  readonly oracleSeconds: number;
}

/** Arrivals that the search for a target may play in all. */
const SEARCH_ARRIVALS = 3_000_000;
const MOST_TRIES = 10;
const FEWEST_TRIES = 3;
/** A day in parts of ten minutes. */
const TIMELINE_PARTS = 144;

/** @throws Error where the target can't be kept with `maxReplicas` */
export function makePlan(setup: PlanSetup): Plan {
  const { arrivals } = setup;
  const rates = [...new Set([arrivals.lowestRate, arrivals.meanRate, arrivals.peakRate])];
  const rows = rates.filter((rate) => rate > 0).map((rate) => steady(rate, setup));
  const middle = rows[Math.floor(rows.length / 2)]!;
  const others = otherTargets(setup, middle);
  const hpa = scaled('hpa', setup, setup.hpa.targets.demand, busyShare(middle), (demand) =>
    hpaScaler({ ...setup, ...setup.hpa, targets: { ...others, demand } }),
  );
  const ecs = scaled('ecs', setup, setup.ecs.target, backlogPerReplica(middle, setup.runTimes), (target) =>
    ecsScaler({ ...setup, ...setup.ecs, target }),
  );
  const chosen = { hpa: hpa.day, ecs: ecs.day, none: undefined }[setup.scaledBy];
  const day = chosen ?? playDay(setup, rows.at(-1)!.replicas);
  const targets = { ...others, demand: hpa.target };
  return { setup, steady: rows, hpa: { ...hpa, targets }, ecs, day, oracleSeconds: oracleSeconds(setup) };
}

/** What runs, a little less: the autoscaler's tolerance must not eat what is to spare. */
const busyShare = ({ load, replicas }: Steady): number => load / replicas / (1 + HPA_TOLERANCE);

function otherTargets({ hpa, target }: PlanSetup, middle: Steady): Omit<HpaTargets, 'demand'> {
  const { backlogSeconds = Math.max(target.wait, 1), offeredLoad = busyShare(middle) } = hpa.targets;
  return { backlogSeconds, offeredLoad };
}

/** What waits, and the rest of what runs (the mean residual life of a renewal process). */
function backlogPerReplica({ load, demand, replicas }: Steady, { mean, cv }: RunTimes): number {
  return ((demand - load) * mean + (load * mean * (1 + cv ** 2)) / 2) / replicas;
}

function scaled(
  name: 'hpa' | 'ecs',
  setup: PlanSetup,
  given: number | undefined,
  guess: number,
  scalerFor: (value: number) => Scaler,
): Scaled {
  const { target, arrivals } = setup;
  const initial = initialReplicas(setup);
  const play = (value: number): Outcome => playDay(setup, initial, scalerFor(value));
  const tries = Math.min(MOST_TRIES, Math.floor(SEARCH_ARRIVALS / arrivals.count));
  if (given === undefined && tries >= FEWEST_TRIES) {
    const quality = (day: Outcome): number => day.within(target.wait) / target.quantile;
    const found = tune({ guess, tries, play, quality, cost: (day) => day.replicaSeconds });
    return { target: found.value, isSearched: true, day: found.result };
  }
  const value = given ?? guess;
  return { target: value, isSearched: false, ...(name === setup.scaledBy && { day: play(value) }) };
}

function playDay(setup: PlanSetup, replicas: number, scaler?: Scaler): Outcome {
  const scenario: Scenario = {
    ...setup,
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
