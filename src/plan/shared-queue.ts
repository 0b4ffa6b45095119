// One queue before all replicas, as HAProxy keeps it with `maxconn 1`: nobody waits while a replica is idle.

import type { Fleet, OnStart } from './fleet.js';
import { Heap } from './heap.js';
import { Line } from './line.js';

/** Replicas are alike here, so they are only counted. */
export class SharedQueue implements Fleet {
  ready = 0;
  draining = 0;
  readonly #ends = new Heap(1024);
  readonly #line = new Line(1024);
  readonly #onStart: OnStart;

  constructor(onStart: OnStart) {
    this.#onStart = onStart;
  }

  get queued(): number {
    return this.#line.size;
  }

  get running(): number {
    return this.#ends.size;
  }

  get nextEnd(): number {
    return this.#ends.time;
  }

  get #idle(): number {
    return this.ready + this.draining - this.#ends.size;
  }

  runningSeconds(now: number): number {
    return this.#ends.remaining(now);
  }

  add(now: number): void {
    this.ready++;
    this.#startNext(now);
  }

  remove(): void {
    if (this.#idle === 0) this.draining++;
    this.ready--;
  }

  arrive(now: number, runTime: number): void {
    this.#line.push(now, runTime);
    this.#startNext(now);
  }

  end(): void {
    const now = this.#ends.time;
    this.#ends.pop();
    // Whoever is done first leaves: it has the least to lose.
    if (this.draining > 0) this.draining--;
    else this.#startNext(now);
  }

  #startNext(now: number): void {
    if (this.#line.size === 0 || this.#idle === 0) return;
    this.#onStart(this.#line.arrivedAt, now, this.#line.runTime);
    this.#ends.push(now + this.#line.runTime, 0);
    this.#line.drop();
  }
}
