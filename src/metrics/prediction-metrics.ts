// Counters and histograms: what the moments of predictions and runs add up to.

import type { ErrorCode, Outcome } from '../errors.js';
import {
  CALL_RESULTS,
  type CallName,
  type CallResult,
  type Observer,
  RESTART_REASONS,
  type RestartReason,
} from '../observer.js';
import {
  CAPACITY_REASONS,
  COUNTERS,
  HISTOGRAMS,
  INVALID_REASONS,
  OUTCOMES,
  REFUSAL_REASONS,
} from './definitions.js';
import { type Count, CounterFamily, type Distribution, HistogramFamily, type Pieces } from './series.js';

export interface PredictionTotals {
  readonly received: number;
  /** For lack of capacity; whom we do not let in is not counted. */
  readonly refused: number;
  readonly failed: number;
}

interface RunSeries {
  readonly queueWait: Distribution;
  readonly run: Distribution;
}

interface CheckSeries {
  readonly made: Count;
  readonly mismatches: Count;
}

/** Of a model with a thousand neighbours, what never happens to it takes no room on the page. */
type EndSeries = Partial<Record<Outcome, Distribution>>;

/** The model label of predictions that name no known model. */
const NO_MODEL = '';

export class PredictionMetrics implements Observer {
  readonly #counts: Record<keyof typeof COUNTERS, CounterFamily>;
  readonly #histograms: Record<keyof typeof HISTOGRAMS, HistogramFamily>;
  readonly #received: Count;
  readonly #offeredSeconds: Count;
  readonly #slotBusySeconds: Count;
  readonly #refusals = new Map<ErrorCode, Count>();
  readonly #invalid = new Map<ErrorCode, Count>();
  readonly #restarts = new Map<RestartReason, Count>();
  readonly #calls = new Map<string, Count>();
  readonly #ends = new Map<string, Record<Outcome, Count>>();
  readonly #endSeconds = new Map<string, EndSeries>();
  readonly #runs = new Map<string, RunSeries>();
  readonly #batchSizes = new Map<string, Distribution>();
  readonly #checks = new Map<string, CheckSeries>();
  readonly #slotGap: Distribution;

  constructor() {
    this.#counts = mapValues(COUNTERS, (definition) => new CounterFamily(definition));
    this.#histograms = mapValues(HISTOGRAMS, (definition) => new HistogramFamily(definition));
    this.#received = this.#counts.received.series();
    this.#offeredSeconds = this.#counts.offeredSeconds.series();
    this.#slotBusySeconds = this.#counts.slotBusySeconds.series();
    this.#slotGap = this.#histograms.slotGap.series();
    for (const reason of REFUSAL_REASONS) this.#refusal(reason);
    for (const reason of INVALID_REASONS) this.#mistake(reason);
    for (const reason of RESTART_REASONS) this.#restart(reason);
    this.#endsOf(NO_MODEL);
  }

  /**
   * Shows the series of these models, at zero until something happens to them: every counter, and the times of what
   * goes well. The times of other ends, and the sizes of batches, follow as the first one happens.
   */
  addModels(models: readonly string[]): void {
    for (const model of models) {
      this.#endsOf(model);
      this.#secondsOf(model, 'completed');
      this.#runsOf(model);
    }
  }

  /** Shows the series of these calls, at zero until there is one. */
  addCalls(calls: readonly CallName[]): void {
    for (const call of calls) for (const result of CALL_RESULTS) this.#call(call, result);
  }

  /** What was counted since the start. */
  get totals(): PredictionTotals {
    const failed = [...this.#ends.values()].map((ends) => ends.failed);
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

  /** Everything as it is at this moment, as text that is made as it is read. */
  cut(): Pieces[] {
    return [...Object.values(this.#counts), ...Object.values(this.#histograms)].map((family) => family.cut());
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
    this.#batchSizeOf(model).observe(size);
    if (gapSeconds !== undefined) this.#slotGap.observe(duration(gapSeconds));
  }

  runEnded(model: string, runSeconds: number): void {
    this.#runsOf(model).run.observe(duration(runSeconds));
  }

  ended(model: string, outcome: Outcome, seconds: number): void {
    this.#endsOf(model)[outcome].value += 1;
    this.#secondsOf(model, outcome).observe(duration(seconds));
  }

  runnerRestarted(reason: RestartReason): void {
    this.#restart(reason).value += 1;
  }

  batchDeclared(model: string): void {
    this.#checksOf(model);
  }

  batchChecked(model: string, isMismatch: boolean): void {
    this.#checksOf(model).made.value += 1;
    if (isMismatch) this.#checksOf(model).mismatches.value += 1;
  }

  #checksOf(model: string): CheckSeries {
    return memo(this.#checks, model, () => ({
      made: this.#counts.batchChecks.series({ model }),
      mismatches: this.#counts.batchMismatches.series({ model }),
    }));
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

  #endsOf(model: string): Record<Outcome, Count> {
    return memo(this.#ends, model, () => {
      const ends = OUTCOMES.map((outcome) => [outcome, this.#counts.ended.series({ model, outcome })]);
      return Object.fromEntries(ends) as Record<Outcome, Count>;
    });
  }

  #secondsOf(model: string, outcome: Outcome): Distribution {
    const ends = memo(this.#endSeconds, model, (): EndSeries => ({}));
    ends[outcome] ??= this.#histograms.prediction.series({ model, outcome });
    return ends[outcome];
  }

  #runsOf(model: string): RunSeries {
    return memo(this.#runs, model, () => ({
      queueWait: this.#histograms.queueWait.series({ model }),
      run: this.#histograms.run.series({ model }),
    }));
  }

  #batchSizeOf(model: string): Distribution {
    return memo(this.#batchSizes, model, () => this.#histograms.batchSize.series({ model }));
  }
}

function sum(counts: Iterable<Count>): number {
  let total = 0;
  for (const { value } of counts) total += value;
  return total;
}

/** A sum that is not finite would stay so, and one that falls would be taken for a restart. */
function duration(seconds: number): number {
  return seconds > 0 && seconds < Number.POSITIVE_INFINITY ? seconds : 0;
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
