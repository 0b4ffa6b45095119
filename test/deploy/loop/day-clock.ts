// The day's time: seconds since it began, of which several pass in one of the machine's.

import { setTimeout as delay } from 'node:timers/promises';

export class DayClock {
  /** How many seconds of the day pass in one of the machine's. */
  readonly speed: number;
  #startedMs = performance.now();

  constructor(speed: number) {
    this.speed = speed;
  }

  begin(): void {
    this.#startedMs = performance.now();
  }

  get now(): number {
    return this.ofMs(performance.now() - this.#startedMs);
  }

  /** Resolves at this time of the day, or at once where it has passed. */
  async at(time: number): Promise<void> {
    const ms = this.toMs(time - this.now);
    if (ms > 0) await delay(ms);
  }

  /** Milliseconds of the machine's in so many seconds of the day. */
  toMs(seconds: number): number {
    return (seconds / this.speed) * 1000;
  }

  /** Seconds of the day in so many milliseconds of the machine's. */
  ofMs(ms: number): number {
    return (ms / 1000) * this.speed;
  }
}
