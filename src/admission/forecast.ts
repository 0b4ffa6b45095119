// How long the wait is: the rest of the present run, and the run times of all who are ahead in line.

import type { Clock } from '../clock.js';
import { Backlog, type Span, type Turn } from '../estimator/backlog.js';
import type { Times } from '../estimator/joint.js';
import type { Prediction } from '../prediction.js';
import type { Queue } from '../queue/queue.js';
import type { Slot } from '../slot/slot.js';

export interface ForecastOptions {
  readonly queue: Pick<Queue, 'inOrder' | 'ahead' | 'version'>;
  readonly slot: Pick<Slot, 'rest' | 'run'>;
  readonly times: Times;
  readonly clock: Clock;
  /** Whether one may share a run. @default whoever has a batch key */
  readonly joins?: (prediction: Prediction) => boolean;
}

/** A sum over the line is kept so long while nobody comes or goes: refusals come faster than that. */
const KEPT_MS = 20;

/** Of the line's turns so many are told one by one; what follows goes on at their pace. */
const MOST_TURNS = 1024;

const NOTHING: Span = { knownMs: 0, isComplete: true };

interface Kept {
  readonly version: number;
  readonly atMs: number;
  readonly span: Span;
}

interface KeptTurns {
  readonly version: number;
  readonly atMs: number;
  readonly timesMs: readonly number[];
}

export class Forecast {
  readonly #options: ForecastOptions;
  readonly #ahead = new Map<number, Kept>();
  #turns: KeptTurns | undefined;

  constructor(options: ForecastOptions) {
    this.#options = options;
  }

  /** Until those in line have the slot. */
  get rest(): Span {
    return this.#options.slot.rest;
  }

  /** How long the present run has lasted. */
  get elapsedMs(): number {
    return this.#options.slot.run?.elapsedMs ?? 0;
  }

  /** Until all in line have run. */
  get total(): Span {
    const backlog = this.backlog();
    for (const prediction of this.#options.queue.inOrder()) backlog.add(prediction);
    return backlog.span;
  }

  /** Until the run of a newcomer of this urgency. */
  waitOf(urgency: number): Span {
    const rest = this.rest;
    const ahead = this.#aheadOf(urgency);
    return { knownMs: rest.knownMs + ahead.knownMs, isComplete: rest.isComplete && ahead.isComplete };
  }

  /** The turns of all in line, from its head. */
  *turns(): Generator<Turn> {
    const backlog = this.backlog();
    for (const prediction of this.#options.queue.inOrder()) {
      yield backlog.turnOf(prediction);
      backlog.add(prediction);
    }
  }

  /**
   * Clock times at which the turns of the line come, and at last its end, ascending, as far as they are known. Empty
   * while nothing runs: a turn then comes with a body, and nobody knows when that is here.
   */
  get turnTimes(): readonly number[] {
    const { queue, clock } = this.#options;
    const nowMs = clock.nowMs();
    const kept = this.#turns;
    if (kept !== undefined && kept.version === queue.version && nowMs - kept.atMs < KEPT_MS)
      return kept.timesMs;
    const timesMs = this.#listTurns().map((startMs) => nowMs + startMs);
    this.#turns = { version: queue.version, atMs: nowMs, timesMs };
    return timesMs;
  }

  /** The present run, and nobody behind it yet. */
  backlog(): Backlog {
    return new Backlog(this.#options.times, this.rest, this.#options.joins);
  }

  #listTurns(): number[] {
    const { rest } = this;
    const startsMs: number[] = [];
    if (!rest.isComplete || rest.knownMs === 0) return startsMs;
    const backlog = this.backlog();
    for (const prediction of this.#options.queue.inOrder()) {
      const start = backlog.startOf(prediction);
      if (!start.isComplete || startsMs.length === MOST_TURNS) break;
      startsMs.push(start.knownMs);
      backlog.add(prediction);
    }
    const { span } = backlog;
    if (span.isComplete) startsMs.push(span.knownMs);
    return startsMs.sort((one, other) => one - other);
  }

  #aheadOf(urgency: number): Span {
    const { queue, clock } = this.#options;
    const { version } = queue;
    const nowMs = clock.nowMs();
    const kept = this.#ahead.get(urgency);
    if (kept !== undefined && kept.version === version && nowMs - kept.atMs < KEPT_MS) return kept.span;
    const span = this.#sumAhead(urgency);
    this.#ahead.set(urgency, { version, atMs: nowMs, span });
    return span;
  }

  #sumAhead(urgency: number): Span {
    const { queue, times, joins } = this.#options;
    const backlog = new Backlog(times, NOTHING, joins);
    for (const prediction of queue.ahead(urgency)) backlog.add(prediction);
    return backlog.span;
  }
}
