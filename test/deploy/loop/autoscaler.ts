// Kubernetes' HorizontalPodAutoscaler, fed as prometheus-adapter feeds it: the sums of the shipped recording rules.

import { HPA_SYNC_MS } from '../../../src/plan/hpa.js';
import { hpaScaler, type Signals } from '../../../src/plan/scaler.js';
import type { Prometheus } from '../../support/programs/prometheus.js';
import type { PlayedDay } from './day.js';
import type { DayClock } from './day-clock.js';
import type { Replicas } from './replicas.js';

/** What was seen and done at one look. */
export interface Look extends Partial<Signals> {
  readonly at: number;
  readonly wanted: number;
  readonly paid: number;
  /** What the replicas themselves know of the demand. */
  readonly inReplicas?: number;
}

const SYNC = HPA_SYNC_MS / 1000;

/** It takes over when its rates can look back this far: before, a load that has just begun looks like none. */
const RATE_WINDOW = 300;

/** Looks once a period until the day is over. */
export async function autoscale(
  clock: DayClock,
  prometheus: Prometheus,
  replicas: Replicas,
  day: PlayedDay,
): Promise<readonly Look[]> {
  const scaler = hpaScaler(day.hpa);
  const looks: Look[] = [];
  let wanted = replicas.ready.length;
  for (let at = SYNC; at < day.arrivals.duration; at += SYNC) {
    await clock.at(at);
    const [signals, inReplicas] = await Promise.all([
      read(prometheus, clock),
      prometheus.value('sum(oneslot_demand)'),
    ]);
    const ready = replicas.ready.length;
    if (at >= RATE_WINDOW) {
      wanted = scaler.desired(clock.now, wanted, { ...signals, ready });
      replicas.scaleTo(wanted);
    }
    looks.push({
      at,
      ...signals,
      wanted,
      ready,
      paid: replicas.paid,
      ...(inReplicas !== undefined && { inReplicas }),
    });
  }
  return looks;
}

async function read(prometheus: Prometheus, clock: DayClock): Promise<Partial<Omit<Signals, 'ready'>>> {
  const sumOf = (rule: string) => prometheus.value(`sum(${rule})`);
  const [demand, backlog, offeredLoad] = await Promise.all([
    sumOf('oneslot:demand:sum'),
    sumOf('oneslot:backlog_seconds:sum'),
    sumOf('oneslot:offered_load:rate5m'),
  ]);
  return {
    ...(demand !== undefined && { demand }),
    // Of the machine's seconds.
    ...(backlog !== undefined && { backlogSeconds: clock.ofMs(backlog * 1000) }),
    ...(offeredLoad !== undefined && { offeredLoad }),
  };
}
