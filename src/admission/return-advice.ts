// What each kind of refusal tells about the way back: which places its caller waits for, and when they free.

import type { Clock } from '../clock.js';
import type { Span } from '../estimator/backlog.js';
import type { Estimator } from '../estimator/estimator.js';
import type { Forecast } from './forecast.js';
import { type Places, type ReturnTime, ReturnTimes, returnTime } from './return-times.js';

export interface ReturnAdviceOptions {
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly forecast: Pick<Forecast, 'turns' | 'turnTimes' | 'elapsedMs'>;
  readonly estimator: Pick<Estimator, 'typical'>;
  /** Places of those who wait. */
  readonly queueLimit: number;
  /** From 0 on, below 1. @default Math.random */
  readonly random?: () => number;
}

/** One who holds places under a quota of its own. */
export interface QuotaHolder {
  readonly name: string;
  readonly maxWaiting: number;
}

/** Where nothing can be predicted, callers are asked to stay away this long: a courtesy, not a prediction. */
const COURTESY_MS = 1000;

export class ReturnAdvice {
  readonly #options: ReturnAdviceOptions;
  readonly #random: () => number;
  /** Of all who were refused for want of a place or time. */
  readonly #returns: ReturnTimes;
  /** Of those refused for their own quota; as many as there are keys. */
  readonly #byClient = new Map<string, ReturnTimes>();

  constructor(options: ReturnAdviceOptions) {
    const { clock, random = Math.random } = options;
    this.#options = options;
    this.#random = random;
    this.#returns = new ReturnTimes({ clock, random });
  }

  /** For want of a place. One frees whenever a run begins. */
  forPlace(model: string): ReturnTime {
    const { forecast, queueLimit } = this.#options;
    const knownMs = forecast.turnTimes;
    return this.#next({ knownMs, paceMs: paceOf(knownMs) ?? this.#runMs(model), room: queueLimit });
  }

  /** For a wait that is too long by `excessMs`; whoever comes back before makes it longer by a run. */
  forTime(model: string, excessMs: number): ReturnTime {
    const { clock, queueLimit } = this.#options;
    const knownMs = [clock.nowMs() + excessMs];
    return this.#next({ knownMs, paceMs: this.#runMs(model), room: queueLimit });
  }

  /** For a quota. A place of this client's frees at each of its turns; whoever takes it goes to the end of the line. */
  forQuota({ name, maxWaiting }: QuotaHolder): ReturnTime {
    const { clock, forecast, random } = { ...this.#options, random: this.#random };
    const nowMs = clock.nowMs();
    const knownMs: number[] = [];
    for (const { prediction, start } of forecast.turns()) {
      if (!start.isComplete || start.knownMs === 0) break;
      if (prediction.client === name) knownMs.push(nowMs + start.knownMs);
    }
    const lineMs = (forecast.turnTimes.at(-1) ?? nowMs) - nowMs;
    const paceMs = lineMs / Math.max(1, maxWaiting) || COURTESY_MS;
    const returns = this.#byClient.get(name) ?? new ReturnTimes({ clock, random });
    this.#byClient.set(name, returns);
    return returns.next({ knownMs, paceMs, room: Math.max(1, maxWaiting) });
  }

  /** For models that are still loading: all places free when they are loaded. */
  forLoad({ knownMs, isComplete }: Span): ReturnTime {
    const { clock, queueLimit } = this.#options;
    const readyMs = clock.nowMs() + (isComplete && knownMs > 0 ? knownMs : COURTESY_MS);
    return this.#next({ knownMs: [readyMs], paceMs: COURTESY_MS / queueLimit, room: queueLimit });
  }

  /** For good: another replica will answer, and they do not come to it all at once. */
  elsewhere(): ReturnTime {
    return returnTime(Math.ceil(COURTESY_MS * (1 + this.#random())));
  }

  #next(places: Places): ReturnTime {
    return this.#returns.next(places);
  }

  /** Where nothing is known of it: no less than the present run has taken already. */
  #runMs(model: string): number {
    const { estimator, forecast } = this.#options;
    return estimator.typical(model)?.meanMs || Math.max(COURTESY_MS, forecast.elapsedMs);
  }
}

/** The mean time between two turns; undefined where there are not two that differ. */
function paceOf(timesMs: readonly number[]): number | undefined {
  const spanMs = timesMs.at(-1)! - timesMs[0]!;
  return spanMs > 0 ? spanMs / (timesMs.length - 1) : undefined;
}
