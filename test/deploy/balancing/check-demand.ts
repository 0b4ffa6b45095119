// What waits in HAProxy, as the shipped scrape configuration and rules tell autoscalers of it.

import { strict as assert } from 'node:assert';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Prometheus, startPrometheus } from '../../support/programs/prometheus.js';
import { withWindows } from '../../support/programs/rule-windows.js';
import type { Context } from '../part.js';
import { eventually } from '../prometheus/scraped.js';
import type { Balancer } from './balancers.js';
import { callsRightly, leavable } from './calls.js';
import { HaproxyPage } from './haproxy-page.js';
import { leaveAll } from './occupy.js';
import { REPLICAS, type Replicas } from './replicas.js';

const WAITING = 5;

export async function checkDemand(context: Context, balancer: Balancer, replicas: Replicas): Promise<void> {
  const { report } = context;
  let prometheus: Prometheus | undefined;
  await report.check('Prometheus scrapes the replicas and HAProxy by the shipped configuration', async () => {
    await replicas.idle();
    prometheus = await startScraping(context, balancer, replicas);
    await says(prometheus, 'count(up == 1)', REPLICAS + 1);
  });
  await report.check('what waits in HAProxy is demand and backlog, and is counted once', () =>
    checkQueue(prometheus!, balancer, replicas),
  );
  await report.check('HAProxy tells the replicas, whose /scaling adds up to the same', () =>
    checkShares(balancer, replicas),
  );
}

/** As shipped, but for addresses and for scrapes each second, with windows that are as much shorter. */
async function startScraping(
  { project, folder, cleanup }: Context,
  balancer: Balancer,
  replicas: Replicas,
): Promise<Prometheus> {
  const read = (name: string) => readFile(join(project, 'deploy/prometheus', name), 'utf8');
  const targets = (addresses: readonly string[]) => JSON.stringify([{ targets: addresses }]);
  return await startPrometheus({
    folder: join(folder, 'prometheus'),
    config: (await read('prometheus.yml')).replaceAll(/: \d+s$/gm, ': 1s'),
    files: {
      'oneslot.rules.yml': withWindows(await read('oneslot.rules.yml'), 1 / 10),
      'oneslot.alerts.yml': await read('oneslot.alerts.yml'),
      'targets/oneslot.yml': targets(replicas.addresses),
      'balancers/haproxy.yml': targets([new URL(balancer.operatorsUrl).host]),
    },
    cleanup,
  });
}

async function checkQueue(prometheus: Prometheus, balancer: Balancer, replicas: Replicas): Promise<string> {
  const page = new HaproxyPage(balancer);
  // So that it is known how long a run takes.
  await callsRightly(balancer.url, { seed: 1 });
  const endless = Array.from({ length: REPLICAS }, () => leavable(balancer.url));
  await replicas.running(...Array<number>(REPLICAS).fill(1));
  await says(prometheus, 'oneslot:demand:sum{job="oneslot"}', REPLICAS);
  const before = await prometheus.value('oneslot:backlog_seconds:sum{job="oneslot"}');
  const waiting = Array.from({ length: WAITING }, () => callsRightly(balancer.url, { seed: 1 }));
  await page.waits(WAITING);
  await says(prometheus, 'oneslot:balancer_queue:sum{job="oneslot"}', WAITING);
  await says(prometheus, 'oneslot:demand:sum{job="oneslot"}', REPLICAS + WAITING);
  assert.equal(await prometheus.value('sum(oneslot_demand)'), REPLICAS, 'the replicas know of none of them');
  const run = await prometheus.value('oneslot:run_seconds:mean{job="oneslot"}');
  const added = `oneslot:backlog_seconds:sum - on () sum(oneslot_backlog_seconds) > bool ${0.9 * WAITING * run!}`;
  await says(prometheus, added, 1);
  await leaveAll(endless);
  await Promise.all(waiting);
  await says(prometheus, 'oneslot:demand:sum{job="oneslot"}', 0);
  return `demand ${REPLICAS + WAITING}; a run takes ${run!.toFixed(3)} s, ${before!.toFixed(1)} s were ahead before`;
}

async function says(prometheus: Prometheus, query: string, wanted: number): Promise<void> {
  await eventually(
    query,
    () => prometheus.value(query),
    (value) => value === wanted,
  );
}

/** As KEDA's metrics-api scaler adds up, and CloudWatch averages. */
async function checkShares(balancer: Balancer, replicas: Replicas): Promise<string> {
  const endless = Array.from({ length: REPLICAS }, () => leavable(balancer.url));
  await replicas.running(...Array<number>(REPLICAS).fill(1));
  const waiting = Array.from({ length: WAITING }, () => callsRightly(balancer.url, { seed: 1 }));
  const demand = async (): Promise<number> => {
    const reports = await Promise.all(replicas.all.map(async (each) => (await each.get('/scaling')).body));
    return reports.reduce((sum, report) => sum + Number(report.demand), 0);
  };
  await eventually('the sum of demand', demand, (sum) => Math.abs(sum - REPLICAS - WAITING) < 1e-6);
  await leaveAll(endless);
  await Promise.all(waiting);
  await eventually('the sum of demand', demand, (sum) => sum === 0);
  return `demand ${REPLICAS + WAITING}`;
}
