// Counters and histograms: what the moments of predictions and runs add up to.

import { Histogram, type Registry } from 'prom-client';
import type { ErrorCode, Outcome } from '../errors.js';
import {
  CALL_RESULTS,
  type CallName,
  type CallResult,
  type Observer,
  RESTART_REASONS,
  type RestartReason,
} from '../observer.js';
import { type Count, Counts } from './counts.js';
import {
  CAPACITY_REASONS,
  COUNTERS,
  HISTOGRAMS,
  type HistogramDefinition,
  INVALID_REASONS,
  OUTCOMES,
  REFUSAL_REASONS,
} from './definitions.js';

type Labels = Readonly<Record<string, string>>;
type Series = Histogram.Internal<string>;

export interface PredictionTotals {
  readonly received: number;
  /** For lack of capacity; whom we do not let in is not counted. */
  readonly refused: number;
  readonly failed: number;
}

interface EndSeries {
  readonly count: Count;
  readonly seconds: Series;
}

interface RunSeries {
  readonly queueWait: Series;
  readonly run: Series;
  readonly batchSize: Series;
}

/** The model label of predictions that name no known model. */
const NO_MODEL = '';

export class PredictionMetrics implements Observer {
  readonly #counts: Record<keyof typeof COUNTERS, Counts>;
  readonly #histograms: Record<keyof typeof HISTOGRAMS, Histogram>;
  readonly #received: Count;
  readonly #offeredSeconds: Count;
  readonly #slotBusySeconds: Count;
  readonly #refusals = new Map<ErrorCode, Count>();
  readonly #invalid = new Map<ErrorCode, Count>();
  readonly #restarts = new Map<RestartReason, Count>();
  readonly #calls = new Map<string, Count>();
  readonly #ends = new Map<string, Record<Outcome, EndSeries>>();
  readonly #runs = new Map<string, RunSeries>();
  readonly #slotGap: Series;

  constructor(registry: Registry) {
    this.#counts = mapValues(COUNTERS, (definition) => new Counts(registry, definition));
    this.#histograms = mapValues(HISTOGRAMS, (definition) => histogramOf(registry, definition));
    this.#received = this.#counts.received.series();
    this.#offeredSeconds = this.#counts.offeredSeconds.series();
    this.#slotBusySeconds = this.#counts.slotBusySeconds.series();
    this.#slotGap = this.#histograms.slotGap.labels({});
    for (const reason of REFUSAL_REASONS) this.#refusal(reason);
    for (const reason of INVALID_REASONS) this.#mistake(reason);
    for (const reason of RESTART_REASONS) this.#restart(reason);
    this.#endsOf(NO_MODEL);
  }

  /** Shows the series of these models, at zero until something happens to them. */
  addModels(models: readonly string[]): void {
    for (const model of models) {
      this.#endsOf(model);
      this.#runsOf(model);
    }
  }

  /** Shows the series of these calls, at zero until there is one. */
  addCalls(calls: readonly CallName[]): void {
    for (const call of calls) for (const result of CALL_RESULTS) this.#call(call, result);
  }

  /** What was counted since the start. */
  get totals(): PredictionTotals {
    const failed = [...this.#ends.values()].map((ends) => ends.failed.count);
    const refused = CAPACITY_REASONS.map((reason) => this.#refusal(reason));
    return { received: this.#received.value, refused: sum(refused), failed: sum(failed) };
  }

  platformCalled(call: CallName, result: CallResult): void {
    this.#call(call, result).value += 1;
  }

  /** Takes over the slot's own total. Prometheus would take a fall for a restart, so it never falls here. */
  slotBusy(totalSeconds: number): void {
    this.#slotBusySeconds.value = Math.max(this.#slotBusySeconds.value, duration(totalSeconds));
  }

  /** Makes the counters of this moment those that the registry shows; histograms need no help. */
  publish(): void {
    for (const counts of Object.values(this.#counts)) counts.publish();
  }

  received(_model: string): void {
    this.#received.value += 1;
  }

  offered(_model: string, seconds: number): void {
    this.#offeredSeconds.value += duration(seconds);
  }

  refused(reason: ErrorCode): void {
    this.#refusal(reason).value += 1;
  }

  invalid(reason: ErrorCode): void {
    this.#mistake(reason).value += 1;
  }

  started(model: string, queueWaitSeconds: number): void {
    this.#runsOf(model).queueWait.observe(duration(queueWaitSeconds));
  }

  runStarted(model: string, size: number, gapSeconds: number | undefined): void {
    this.#runsOf(model).batchSize.observe(size);
    if (gapSeconds !== undefined) this.#slotGap.observe(duration(gapSeconds));
  }

  runEnded(model: string, runSeconds: number): void {
    this.#runsOf(model).run.observe(duration(runSeconds));
  }

  ended(model: string, outcome: Outcome, seconds: number): void {
    const series = this.#endsOf(model)[outcome];
    series.count.value += 1;
    series.seconds.observe(duration(seconds));
  }

  runnerRestarted(reason: RestartReason): void {
    this.#restart(reason).value += 1;
  }

  #refusal(reason: ErrorCode): Count {
    return memo(this.#refusals, reason, () => this.#counts.refused.series({ reason }));
  }

  #mistake(reason: ErrorCode): Count {
    return memo(this.#invalid, reason, () => this.#counts.invalid.series({ reason }));
  }

  #restart(reason: RestartReason): Count {
    return memo(this.#restarts, reason, () => this.#counts.runnerRestarts.series({ reason }));
  }

  #call(call: CallName, result: CallResult): Count {
    const series = () => this.#counts.platformCalls.series({ call, result });
    return memo(this.#calls, `${call} ${result}`, series);
  }

  #endsOf(model: string): Record<Outcome, EndSeries> {
    return memo(this.#ends, model, () => {
      const ends = OUTCOMES.map((outcome) => [outcome, this.#endOf({ model, outcome })]);
      return Object.fromEntries(ends) as Record<Outcome, EndSeries>;
    });
  }

  #endOf(labels: Labels): EndSeries {
    return {
      count: this.#counts.ended.series(labels),
      seconds: seriesOf(this.#histograms.prediction, labels),
    };
  }

  #runsOf(model: string): RunSeries {
    return memo(this.#runs, model, () => ({
      queueWait: seriesOf(this.#histograms.queueWait, { model }),
      run: seriesOf(this.#histograms.run, { model }),
      batchSize: seriesOf(this.#histograms.batchSize, { model }),
    }));
  }
}

function sum(counts: Iterable<Count>): number {
  let total = 0;
  for (const { value } of counts) total += value;
  return total;
}

/** prom-client throws at what is not finite, and a sum must not fall: an observer never throws. */
function duration(seconds: number): number {
  return seconds > 0 && seconds < Number.POSITIVE_INFINITY ? seconds : 0;
}

function histogramOf(registry: Registry, definition: HistogramDefinition): Histogram {
  const { name, help, labels = [], buckets } = definition;
  return new Histogram({ name, help, labelNames: [...labels], buckets: [...buckets], registers: [registry] });
}

function seriesOf(histogram: Histogram, labels: Labels): Series {
  histogram.zero(labels);
  return histogram.labels(labels);
}

function memo<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}

function mapValues<Key extends string, From, To>(
  record: Record<Key, From>,
  map: (from: From) => To,
): Record<Key, To> {
  const entries = Object.entries<From>(record).map(([key, from]) => [key, map(from)]);
  return Object.fromEntries(entries) as Record<Key, To>;
}
