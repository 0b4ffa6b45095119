// A set of gauges that are read together, from one source, at a scrape.

import { Gauge, type Registry } from 'prom-client';
import type { Definition, GaugeDefinition } from './definitions.js';

type Labels = Readonly<Record<string, string>>;

interface Reading<Source> {
  readonly gauge: Gauge;
  readonly value: GaugeDefinition<Source>['value'];
}

export class Gauges<Source> {
  readonly #readings: readonly Reading<Source>[];
  readonly #labelsOf: (source: Source) => Labels;

  /** @param labelsOf the labels of a source's series; must name those that the definitions declare. */
  constructor(
    registry: Registry,
    definitions: readonly GaugeDefinition<Source>[],
    labelsOf: (source: Source) => Labels = () => ({}),
  ) {
    this.#readings = definitions.map((definition) => ({
      gauge: gaugeOf(registry, definition),
      value: definition.value,
    }));
    this.#labelsOf = labelsOf;
  }

  /** Shows these sources and no others: what is gone, or not known now, has no sample. */
  publish(sources: readonly Source[]): void {
    for (const { gauge, value } of this.#readings) {
      clear(gauge);
      for (const source of sources) {
        const present = value(source);
        if (present !== undefined) gauge.set(this.#labelsOf(source), present);
      }
    }
  }
}

export function gaugeOf(registry: Registry, { name, help, labels = [] }: Definition): Gauge {
  return new Gauge({ name, help, labelNames: [...labels], registers: [registry] });
}

/** reset() forgets labelled series, but sets the one without labels to zero, which would be a lie. */
function clear(gauge: Gauge): void {
  gauge.reset();
  gauge.remove({});
}
