// A server's metrics page, as far as the benchmark reads it.

import { monotonicMs } from '../src/clock.js';

const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;

export interface Bucket {
  /** Seconds. */
  readonly upTo: number;
  /** Observations up to there, those of the lower buckets included. */
  readonly count: number;
}

export class MetricsPage {
  readonly #samples: readonly { name: string; labels: string; value: number }[];

  constructor(
    text: string,
    /** Half-way between question and answer, ms. */
    readonly atMs: number,
  ) {
    this.#samples = text.split('\n').flatMap((line) => {
      const [, name, labels = '', value] = SAMPLE.exec(line) ?? [];
      return name === undefined ? [] : [{ name, labels, value: Number(value) }];
    });
  }

  /** Sum over all series of this name whose labels contain the text. */
  value(name: string, labels = ''): number {
    const found = this.#samples.filter((sample) => sample.name === name && sample.labels.includes(labels));
    return found.reduce((total, { value }) => total + value, 0);
  }

  /** Ascending. */
  buckets(name: string): readonly Bucket[] {
    return this.#samples
      .filter((sample) => sample.name === `${name}_bucket`)
      .map(({ labels, value }) => ({ upTo: boundOf(labels), count: value }))
      .toSorted((a, b) => a.upTo - b.upTo);
  }
}

export async function scrape(url: string): Promise<MetricsPage> {
  const askedMs = monotonicMs();
  const response = await fetch(`${url}/metrics`);
  const text = await response.text();
  return new MetricsPage(text, (askedMs + monotonicMs()) / 2);
}

/** What was observed between two pages. */
export function between(before: readonly Bucket[], after: readonly Bucket[]): readonly Bucket[] {
  return after.map(({ upTo, count }, index) => ({ upTo, count: count - (before[index]?.count ?? 0) }));
}

/** Seconds; interpolated within its bucket, as Prometheus does. */
export function bucketQuantile(buckets: readonly Bucket[], share: number): number {
  const rank = share * (buckets.at(-1)?.count ?? 0);
  const index = buckets.findIndex(({ count }) => count >= rank);
  const { upTo, count } = buckets[index] ?? { upTo: Number.NaN, count: 0 };
  const { upTo: from, count: below } = buckets[index - 1] ?? { upTo: 0, count: 0 };
  return Number.isFinite(upTo) ? from + ((upTo - from) * (rank - below)) / (count - below) : from;
}

/** Share of the observations that are at most a bucket's own bound. */
export function shareUpTo(buckets: readonly Bucket[], bound: number): number {
  const found = buckets.find(({ upTo }) => Math.abs(upTo - bound) < 1e-12);
  return (found?.count ?? Number.NaN) / (buckets.at(-1)?.count ?? 0);
}

function boundOf(labels: string): number {
  const [, bound] = /le="([^"]+)"/.exec(labels) ?? [];
  return bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound);
}
