// The services at work: who comes, goes, or comes back at another address is found by name.

import { strict as assert } from 'node:assert';
import { burn } from '../../support/burns.js';
import type { Oneslot } from '../../support/oneslot.js';
import type { Prometheus } from '../../support/programs/prometheus.js';
import { HaproxyPage } from '../balancing/haproxy-page.js';
import type { Context } from '../part.js';
import { eventually } from '../prometheus/scraped.js';
import type { Project } from './project.js';
import { Stack } from './stack.js';

export async function checkStack(context: Context, project: Project): Promise<void> {
  const { report } = context;
  const stack = await Stack.start(context, project);
  await report.check(
    'a replica becomes ready with the environment and the models of its service',
    async () => {
      const replica = await stack.startReplica('oneslot-1');
      assert.equal((await burn(replica, 10)).status, 200);
    },
  );
  // Started with one replica of three, as where the others' containers fail.
  const balancer = await stack.startHaproxy();
  const page = new HaproxyPage(balancer);
  const balances = async (...up: readonly boolean[]) =>
    await eventually(
      'servers of HAProxy',
      async () => (await page.servers()).map(({ status }) => status === 'UP'),
      (states) => String(states) === String(up),
    );
  const prometheus = await stack.startPrometheus(balancer);
  await report.check('Prometheus scrapes the one replica, and HAProxy serves with it', async () => {
    await scrapes(prometheus, ['haproxy', 'oneslot-1']);
    await balances(true, false, false);
    assert.equal((await fetch(`${balancer.url}/models/burn`)).status, 200);
    await says(prometheus, 'haproxy_backend_active_servers{proxy="oneslot"}', 1);
    await says(prometheus, 'oneslot:demand:sum', 0);
  });
  await report.check('both find two more as these start', async () => {
    await stack.startReplica('oneslot-2');
    await stack.startReplica('oneslot-3');
    await scrapes(prometheus, ['haproxy', 'oneslot-1', 'oneslot-2', 'oneslot-3']);
    await balances(true, true, true);
  });
  await report.check('HAProxy sends nobody to a replica whose container is gone', async () => {
    await stack.removeReplica('oneslot-2');
    await balances(true, false, true);
  });
  await report.check('both find its new container at another address, under its old name', async () => {
    const replica = await stack.startReplica('oneslot-2');
    await scrapes(prometheus, ['haproxy', 'oneslot-1', 'oneslot-2', 'oneslot-3']);
    await balances(true, true, true);
    await serves(replica, balancer.url);
  });
  await report.check('a replica that is there and does not answer raises its alert', async () => {
    await stack.replicas.get('oneslot-3')!.signal('SIGKILL');
    await alerts(prometheus, 'OneslotNotScraped', 'oneslot-3');
  });
  await report.check('no replica at all raises its alert', async () => {
    for (const name of stack.replicas.keys()) await stack.removeReplica(name);
    await alerts(prometheus, 'OneslotAbsent', undefined);
  });
}

/** Enough at once that none of three replicas is passed over: the first one that is idle gets each. */
const AT_ONCE = 6;

/** Resolves when the replica has had a prediction through the balancer. */
async function serves(replica: Oneslot, url: string): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ inputs: { iterations: [20_000], seed: [1] } });
  const predict = async () => {
    await (await fetch(`${url}/predict/burn`, { method: 'POST', headers, body })).text();
  };
  await eventually(
    'predictions of the new container',
    async () => {
      await Promise.all(Array.from({ length: AT_ONCE }, predict));
      return await replica.metric('oneslot_predictions_received_total');
    },
    (count) => count > 0,
  );
}

/** Resolves when these, and no others, are scraped and answer. */
async function scrapes(prometheus: Prometheus, instances: readonly string[]): Promise<void> {
  const up = async () => {
    const targets = await prometheus.targets();
    const states = targets.map(({ labels, health }) => [labels.instance, health]);
    return states.sort();
  };
  const wanted = instances.map((instance) => [instance, 'up']);
  await eventually('targets', up, (states) => String(states) === String(wanted));
}

async function says(prometheus: Prometheus, query: string, wanted: number): Promise<void> {
  await eventually(
    query,
    () => prometheus.value(query),
    (value) => value === wanted,
  );
}

/** Resolves when it is pending or fires: how long it has to hold is promtool's to check. */
async function alerts(prometheus: Prometheus, name: string, instance: string | undefined): Promise<void> {
  await eventually(
    name,
    () => prometheus.alerts(),
    (present) => present.some(({ labels }) => labels.alertname === name && labels.instance === instance),
  );
}
