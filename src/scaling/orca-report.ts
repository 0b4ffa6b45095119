// The ORCA load report: a response header from which balancers learn how loaded this replica is.

import type { Clock } from '../clock.js';
import type { Snapshot } from '../observer.js';

/** Predictions since the start. */
export interface Totals {
  readonly received: number;
  readonly failed: number;
}

export interface OrcaReportOptions {
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly snapshot: () => Snapshot;
  readonly totals: () => Totals;
  /** The backlog at which the replica counts as fully used. */
  readonly targetBacklogMs: number;
}

export const ORCA_HEADER = 'endpoint-load-metrics';

/** Adding the line up costs as much as the line is long; balancers reckon weights once a second. */
const KEPT_MS = 1_000;
/** Envoy passes over a report whose utilization is zero, and the replica would keep its old weight. */
const LEAST_UTILIZATION = 0.01;
const SAMPLE_MS = 10_000;
const WINDOW_MS = 60_000;

interface Sample extends Totals {
  readonly atMs: number;
}

export class OrcaReport {
  readonly #options: OrcaReportOptions;
  readonly #samples: Sample[];
  #text: string | undefined;
  #textMs = Number.NEGATIVE_INFINITY;

  constructor(options: OrcaReportOptions) {
    this.#options = options;
    this.#samples = [{ atMs: options.clock.nowMs(), received: 0, failed: 0 }];
  }

  /** The header's value now. JSON, because Envoy's text form wants `name:value` where others want `name=value`. */
  header(): string | undefined {
    const nowMs = this.#options.clock.nowMs();
    if (nowMs - this.#textMs < KEPT_MS) return this.#text;
    this.#textMs = nowMs;
    this.#text = this.#textAt(nowMs);
    return this.#text;
  }

  /** No report is worth an answer: where it fails there is none. */
  #textAt(nowMs: number): string | undefined {
    try {
      return `JSON ${JSON.stringify(this.#report(nowMs))}`;
    } catch {
      return undefined;
    }
  }

  #report(nowMs: number): object {
    const { snapshot, targetBacklogMs } = this.#options;
    const { queued, running, backlogSeconds, busyRatio, oldestQueuedSeconds } = snapshot();
    const { received, failed } = this.#rates(nowMs);
    const fill = (backlogSeconds * 1000) / targetBacklogMs;
    return {
      application_utilization: round(Math.max(LEAST_UTILIZATION, busyRatio, fill)),
      rps_fractional: received,
      eps: failed,
      named_metrics: {
        queued,
        running,
        demand: queued + running,
        backlog_seconds: round(backlogSeconds),
        oldest_queued_seconds: round(oldestQueuedSeconds),
        busy_ratio: round(busyRatio),
      },
    };
  }

  /** A second, over the last minute or so. */
  #rates(nowMs: number): Totals {
    const totals = this.#options.totals();
    const samples = this.#samples;
    while (samples.length > 1 && nowMs - samples[1]!.atMs >= WINDOW_MS) samples.shift();
    const first = samples[0]!;
    // Between answers nothing is sampled: an older sample is as good as one of a minute ago.
    const seconds = Math.min(WINDOW_MS, Math.max(1_000, nowMs - first.atMs)) / 1000;
    if (nowMs - samples.at(-1)!.atMs >= SAMPLE_MS) samples.push({ atMs: nowMs, ...totals });
    return {
      received: round((totals.received - first.received) / seconds),
      failed: round((totals.failed - first.failed) / seconds),
    };
  }
}

const round = (value: number): number => Math.round(value * 1000) / 1000;
