// Autoscalers as the simulator asks them: signals of the fleet in, wanted replicas out.

import { HPA_SYNC_MS, Hpa, type HpaOptions } from './hpa.js';
import { TargetTracking, type TargetTrackingOptions, TRACKING_PERIOD_SECONDS } from './target-tracking.js';

/** What oneslot's metrics tell of all replicas together. */
export interface Signals {
  /** Waiting, running, and as many as the refused ones would have kept running. */
  readonly demand: number;
  readonly backlogSeconds: number;
  /** Replicas' worth of work that came of late, refused ones too: oneslot:offered_load:rate5m. */
  readonly offeredLoad: number;
  /** How many replicas had a run since the last look, in the mean. */
  readonly busyReplicas: number;
  /** Replicas that are up. */
  readonly ready: number;
}

/** Times are in seconds. */
export interface Scaler {
  readonly period: number;
  /**
   * @param current how many replicas are wanted so far, those that start included
   * @param signals without those that could not be read
   */
  desired(now: number, current: number, signals: Partial<Signals>): number;
}

/** Each metric's averageValue, as the manifests in deploy/ have them; one that is left out is not used. */
export interface HpaTargets {
  /** Of the sum of oneslot_demand. */
  readonly demand: number;
  readonly backlogSeconds?: number;
  readonly offeredLoad?: number;
}

export interface HpaSettings extends Omit<HpaOptions, 'targets'> {
  readonly targets: HpaTargets;
}

/** A HorizontalPodAutoscaler, by itself or by way of KEDA. */
export function hpaScaler({ targets, ...options }: HpaSettings): Scaler {
  const used = (['demand', 'backlogSeconds', 'offeredLoad'] as const).filter(
    (name) => targets[name] !== undefined,
  );
  const hpa = new Hpa({ ...options, targets: used.map((name) => targets[name]!) });
  return {
    period: HPA_SYNC_MS / 1000,
    desired: (now, current, signals) =>
      hpa.desired(
        now * 1000,
        current,
        used.map((name) => signals[name]),
      ),
  };
}

export interface EcsSettings extends TargetTrackingOptions {
  /** `TargetValue` of a second policy, for the average of BusyRatio; left out, there is none. */
  readonly busyTarget?: number;
}

/**
 * ECS target tracking on the average of BacklogSeconds over the tasks, and on that of BusyRatio. The larger number of
 * the two is taken, so tasks go only where both policies agree.
 */
export function ecsScaler({ busyTarget, ...options }: EcsSettings): Scaler {
  const backlog = new TargetTracking(options);
  const busy = busyTarget === undefined ? undefined : new TargetTracking({ ...options, target: busyTarget });
  return {
    period: TRACKING_PERIOD_SECONDS,
    desired(now, current, { backlogSeconds, busyReplicas, ready }) {
      const average = (sum: number | undefined): number | undefined =>
        sum !== undefined && ready !== undefined && ready > 0 ? sum / ready : undefined;
      const wanted = backlog.desired(now, current, average(backlogSeconds));
      return Math.max(wanted, busy?.desired(now, current, average(busyReplicas)) ?? wanted);
    },
  };
}
