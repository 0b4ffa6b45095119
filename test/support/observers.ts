// Observers for tests: one that hears nothing, and one that keeps all it hears.

import type { Observer } from '../../src/observer.js';

type Moment = keyof Observer;

export const silentObserver: Observer = {
  received() {},
  offered() {},
  refused() {},
  invalid() {},
  started() {},
  runStarted() {},
  runEnded() {},
  ended() {},
  runnerRestarted() {},
  batchDeclared() {},
  batchChecked() {},
};

/** What was heard, in order: the moment and what came with it. */
export class RecordingObserver implements Observer {
  readonly heard: (readonly [Moment, ...unknown[]])[] = [];

  received = this.#hear('received');
  offered = this.#hear('offered');
  refused = this.#hear('refused');
  invalid = this.#hear('invalid');
  started = this.#hear('started');
  runStarted = this.#hear('runStarted');
  runEnded = this.#hear('runEnded');
  ended = this.#hear('ended');
  runnerRestarted = this.#hear('runnerRestarted');
  batchDeclared = this.#hear('batchDeclared');
  batchChecked = this.#hear('batchChecked');

  /** What came with each moment of this kind. */
  of(moment: Moment): unknown[][] {
    return this.heard.filter(([heard]) => heard === moment).map(([, ...details]) => details);
  }

  #hear(moment: Moment): (...details: unknown[]) => void {
    return (...details) => {
      this.heard.push([moment, ...details]);
    };
  }
}

/** What was logged, in order. */
export class RecordingLog {
  readonly lines: { readonly level: 'error' | 'warn'; readonly facts: unknown; readonly message: string }[] =
    [];

  error(facts: unknown, message = ''): void {
    this.lines.push({ level: 'error', facts, message });
  }

  warn(facts: unknown, message = ''): void {
    this.lines.push({ level: 'warn', facts, message });
  }
}
