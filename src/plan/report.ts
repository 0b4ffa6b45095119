// The plan as plain data: what --json prints, and what the text and the pictures are made from.

import type { Waits } from './closed-forms.js';
import type { Plan, Scaled } from './plan.js';
import type { HpaTargets } from './scaler.js';
import type { Moment, Outcome } from './simulate.js';
import type { Steady } from './steady.js';

/** Times are in seconds, rates in arrivals a second. */
export interface Report {
  readonly load: {
    readonly seconds: number;
    readonly lowestRate: number;
    readonly meanRate: number;
    readonly peakRate: number;
    readonly runMean: number;
    readonly runCv: number;
  };
  readonly target: { readonly quantile: number; readonly wait: number };
  readonly steady: readonly SteadyReport[];
  readonly day: DayReport;
  /** What the autoscalers have to be told. */
  readonly settings: {
    readonly hpa: SettingReport & { readonly averageValues: Thresholds };
    /** Triggers of metricType AverageValue. */
    readonly keda: { readonly thresholds: Thresholds };
    readonly ecs: SettingReport & {
      /** Parameters of deploy/ecs: the targets of BacklogSeconds and BusyRatio. */
      readonly MaxWaitSeconds: number;
      readonly TargetBusyRatio: number;
      readonly ScaleOutCooldown: number;
      readonly ScaleInCooldown: number;
    };
  };
  readonly timeline: readonly Moment[];
}

/** By external metric. */
export type Thresholds = Readonly<Record<string, string>>;

interface SteadyReport {
  readonly rate: number;
  readonly load: number;
  readonly replicas: number;
  readonly busyRatio: number;
  readonly waits: Waits;
  readonly closedForm: { readonly replicas: number; readonly waits: Waits };
}

interface DayReport {
  readonly scaler: string;
  readonly isTargetKept: boolean;
  readonly withinTarget: number;
  readonly arrivals: number;
  readonly refused: number;
  readonly replicas: Outcome['replicas'];
  readonly replicaHours: number;
  readonly oracleReplicaHours: number;
  readonly busyRatio: number;
  readonly waits: Waits;
  readonly cost?: number;
}

export interface SettingReport {
  /** False where it was given, or where there were too many arrivals to search. */
  readonly isSearched: boolean;
  /** How many days of the kind were played; the rest is about all of them. */
  readonly days: number;
  /** Of one day in the mean. */
  readonly replicaHours?: number;
  /** On each day. */
  readonly isTargetKept?: boolean;
}

export function reportOf(plan: Plan): Report {
  const { setup, day, hpa, ecs } = plan;
  const { arrivals, runTimes, target } = setup;
  const { scaleOutCooldown, scaleInCooldown } = setup.ecs;
  return {
    load: {
      seconds: arrivals.duration,
      lowestRate: arrivals.lowestRate,
      meanRate: arrivals.meanRate,
      peakRate: arrivals.peakRate,
      runMean: runTimes.mean,
      runCv: runTimes.cv,
    },
    target,
    steady: plan.steady.map(steadyReport),
    day: dayReport(plan),
    settings: {
      hpa: { averageValues: thresholds(hpa.targets, milliText), ...settingReport(hpa, plan) },
      keda: { thresholds: thresholds(hpa.targets, (value) => String(threeDigits(value))) },
      ecs: {
        MaxWaitSeconds: threeDigits(ecs.backlogTarget),
        TargetBusyRatio: threeDigits(ecs.target),
        ScaleOutCooldown: scaleOutCooldown,
        ScaleInCooldown: scaleInCooldown,
        ...settingReport(ecs, plan),
      },
    },
    timeline: day.timeline,
  };
}

/** In the order of the manifests in deploy/kubernetes. */
function thresholds(targets: HpaTargets, write: (value: number) => string): Thresholds {
  const { demand, backlogSeconds, offeredLoad } = targets;
  const values = {
    oneslot_demand: demand,
    oneslot_backlog_seconds: backlogSeconds,
    oneslot_offered_load: offeredLoad,
  };
  const used = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(used.map(([name, value]) => [name, write(value!)]));
}

const threeDigits = (value: number): number => Number(value.toPrecision(3));

/** As Kubernetes writes thousandths. */
const milliText = (value: number): string => {
  const milli = Math.max(1, Math.round(value * 1000));
  return milli % 1000 === 0 ? String(milli / 1000) : `${milli}m`;
};

function steadyReport({ rate, load, replicas, busyRatio, waits, closedForm }: Steady): SteadyReport {
  return { rate, load, replicas, busyRatio, waits, closedForm };
}

function dayReport({ setup, day, oracleSeconds }: Plan): DayReport {
  const { target, price, scaledBy } = setup;
  const { arrivals, refused, replicas, busyRatio, waits } = day;
  const replicaHours = day.replicaSeconds / 3600;
  const withinTarget = day.within(target.wait);
  return {
    scaler: scaledBy,
    isTargetKept: withinTarget >= target.quantile,
    withinTarget,
    arrivals,
    refused,
    replicas,
    replicaHours,
    oracleReplicaHours: oracleSeconds / 3600,
    busyRatio,
    waits,
    ...(price !== undefined && { cost: replicaHours * price }),
  };
}

function settingReport({ isSearched, days }: Scaled, { setup: { target } }: Plan): SettingReport {
  if (days.length === 0) return { isSearched, days: 0 };
  const isTargetKept = days.every((day) => day.within(target.wait) >= target.quantile);
  const seconds = days.reduce((sum, { replicaSeconds }) => sum + replicaSeconds, 0);
  return { isSearched, days: days.length, replicaHours: seconds / days.length / 3600, isTargetKept };
}
