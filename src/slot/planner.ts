// Who runs next, told to the runner ahead of time: while a run goes on, the inputs of the next ones travel to the runner,
// and the plan follows the line: as it changes, as it ages, and as a batch becomes too long for someone's deadline.

import type { Cancel, Clock } from '../clock.js';
import type { Estimator } from '../estimator/estimator.js';
import type { Prediction } from '../prediction.js';
import type { BatchOptions } from '../queue/batch.js';
import { composeBatch } from '../queue/batch.js';
import { composePlan, type Plan } from '../queue/plan.js';
import type { Queue } from '../queue/queue.js';
import type { PresentRun } from './present-run.js';
import type { Staging } from './staging.js';

export interface PlannerOptions {
  readonly staging: Staging;
  readonly estimator: Estimator;
  readonly clock: Clock;
  readonly mayJoin?: BatchOptions['mayJoin'];
  /** The run after which the planned one comes; without one, p-queue starts whoever is next. */
  readonly present: () => PresentRun | undefined;
}

/** Timers may be so early; a plan that is looked at before its time would only be looked at again. */
const SOONEST_MS = 1;

export class Planner {
  readonly #options: PlannerOptions;
  #queue!: Queue;
  #isDue = false;
  #isPlanning = false;
  #cancelLook: Cancel | undefined;

  constructor(options: PlannerOptions) {
    this.#options = options;
  }

  serve(queue: Queue): void {
    this.#queue = queue;
  }

  /** Those who run next, as of now. Whoever could not end in time any more leaves the line here. */
  compose(): readonly Prediction[] {
    const options = this.#inTime();
    return composeBatch(this.#queue.inOrder(), options).batch;
  }

  /** The line has changed, and so may the plan: once a turn of the event loop. */
  lineChanged(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(() => {
      this.#isDue = false;
      this.replan();
    });
  }

  replan(): void {
    this.#cancelLook?.();
    if (this.#isPlanning || this.#options.present() === undefined) return;
    this.#isPlanning = true;
    const options = this.#inTime();
    const plan = composePlan(this.#queue.inOrder(), options);
    this.#options.staging.tell(plan.runs);
    this.#isPlanning = false;
    this.#lookAgain(plan);
  }

  /** How things stand now, with nobody at the head any more who could not end in time. */
  #inTime(): BatchOptions {
    const { clock, estimator, present, mayJoin } = this.#options;
    const nowMs = clock.nowMs();
    this.#expireLateHeads(nowMs);
    return { nowMs, freeInMs: present()?.restMs ?? 0, times: estimator, ...(mayJoin && { mayJoin }) };
  }

  /** Timers fire late when the event loop is held up, and an estimate may have grown since one was set. */
  #expireLateHeads(nowMs: number): void {
    const { estimator } = this.#options;
    for (let { head } = this.#queue; head !== undefined; head = this.#queue.head) {
      if (head.deadlineMs === undefined) return;
      const estimate = estimator.estimate(head.model.name, head.work.workload);
      if (!head.isLate(nowMs, estimate?.leastMs ?? 0)) return;
      head.expire();
    }
  }

  #lookAgain({ runs, beginByMs }: Plan): void {
    const { clock } = this.#options;
    const inMs = Math.min(this.#queue.holdsForMs(runs.flat()), beginByMs - clock.nowMs());
    if (inMs === Number.POSITIVE_INFINITY) return;
    this.#cancelLook = clock.after(Math.max(inMs, SOONEST_MS), () => this.replan());
  }
}
