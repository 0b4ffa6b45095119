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

/** ECS target tracking on the average of oneslot_backlog_seconds over the tasks. */
export function ecsScaler(options: TargetTrackingOptions): Scaler {
  const tracking = new TargetTracking(options);
  return {
    period: TRACKING_PERIOD_SECONDS,
    desired(now, current, { backlogSeconds, ready }) {
      const isKnown = backlogSeconds !== undefined && ready !== undefined && ready > 0;
      return tracking.desired(now, current, isKnown ? backlogSeconds / ready : undefined);
    },
  };
}
