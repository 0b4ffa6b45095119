// CloudWatch's embedded metric format: one line of JSON a period on stdout, of which CloudWatch Logs makes metrics.

import type { Cancel, Clock } from '../clock.js';
import type { Snapshot } from '../observer.js';
import type { EcsTask } from './ecs-task.js';
import { scalingReport } from './scaling.js';

export interface EndedTotals {
  /** For lack of capacity. */
  readonly refused: number;
  readonly failed: number;
}

export interface EmbeddedMetricsOptions {
  readonly clock: Clock;
  /** Milliseconds since 1970. */
  readonly wallMs: () => number;
  readonly snapshot: () => Snapshot;
  /** Predictions since the start that ended so. */
  readonly totals: () => EndedTotals;
  /** Undefined until it is known; no line is written before. */
  readonly task: () => EcsTask | undefined;
  readonly namespace: string;
  readonly periodMs: number;
  readonly writeLine: (line: string) => void;
}

/** CloudWatch keeps whole minutes, unless it is told that the values come more often. */
const STANDARD_PERIOD_MS = 60_000;

export class EmbeddedMetrics {
  readonly #options: EmbeddedMetricsOptions;
  #cancel: Cancel = () => {};
  #totals: EndedTotals;

  constructor(options: EmbeddedMetricsOptions) {
    this.#options = options;
    this.#totals = options.totals();
    this.#schedule(0);
  }

  stop(): void {
    this.#cancel();
  }

  /**
   * A line is due in the middle of each period of the wall clock. Where each replica writes exactly one a minute, their
   * sum is right; a timer that only counts from the line before would drift across the edge of a minute one day.
   */
  #schedule(periods: number): void {
    const { clock, wallMs, periodMs } = this.#options;
    const intoMs = wallMs() % periodMs;
    const toMiddleMs = periodMs / 2 - intoMs;
    const delayMs = toMiddleMs > 0 && periods === 0 ? toMiddleMs : toMiddleMs + periodMs;
    this.#cancel = clock.after(delayMs, () => {
      this.#schedule(1);
      this.#write();
    });
  }

  #write(): void {
    const { task, totals, snapshot, wallMs, writeLine } = this.#options;
    const present = task();
    if (present === undefined) return;
    const { refused, failed } = totals();
    const since = { refused: refused - this.#totals.refused, failed: failed - this.#totals.failed };
    const line = this.#lineOf(present, snapshot(), since, wallMs());
    this.#totals = { refused, failed };
    writeLine(JSON.stringify(line));
  }

  #lineOf(
    { cluster, service, taskId }: EcsTask,
    snapshot: Snapshot,
    { refused, failed }: EndedTotals,
    timestamp: number,
  ): object {
    const { namespace, periodMs } = this.#options;
    const { demand, backlogSeconds } = scalingReport(snapshot);
    const resolution = periodMs < STANDARD_PERIOD_MS ? { StorageResolution: 1 } : {};
    const metric = (Name: string, Unit: string) => ({ Name, Unit, ...resolution });
    const directive = {
      Namespace: namespace,
      Dimensions: [service === undefined ? ['ClusterName'] : ['ClusterName', 'ServiceName']],
      Metrics: [
        metric('Demand', 'Count'),
        metric('BacklogSeconds', 'Seconds'),
        metric('BusyRatio', 'None'),
        metric('Refusals', 'Count'),
        metric('Failures', 'Count'),
      ],
    };
    return {
      _aws: { Timestamp: Math.round(timestamp), CloudWatchMetrics: [directive] },
      ClusterName: cluster,
      ...(service !== undefined && { ServiceName: service }),
      TaskId: taskId,
      Demand: round(demand),
      BacklogSeconds: round(backlogSeconds),
      BusyRatio: round(snapshot.busyRatio),
      Refusals: refused,
      Failures: failed,
    };
  }
}

const round = (value: number): number => Math.round(value * 1000) / 1000;
