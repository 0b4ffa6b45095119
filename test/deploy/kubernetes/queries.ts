// Queries put to the recording rules by promtool, over a known load on two replicas behind HAProxy, beside one of
// somebody else's.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { finish } from '../../support/programs/command.js';
import { installDebian } from '../../support/programs/packages.js';
import type { Context } from '../part.js';

export const JOB = 'oneslot';
export const NAMESPACE = 'oneslot';

/** What waits in HAProxy, each for a run of so many seconds. */
const BALANCER = { queue: 5, run: 6 };

/** Of all: demand, seconds of backlog, and the share of a replica's time that the load would take. */
export const LOAD = [3 + 4 + BALANCER.queue, 30 + 45 + BALANCER.queue * BALANCER.run, 0.5 + 0.75];

/** Each gains so many seconds of work every ten. */
const REPLICAS = [
  { labels: { job: JOB, namespace: NAMESPACE, pod: 'a' }, demand: 3, backlog: 30, offered: 5 },
  { labels: { job: JOB, namespace: NAMESPACE, pod: 'b' }, demand: 4, backlog: 45, offered: 7.5 },
  { labels: { job: JOB, namespace: 'another', pod: 'c' }, demand: 90, backlog: 900, offered: 9 },
  { labels: { job: 'another', namespace: NAMESPACE, pod: 'd' }, demand: 90, backlog: 900, offered: 9 },
];

/**
 * @param queries in the order of LOAD
 * @throws Error with promtool's own words where one gives something else
 */
export async function testQueries(context: Context, name: string, queries: readonly string[]): Promise<void> {
  const expected = queries.map((expr, index) => ({ expr, value: LOAD[index]! }));
  const right = await promtool(context, name, expected);
  assert.equal(right.code, 0, right.output);
  const shifted = expected.map(({ expr, value }) => ({ expr, value: value + 1 }));
  assert.notEqual((await promtool(context, name, shifted)).code, 0, 'promtool lets anything pass');
  // A 0 would be taken for an idle service.
  const unseen = queries.map((expr) => ({ expr, value: undefined }));
  const before = await promtool(context, `${name}-unseen`, unseen, []);
  assert.equal(before.code, 0, `before the first scrape a query has an answer: ${before.output}`);
}

async function promtool(
  { project, folder }: Context,
  name: string,
  expected: readonly { readonly expr: string; readonly value: number | undefined }[],
  inputSeries: readonly object[] = [...REPLICAS.flatMap(seriesOf), ...HAPROXY_SERIES],
): ReturnType<typeof finish> {
  await installDebian({ promtool: 'prometheus' });
  const file = join(folder, `${name}-queries.yml`);
  const test = {
    interval: '10s',
    input_series: inputSeries,
    promql_expr_test: expected.map(({ expr, value }) => ({
      expr,
      eval_time: '10m',
      exp_samples: value === undefined ? [] : [{ labels: '{}', value }],
    })),
  };
  const rules = join(project, 'deploy/prometheus/oneslot.rules.yml');
  await writeFile(file, JSON.stringify({ rule_files: [rules], evaluation_interval: '10s', tests: [test] }));
  return finish('promtool', ['test', 'rules', file]);
}

function seriesOf({ labels, demand, backlog, offered }: (typeof REPLICAS)[number]): object[] {
  const matchers = Object.entries(labels).map(([name, value]) => `${name}="${value}"`);
  const series = (name: string, values: string): object => ({
    series: `${name}{${matchers.join(',')}}`,
    values,
  });
  return [
    series('oneslot_ready', '1x90'),
    series('oneslot_run_seconds_sum', `0+${BALANCER.run}x90`),
    series('oneslot_run_seconds_count', '0+1x90'),
    series('oneslot_demand', `${demand}x90`),
    series('oneslot_backlog_seconds', `${backlog}x90`),
    series('oneslot_offered_seconds_total', `0+${offered}x90`),
  ];
}

const HAPROXY_SERIES = [
  {
    series: `haproxy_backend_current_queue{job="oneslot-haproxy",namespace="${NAMESPACE}",pod="h",proxy="oneslot"}`,
    values: `${BALANCER.queue}x90`,
  },
  {
    series:
      'haproxy_backend_current_queue{job="oneslot-haproxy",namespace="unrelated",pod="i",proxy="oneslot"}',
    values: '99x90',
  },
];
