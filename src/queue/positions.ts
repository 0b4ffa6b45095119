// Where each one stands in the line, for callers who want to see themselves move.

import type { Clock } from '../clock.js';
import type { Turn } from '../estimator/backlog.js';
import type { Prediction } from '../prediction.js';

export interface Place {
  /** 1 is the head of the line. */
  readonly position: number;
  /** Predicted ms until its run begins; missing where something ahead of it is unknown. */
  readonly etaMs?: number;
}

type Watcher = (place: Place) => void;

export interface PositionsOptions {
  /** The line from its head, with everyone's turn. */
  readonly turns: () => Iterable<Turn>;
  readonly clock: Clock;
}

/** Nobody reads faster, and a long line costs something each time. */
const PAUSE_MS = 50;

export class Positions {
  readonly #options: PositionsOptions;
  readonly #watchers = new Map<Prediction, Watcher>();
  #isDue = false;
  #isPausing = false;

  constructor(options: PositionsOptions) {
    this.#options = options;
  }

  /** Tells the watcher its place now and whenever the line changes, until the returned function is called. */
  watch(prediction: Prediction, watcher: Watcher): () => void {
    this.#watchers.set(prediction, watcher);
    this.lineChanged();
    return () => {
      this.#watchers.delete(prediction);
    };
  }

  /** Only while anyone watches, and then at once for the first change of many. */
  lineChanged(): void {
    if (this.#watchers.size === 0) return;
    this.#isDue = true;
    if (!this.#isPausing) this.#tellSoon();
  }

  #tellSoon(): void {
    this.#isPausing = true;
    setImmediate(() => {
      this.#isDue = false;
      this.#tellAll();
      this.#options.clock.after(PAUSE_MS, () => {
        this.#isPausing = false;
        if (this.#isDue) this.#tellSoon();
      });
    });
  }

  #tellAll(): void {
    let position = 0;
    let told = 0;
    for (const { prediction, start } of this.#options.turns()) {
      if (told === this.#watchers.size) return;
      position += 1;
      const watcher = this.#watchers.get(prediction);
      if (watcher === undefined) continue;
      told += 1;
      watcher({ position, ...(start.isComplete && { etaMs: Math.round(start.knownMs) }) });
    }
  }
}
