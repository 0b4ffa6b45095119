// The run that is going on: whose it is, how long it may take, and whether anyone still waits for it.

import type { Cancel, Clock } from '../clock.js';
import { restMs } from '../estimator/estimator.js';
import type { Prediction } from '../prediction.js';
import type { Estimate, Workload } from '../workload.js';

export interface PresentRunOptions {
  readonly clock: Clock;
  readonly startedMs: number;
  /** Without those who had left just before it began; empty where all had. */
  readonly batch: readonly Prediction[];
  /** Whether it began for more than one, whoever had left by then. */
  readonly isShared: boolean;
  readonly model: string;
  /** Undefined where someone had left, and what it brought is forgotten. */
  readonly workload: Workload | undefined;
  readonly estimate: Estimate | undefined;
}

export class PresentRun {
  readonly startedMs: number;
  readonly batch: readonly Prediction[];
  readonly isShared: boolean;
  readonly model: string;
  readonly workload: Workload | undefined;
  readonly #estimate: Estimate | undefined;
  readonly #clock: Clock;
  readonly #timers = new Set<Cancel>();

  constructor(options: PresentRunOptions) {
    this.startedMs = options.startedMs;
    this.batch = options.batch;
    this.isShared = options.isShared;
    this.model = options.model;
    this.workload = options.workload;
    this.#estimate = options.estimate;
    this.#clock = options.clock;
  }

  get elapsedMs(): number {
    return Math.max(0, this.#clock.nowMs() - this.startedMs);
  }

  /** Predicted; never zero, and undefined where nothing like it has run before. */
  get restMs(): number | undefined {
    return this.#estimate && restMs(this.#estimate, this.elapsedMs);
  }

  /** How long the whole run should take; undefined where unknown. */
  get expectedMs(): number | undefined {
    return this.#estimate?.meanMs;
  }

  /** Whether no caller asked for it. */
  get isCheck(): boolean {
    return this.batch[0]?.isCheck ?? false;
  }

  /** Whether every caller has an answer or is gone. */
  get isAbandoned(): boolean {
    return this.batch.every(({ isSettled }) => isSettled);
  }

  /** A timer that goes with the run. */
  after(delayMs: number, callback: () => void): void {
    const cancel = this.#clock.after(delayMs, () => {
      this.#timers.delete(cancel);
      callback();
    });
    this.#timers.add(cancel);
  }

  close(): void {
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
  }
}
