// How many arrive when: a rate that changes in steps. Times are in seconds, rates in arrivals a second.

import type { Random } from './random.js';

export interface Segment {
  readonly from: number;
  readonly to: number;
  readonly rate: number;
}

export interface Burst {
  readonly from: number;
  readonly seconds: number;
  /** Beside the rate that is there anyway. */
  readonly rate: number;
}

const NEVER = Number.POSITIVE_INFINITY;

/** Poisson arrivals whose rate is constant within each segment; segments touch and begin at 0. */
export class Arrivals {
  readonly segments: readonly Segment[];

  constructor(segments: readonly Segment[], bursts: readonly Burst[] = []) {
    this.segments = bursts.reduce(withBurst, segments);
  }

  get duration(): number {
    return this.segments.at(-1)!.to;
  }

  /** How many are expected. */
  get count(): number {
    return this.segments.reduce((sum, { from, to, rate }) => sum + rate * (to - from), 0);
  }

  get meanRate(): number {
    return this.count / this.duration;
  }

  get peakRate(): number {
    return this.segments.reduce((most, { rate }) => Math.max(most, rate), 0);
  }

  get lowestRate(): number {
    return this.segments.reduce((least, { rate }) => Math.min(least, rate), Number.POSITIVE_INFINITY);
  }

  /** Their times in order: each call is the next one, Infinity when there are no more. */
  times(random: Random): () => number {
    let index = 0;
    let now = 0;
    return () => {
      let rest = random.exponential();
      for (; index < this.segments.length; index++) {
        const { to, rate } = this.segments[index]!;
        const expected = rate * (to - now);
        if (rest < expected) {
          now += rest / rate;
          return now;
        }
        rest -= expected;
        now = to;
      }
      return NEVER;
    };
  }
}

function withBurst(segments: readonly Segment[], { from, seconds, rate }: Burst): readonly Segment[] {
  const to = from + seconds;
  return segments.flatMap((segment) => {
    const inner = {
      from: Math.max(segment.from, from),
      to: Math.min(segment.to, to),
      rate: segment.rate + rate,
    };
    if (inner.from >= inner.to) return [segment];
    const parts = [{ ...segment, to: inner.from }, inner, { ...segment, from: inner.to }];
    return parts.filter((part) => part.from < part.to);
  });
}
