// A queue in each replica, and a balancer that gives a request to the one with the fewest requests at that moment.

import type { Fleet, OnStart } from './fleet.js';
import { Heap } from './heap.js';
import { Line } from './line.js';
import { Ranks } from './ranks.js';

interface Replica {
  readonly line: Line;
  isRunning: boolean;
  isDraining: boolean;
}

export class LeastOutstanding implements Fleet {
  draining = 0;
  queued = 0;
  readonly #replicas: Replica[] = [];
  readonly #free: number[] = [];
  /** Those that take requests, by how many they have. */
  readonly #ranks = new Ranks();
  readonly #ends = new Heap(1024);
  /** Where requests wait while no replica is ready. */
  readonly #lobby = new Line();
  readonly #onStart: OnStart;

  constructor(onStart: OnStart) {
    this.#onStart = onStart;
  }

  get ready(): number {
    return this.#ranks.size;
  }

  get running(): number {
    return this.#ends.size;
  }

  get nextEnd(): number {
    return this.#ends.time;
  }

  runningSeconds(now: number): number {
    return this.#ends.remaining(now);
  }

  add(now: number): void {
    const id = this.#free.pop() ?? this.#replicas.length;
    this.#replicas[id] ??= { line: new Line(), isRunning: false, isDraining: false };
    this.#ranks.add(id);
    for (; this.#lobby.size > 0; this.#lobby.drop()) {
      this.queued--;
      this.#give(now, this.#lobby.arrivedAt, this.#lobby.runTime);
    }
  }

  remove(): void {
    const id = this.#ranks.takeLowest();
    const replica = this.#replicas[id]!;
    if (replica.isRunning) {
      replica.isDraining = true;
      this.draining++;
    } else this.#free.push(id);
  }

  arrive(now: number, runTime: number): void {
    if (this.#ranks.size > 0) this.#give(now, now, runTime);
    else {
      this.queued++;
      this.#lobby.push(now, runTime);
    }
  }

  end(): void {
    const now = this.#ends.time;
    const id = this.#ends.pop();
    const replica = this.#replicas[id]!;
    replica.isRunning = false;
    if (!replica.isDraining) this.#ranks.lower(id);
    if (replica.line.size > 0) this.#startNext(id, replica, now);
    else if (replica.isDraining) this.#leave(id, replica);
  }

  #give(now: number, arrivedAt: number, runTime: number): void {
    const id = this.#ranks.raiseLowest();
    const replica = this.#replicas[id]!;
    replica.line.push(arrivedAt, runTime);
    this.queued++;
    if (!replica.isRunning) this.#startNext(id, replica, now);
  }

  #startNext(id: number, replica: Replica, now: number): void {
    const { line } = replica;
    this.#onStart(line.arrivedAt, now, line.runTime);
    this.#ends.push(now + line.runTime, id);
    line.drop();
    this.queued--;
    replica.isRunning = true;
  }

  #leave(id: number, replica: Replica): void {
    replica.isDraining = false;
    this.draining--;
    this.#free.push(id);
  }
}
