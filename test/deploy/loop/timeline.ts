// What a day was like, in parts of five minutes: arrivals, replicas, waits and refusals.

import { clockTime, figure } from '../../../src/plan/numbers.js';
import { WaitTimes } from '../../../src/plan/wait-times.js';
import { TARGET } from './day.js';

const PART = 300;

interface Part {
  readonly waits: WaitTimes;
  readonly replicas: number[];
  refused: number;
}

export class Timeline {
  readonly #parts: readonly Part[];

  constructor(duration: number) {
    this.#parts = Array.from({ length: Math.ceil(duration / PART) }, () => ({
      waits: new WaitTimes(),
      replicas: [],
      refused: 0,
    }));
  }

  /** @param dueAt when its caller came */
  served(dueAt: number, wait: number): void {
    this.#partOf(dueAt).waits.add(wait);
  }

  refused(dueAt: number): void {
    this.#partOf(dueAt).refused++;
  }

  /** @param paid starting, ready and draining ones */
  looked(at: number, paid: number): void {
    this.#partOf(at).replicas.push(paid);
  }

  /** A table of text. */
  toString(): string {
    const rows = this.#parts.map(({ waits, replicas, refused }, index) => [
      clockTime(index * PART),
      figure((waits.count + refused) / PART),
      figure(replicas.reduce((sum, count) => sum + count, 0) / replicas.length),
      figure(waits.quantile(TARGET.quantile)),
      String(refused),
    ]);
    const head = ['time', 'arrivals/s', 'replicas', 'p95 wait, s', 'refused'];
    return [head, ...rows].map((row) => row.map((cell) => cell.padStart(12)).join('')).join('\n');
  }

  #partOf(time: number): Part {
    return this.#parts[Math.min(Math.floor(time / PART), this.#parts.length - 1)]!;
  }
}
