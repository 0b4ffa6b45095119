// docs/metrics.md names every metric of the code, and none that is not there.

import { expect, test } from '@jest/globals';
import {
  BUILD_INFO,
  COUNTERS,
  type Definition,
  GAUGES,
  GPU_GAUGES,
  HISTOGRAMS,
  MODEL_LOADED,
} from '../../src/metrics/definitions.js';
import { createMetrics } from '../../src/metrics/metrics.js';
import { rowsOf } from '../support/markdown-table.js';
import { readMetricsPage } from '../support/prometheus-text.js';
import { snapshotOf } from '../support/snapshots.js';

const gauges: readonly Definition[] = [...GAUGES, MODEL_LOADED, BUILD_INFO, ...GPU_GAUGES];
const counters: readonly Definition[] = Object.values(COUNTERS);
const histograms: readonly Definition[] = Object.values(HISTOGRAMS);
const definitions = [
  ...gauges.map((definition) => ({ type: 'gauge', ...definition })),
  ...counters.map((definition) => ({ type: 'counter', ...definition })),
  ...histograms.map((definition) => ({ type: 'histogram', ...definition })),
];

function sorted<Entry>(entries: readonly Entry[]): readonly Entry[] {
  return [...entries].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

test('names, types and labels in docs/metrics.md are those of the code', () => {
  const documented = rowsOf('metrics.md', 'Metric').map(({ Metric, Type, Labels }) => [Metric, Type, Labels]);
  const defined = definitions.map(({ name, type, labels = [] }) => [name, type, labels.join(', ')]);
  expect(sorted(documented)).toEqual(sorted(defined));
});

test('every metric in docs/metrics.md has a meaning', () => {
  for (const row of rowsOf('metrics.md', 'Metric')) expect(row.Meaning).toMatch(/\w+ \w+/);
});

test('the buckets in docs/metrics.md are those of the code', () => {
  const documented = rowsOf('metrics.md', 'Histogram').map((row) => [row.Histogram, row.Buckets]);
  const defined = Object.values(HISTOGRAMS).map(({ name, buckets }) => [name, buckets.join(', ')]);
  expect(sorted(documented)).toEqual(sorted(defined));
});

test('the page carries every defined metric, with its type', async () => {
  const metrics = createMetrics({ snapshot: () => snapshotOf(), models: [] });
  const page = readMetricsPage(Buffer.concat(await metrics.render()).toString());
  const shown = page.families.filter(({ name }) => name.startsWith('oneslot_'));
  expect(sorted(shown.map(({ name, type }) => [name, type]))).toEqual(
    sorted(definitions.map(({ name, type }) => [name, type])),
  );
});
