// Things done again and again on the injected clock, and how long to leave a platform alone that has failed.

import type { Cancel, Clock } from '../clock.js';

/** Starts the task now and every so many milliseconds; what it rejects with goes to `onError`, and it goes on. */
export function every(
  clock: Pick<Clock, 'after'>,
  periodMs: number,
  task: () => Promise<void>,
  onError: (error: unknown) => void,
): Cancel {
  let cancel: Cancel = () => {};
  const tick = (): void => {
    cancel = clock.after(periodMs, tick);
    task().catch(onError);
  };
  tick();
  return () => cancel();
}

/** When to try again: ever later while it fails, at once when it works. */
export class Backoff {
  readonly #firstMs: number;
  readonly #mostMs: number;
  #failures = 0;
  #untilMs = Number.NEGATIVE_INFINITY;

  constructor(firstMs: number, mostMs: number) {
    this.#firstMs = firstMs;
    this.#mostMs = mostMs;
  }

  isOver(nowMs: number): boolean {
    return nowMs >= this.#untilMs;
  }

  failed(nowMs: number): void {
    this.#untilMs = nowMs + Math.min(this.#mostMs, this.#firstMs * 2 ** this.#failures);
    this.#failures += 1;
  }

  worked(): void {
    this.#failures = 0;
    this.#untilMs = Number.NEGATIVE_INFINITY;
  }
}
