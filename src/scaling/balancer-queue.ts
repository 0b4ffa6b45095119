// What waits for this replica in a balancer that keeps the queue itself: HAProxy says so with each readiness check.
// Each replica takes its share, so that a sum over the replicas is the queue.

import type { Clock } from '../clock.js';

/** `NAME; queued=N; replicas=M`, as deploy/haproxy writes it. */
export const BALANCER_HEADER = 'oneslot-balancer';
const FORM = /^([\w.:-]{1,255}); queued=(\d{1,9}); replicas=(\d{1,6})$/;

/** Checks come each second; a balancer that has said nothing for so long is gone, or has no way here. */
const FRESH_MS = 10_000;
/** Names are the balancers' own; one more than these takes the place of the one that was heard longest ago. */
const MOST_BALANCERS = 16;

interface Word {
  readonly share: number;
  readonly atMs: number;
}

export class BalancerQueue {
  readonly #clock: Pick<Clock, 'nowMs'>;
  /** By the balancer's name, the one that was heard longest ago first. */
  readonly #words = new Map<string, Word>();

  constructor(clock: Pick<Clock, 'nowMs'>) {
    this.#clock = clock;
  }

  /** @param header of a readiness check; what is of another form is passed over */
  hear(header: string): void {
    const [, name, queued, replicas] = FORM.exec(header) ?? [];
    if (name === undefined) return;
    this.#words.delete(name);
    if (this.#words.size === MOST_BALANCERS) this.#words.delete(this.#words.keys().next().value!);
    const share = Number(queued) / Math.max(1, Number(replicas));
    this.#words.set(name, { share, atMs: this.#clock.nowMs() });
  }

  /** Requests that wait for this replica, over all balancers; a fraction where they are shared. */
  get share(): number {
    const sinceMs = this.#clock.nowMs() - FRESH_MS;
    let sum = 0;
    for (const { share, atMs } of this.#words.values()) if (atMs >= sinceMs) sum += share;
    return sum;
  }
}
