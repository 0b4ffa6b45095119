// Counters as plain numbers, handed to prom-client at a scrape.
//
// prom-client adds to the very objects that it formats some microtasks later, so that a page could show a counter
// younger than the gauges beside it. Numbers copied into fresh objects at the scrape can't move under it, and adding
// to a number costs nothing on the request's way.

import { Counter, type Registry } from 'prom-client';
import type { Definition } from './definitions.js';

/** One series of a counter. */
export interface Count {
  value: number;
}

interface Series {
  readonly labels: Readonly<Record<string, string>>;
  readonly count: Count;
}

export class Counts {
  readonly #counter: Counter;
  readonly #series: Series[] = [];

  constructor(registry: Registry, { name, help, labels = [] }: Definition) {
    this.#counter = new Counter({ name, help, labelNames: [...labels], registers: [registry] });
  }

  /** A series that stands at zero until somebody adds to it. Ask once for each set of labels, and keep it. */
  series(labels: Readonly<Record<string, string>> = {}): Count {
    const count = { value: 0 };
    this.#series.push({ labels, count });
    return count;
  }

  /** Makes the values of this moment those that the registry shows. */
  publish(): void {
    this.#counter.reset();
    for (const { labels, count } of this.#series) this.#counter.inc(labels, count.value);
  }
}
