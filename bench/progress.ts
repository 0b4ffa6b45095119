// Shows what is going on: one line that changes on a terminal, a line now and then elsewhere.

import { monotonicMs } from '../src/clock.js';

/** Where lines can't be changed, there is one at most this often. */
const LINE_EVERY_MS = 10_000;

export class Progress {
  readonly #stream: NodeJS.WriteStream;
  #step = '';
  #shownMs = Number.NEGATIVE_INFINITY;

  constructor(stream: NodeJS.WriteStream = process.stderr) {
    this.#stream = stream;
  }

  /** A line that stays. */
  say(text: string): void {
    this.#stream.write(`${this.#stream.isTTY ? '\r\x1b[K' : ''}${text}\n`);
  }

  /** The next step begins. */
  step(text: string): void {
    this.#step = text;
    this.#shownMs = Number.NEGATIVE_INFINITY;
    this.at('');
  }

  /** How far the present step is. */
  at(detail: string): void {
    const line = `  ${this.#step}${detail === '' ? '' : `: ${detail}`}`;
    if (this.#stream.isTTY) {
      this.#stream.write(`\r\x1b[K${line}`);
      return;
    }
    if (monotonicMs() - this.#shownMs < LINE_EVERY_MS) return;
    this.#shownMs = monotonicMs();
    this.#stream.write(`${line}\n`);
  }
}
