// Counters, histograms and the gauge of models as plain numbers, and their text.
//
// prom-client keeps the rest of the page: the other gauges, and what it knows of the process. It formats a family in one go, which
// takes a second of the event loop with a thousand models; and it adds to the very objects that it formats some
// microtasks later, so that a page could show a counter younger than the gauge beside it. Here a cut copies the numbers
// in one go, which is quick, and the text is made of the copies, a piece at a time. Series that have not moved keep their
// text from scrape to scrape.

import type { Definition, GaugeDefinition, HistogramDefinition } from './definitions.js';

export type Labels = Readonly<Record<string, string>>;

/** Text of a few hundred lines at most. */
export type Pieces = Iterable<string>;

/** One series of a counter. */
export interface Count {
  value: number;
}

/** Lines of one piece: some 100 µs of work. */
const LINES = 500;

export class CounterFamily {
  readonly #definition: Definition;
  readonly #names: string[] = [];
  readonly #counts: Count[] = [];

  constructor(definition: Definition) {
    this.#definition = definition;
  }

  /** A series that stands at zero until somebody adds to it. Ask once for each set of labels, and keep it. */
  series(labels: Labels = {}): Count {
    const count = { value: 0 };
    this.#names.push(`${this.#definition.name}${labelText(labels)}`);
    this.#counts.push(count);
    return count;
  }

  /** The values of this moment, as text that is made as it is read. */
  cut(): Pieces {
    return this.#text(this.#counts.map(({ value }) => value));
  }

  *#text(values: readonly number[]): Pieces {
    yield head(this.#definition, 'counter');
    for (let start = 0; start < values.length; start += LINES) {
      const lines = values
        .slice(start, start + LINES)
        .map((value, index) => `${this.#names[start + index]} ${value}\n`);
      yield lines.join('');
    }
    yield '\n';
  }
}

/** One series of a histogram. */
export class Distribution {
  readonly #bounds: readonly number[];
  /** Of each bucket, what is in it and in none below; the last has no bound. */
  readonly #counts: Float64Array;
  #count = 0;
  #sum = 0;
  /** Starts of its lines, a bucket each, then those of the sum and the count. */
  readonly #starts: readonly string[];
  #text: string | undefined;

  constructor({ name, buckets }: HistogramDefinition, labels: Labels) {
    this.#bounds = buckets;
    this.#counts = new Float64Array(buckets.length + 1);
    const bounds = [...buckets.map(String), '+Inf'];
    this.#starts = [
      ...bounds.map((le) => `${name}_bucket${labelText({ le, ...labels })} `),
      `${name}_sum${labelText(labels)} `,
      `${name}_count${labelText(labels)} `,
    ];
  }

  observe(value: number): void {
    let bucket = 0;
    while (bucket < this.#bounds.length && value > this.#bounds[bucket]!) bucket += 1;
    this.#counts[bucket]! += 1;
    this.#count += 1;
    this.#sum += value;
    this.#text = undefined;
  }

  /** The values of this moment, as text that is made when it is asked for. */
  cut(): () => string {
    const { length } = this.#starts;
    const known = this.#text;
    if (known !== undefined) return () => known;
    const counts = this.#counts.slice();
    const count = this.#count;
    const sum = this.#sum;
    return () => {
      let text = '';
      let below = 0;
      for (let bucket = 0; bucket < counts.length; bucket++) {
        below += counts[bucket]!;
        text += `${this.#starts[bucket]}${below}\n`;
      }
      text += `${this.#starts[length - 2]}${sum}\n${this.#starts[length - 1]}${count}\n`;
      // Kept only if nothing was observed since the cut.
      if (this.#count === count) this.#text = text;
      return text;
    };
  }
}

export class HistogramFamily {
  readonly #definition: HistogramDefinition;
  readonly #series: Distribution[] = [];

  constructor(definition: HistogramDefinition) {
    this.#definition = definition;
  }

  /** A series that is on the page from now on. Ask once for each set of labels, and keep it. */
  series(labels: Labels = {}): Distribution {
    const distribution = new Distribution(this.#definition, labels);
    this.#series.push(distribution);
    return distribution;
  }

  /** The values of this moment, as text that is made as it is read. */
  cut(): Pieces {
    return this.#text(this.#series.map((distribution) => distribution.cut()));
  }

  *#text(texts: readonly (() => string)[]): Pieces {
    yield head(this.#definition, 'histogram');
    for (const text of texts) yield text();
    yield '\n';
  }
}

/** A gauge with a series for each of many sources. */
export class GaugeFamily<Source> {
  readonly #definition: GaugeDefinition<Source>;
  readonly #labelsOf: (source: Source) => Labels;

  /** @param labelsOf the labels of a source's series; must name those that the definition declares */
  constructor(definition: GaugeDefinition<Source>, labelsOf: (source: Source) => Labels) {
    this.#definition = definition;
    this.#labelsOf = labelsOf;
  }

  /** These sources, which must not change any more, as text that is made as it is read. */
  *cut(sources: readonly Source[]): Pieces {
    const { name, value } = this.#definition;
    yield head(this.#definition, 'gauge');
    for (const source of sources) yield `${name}${labelText(this.#labelsOf(source))} ${value(source)}\n`;
    yield '\n';
  }
}

function head({ name, help }: Definition, type: 'counter' | 'gauge' | 'histogram'): string {
  return `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n# TYPE ${name} ${type}\n`;
}

/** As the text format wants it: backslash, line feed and quote are escaped. */
function labelText(labels: Labels): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return parts.length === 0 ? '' : `{${parts.join(',')}}`;
}

const escaped = (value: string): string =>
  value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"');
