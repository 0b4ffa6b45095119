// Callers of a real oneslot who write down what became of each prediction, so that rules can be held against it.

import { setTimeout as delay } from 'node:timers/promises';
import { burn } from '../../support/burns.js';
import type { Answer, Oneslot } from '../../support/oneslot.js';

export interface Answered {
  /** Unix seconds, as Prometheus counts. */
  readonly sentAt: number;
  readonly endedAt: number;
  /** The error code, or `completed`. */
  readonly code: string;
  /** Seconds, as the server timed them; 0 for whoever was refused. */
  readonly waited: number;
  readonly ran: number;
}

/** From after `start` to `end`, in Unix seconds. */
export interface Window {
  readonly start: number;
  readonly end: number;
}

export class KnownLoad {
  readonly answers: Answered[] = [];
  readonly startedAt = Date.now() / 1000;
  readonly #callers: Promise<void>[] = [];
  #isOver = false;

  constructor(
    readonly oneslot: Oneslot,
    readonly iterations: number,
  ) {}

  /** Seconds that the last run took; a twentieth where there was none yet. */
  get lastRan(): number {
    return this.answers.findLast(({ code }) => code === 'completed')?.ran ?? 0.05;
  }

  /** Calls again and again until the load stops, after the pause that each answer earns. */
  add(call: (load: KnownLoad) => Promise<Answer>, pauseSeconds: (answered: Answered) => number): void {
    this.#callers.push(this.#callOn(call, pauseSeconds));
  }

  /** Resolves when the last answer is here. */
  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#callers);
  }

  /** A caller who takes the usual run. */
  burn(init: RequestInit = {}): Promise<Answer> {
    return burn(this.oneslot, this.iterations, init);
  }

  async #callOn(
    call: (load: KnownLoad) => Promise<Answer>,
    pauseSeconds: (answered: Answered) => number,
  ): Promise<void> {
    while (!this.#isOver) {
      const sentAt = Date.now() / 1000;
      const answer = await call(this);
      const answered = { sentAt, endedAt: Date.now() / 1000, ...readAnswer(answer) };
      this.answers.push(answered);
      await delay(pauseSeconds(answered) * 1000);
    }
  }
}

function readAnswer({ status, headers, body }: Answer): Pick<Answered, 'code' | 'waited' | 'ran'> {
  const seconds = (name: string) =>
    Number(new RegExp(`${name};dur=([\\d.]+)`).exec(headers.get('server-timing') ?? '')?.[1] ?? 0) / 1000;
  const code = status === 200 ? 'completed' : String(body.code);
  return { code, waited: seconds('queue'), ran: status === 200 ? seconds('run') : 0 };
}

/** What a load was in a window, as its callers saw it. */
export class Truth {
  readonly #seconds: number;

  constructor(
    readonly answers: readonly Answered[],
    readonly window: Window,
  ) {
    this.#seconds = window.end - window.start;
  }

  /** Share of the window in which a run was going on: that is what ends when its answer comes. */
  get busyRatio(): number {
    return this.#shareOf(({ endedAt, ran }) => ({ start: endedAt - ran, end: endedAt }));
  }

  /** Mean number of those that waited or ran. */
  get demand(): number {
    return this.#shareOf(({ endedAt, waited, ran }) => ({ start: endedAt - waited - ran, end: endedAt }));
  }

  /** Seconds of work a second that came. */
  get offeredLoad(): number {
    return (this.#came('completed') / this.#seconds) * this.meanRun + this.refusedLoad;
  }

  /** Of these, what was refused for lack of capacity; it would have taken what the others took. */
  get refusedLoad(): number {
    return (this.refusalRate('queue_full') + this.refusalRate('deadline_unattainable')) * this.meanRun;
  }

  get meanRun(): number {
    const runs = this.served.map(({ ran }) => ran);
    return runs.reduce((sum, ran) => sum + ran, 0) / runs.length;
  }

  /** A second. */
  refusalRate(code: string): number {
    return this.#came(code) / this.#seconds;
  }

  /** The value that this share of those served in the window stayed under. */
  quantile(share: number, of: 'waited' | 'ran'): number {
    const values = this.served.map((each) => each[of]).sort((a, b) => a - b);
    const rank = Math.min(values.length - 1, Math.max(0, Math.floor(share * values.length)));
    return values[rank] ?? Number.NaN;
  }

  /** Those whose answer came in the window. */
  get served(): readonly Answered[] {
    return this.answers.filter(({ code, endedAt }) => code === 'completed' && this.#holds(endedAt));
  }

  #came(code: string): number {
    return this.answers.filter((each) => each.code === code && this.#holds(each.sentAt)).length;
  }

  #holds(at: number): boolean {
    return at > this.window.start && at <= this.window.end;
  }

  #shareOf(span: (answered: Answered) => Window): number {
    const { start, end } = this.window;
    const completed = this.answers.filter(({ code }) => code === 'completed').map(span);
    const inside = completed.map((each) => Math.min(each.end, end) - Math.max(each.start, start));
    return inside.reduce((sum, seconds) => sum + Math.max(0, seconds), 0) / this.#seconds;
  }
}
