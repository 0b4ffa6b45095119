// What autoscalers read: the answer of GET /scaling, and how busy the slot has been.

import type { Clock } from '../clock.js';
import type { Snapshot } from '../observer.js';

/** Body of GET /scaling. */
export interface ScalingReport {
  /** Waiting only. */
  readonly queued: number;
  /** In the present run. */
  readonly running: number;
  /** This replica's share of what waits in a balancer that keeps the queue; a fraction where it is shared. */
  readonly balancerQueued: number;
  /** queued + running + balancerQueued: what replicas are needed for. */
  readonly demand: number;
  /** Predicted time until all of the demand is served, as far as it is known. */
  readonly backlogSeconds: number;
  readonly oldestQueuedSeconds: number;
  /** Share of the last minute that the slot was in use, 0…1. */
  readonly busyRatio: number;
  readonly ready: boolean;
  readonly draining: boolean;
}

/**
 * What receives is no demand yet: it may still be refused for its content, and a slow upload must not start machines.
 *
 * @returns the answer of GET /scaling; the gauge oneslot_demand is `demand` without what waits in a balancer
 */
export function scalingReport(snapshot: Snapshot): ScalingReport {
  const { queued, running, balancerQueued, oldestQueuedSeconds, busyRatio, ready, draining } = snapshot;
  const demand = queued + running + balancerQueued;
  const backlogSeconds = snapshot.backlogSeconds + snapshot.balancerSeconds;
  return {
    ...{ queued, running, balancerQueued, demand, backlogSeconds },
    ...{ oldestQueuedSeconds, busyRatio, ready, draining },
  };
}

const CELL_MS = 1_000;
const CELLS = 60;
/** A typical run is the mean of the last ones, about so many. */
const TYPICAL_RUNS = 100;

/**
 * How long the slot was in use, in all and lately. It is told of the runs' own times, which are a little behind the
 * clock; what has been read once is never taken back, so the total never falls.
 */
export class BusyMeter {
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #originMs: number;
  /** Busy time in each of the last 60 seconds; a second's cell is its number modulo 60. */
  readonly #cells = new Float64Array(CELLS);
  /** All before this, counted from the origin, is settled. */
  #untilMs = 0;
  #totalMs = 0;
  #isBusy = false;
  #runs = 0;
  #runStartedMs = 0;
  #meanRunMs = 0;

  constructor(clock: Pick<Clock, 'nowMs'>) {
    this.#clock = clock;
    this.#originMs = clock.nowMs();
  }

  /** @param atMs monotonic time at which the run began */
  started(atMs: number = this.#clock.nowMs()): void {
    this.#advance(atMs);
    this.#isBusy = true;
    this.#runStartedMs = atMs;
  }

  /** @param atMs monotonic time at which the run ended */
  ended(atMs: number = this.#clock.nowMs()): void {
    this.#advance(atMs);
    this.#isBusy = false;
    this.#runs++;
    this.#meanRunMs += (atMs - this.#runStartedMs - this.#meanRunMs) / Math.min(this.#runs, TYPICAL_RUNS);
  }

  /** Since the start, the present run included; never falls. */
  get totalSeconds(): number {
    this.#advance(this.#clock.nowMs());
    return this.#totalMs / 1000;
  }

  /** How long a run takes, of whatever model; 0 before the first one has ended. */
  get typicalRunSeconds(): number {
    return Math.max(0, this.#meanRunMs) / 1000;
  }

  /** Share of the last minute that the slot was in use, 0…1; of the time since the start where that is shorter. */
  get ratio(): number {
    this.#advance(this.#clock.nowMs());
    // The oldest cell is whole and the present one is not: the window is 59 to 60 seconds long.
    const sinceMs = Math.max(0, (cellOf(this.#untilMs) - CELLS + 1) * CELL_MS);
    const spanMs = this.#untilMs - sinceMs;
    if (spanMs === 0) return Number(this.#isBusy);
    const busyMs = this.#cells.reduce((sum, cell) => sum + cell, 0);
    return Math.min(1, busyMs / spanMs);
  }

  #advance(atMs: number): void {
    const fromMs = this.#untilMs;
    const toMs = Math.max(fromMs, atMs - this.#originMs);
    this.#untilMs = toMs;
    if (this.#isBusy) this.#totalMs += toMs - fromMs;
    const last = cellOf(toMs);
    // Of a long run only the last minute is walked through.
    for (let cell = Math.max(cellOf(fromMs), last - CELLS + 1); cell <= last; cell++) {
      const startMs = cell * CELL_MS;
      if (startMs > fromMs) this.#cells[cell % CELLS] = 0;
      if (!this.#isBusy) continue;
      this.#cells[cell % CELLS]! += Math.min(toMs, startMs + CELL_MS) - Math.max(fromMs, startMs);
    }
  }
}

function cellOf(ms: number): number {
  return Math.floor(ms / CELL_MS);
}
