// What nginx promises: a refusal, or a replica that is gone, is another replica's work.

import { strict as assert } from 'node:assert';
import { eventsOf } from '../../support/event-stream.js';
import type { Report } from '../../support/programs/report.js';
import { until } from '../../support/until.js';
import type { Balancer } from './balancers.js';
import { call, callsRightly, LARGE_BYTES, leavable, SHORT, send } from './calls.js';
import { fillDirectly, leaveAll, sum } from './occupy.js';
import { REPLICAS, type Replicas } from './replicas.js';

interface Setting {
  readonly balancer: Balancer;
  readonly replicas: Replicas;
}

export async function checkNginx(report: Report, balancer: Balancer, replicas: Replicas): Promise<void> {
  const check = (sentence: string, body: (setting: Setting) => Promise<unknown>) =>
    report.check(`nginx: ${sentence}`, async () => {
      await replicas.idle();
      return await body({ balancer, replicas });
    });
  await check('three requests at once go to three replicas', usesIdleReplicas);
  await check('a refusal of one replica is answered by another, whatever the size', movesRefusals);
  await check('a refusal of all passes to the caller, and no replica is taken out', keepsReplicas);
  await check('a caller who leaves is taken out of its replica', passesLeaving);
  await check('events pass one by one', passesEvents);
  await check('what no replica should see is answered in their form', answersItself);
  await check('what a killed replica had is done by the others', survivesKill);
}

async function usesIdleReplicas({ balancer, replicas }: Setting): Promise<void> {
  const endless = Array.from({ length: REPLICAS }, () => leavable(balancer.url));
  await replicas.running(1, 1, 1);
  await leaveAll(endless);
}

async function movesRefusals({ balancer, replicas }: Setting): Promise<string> {
  const full = await fillDirectly(replicas.all[0]!);
  const refusals = () => replicas.all[0]!.metric('oneslot_refusals_total', { reason: 'queue_full' });
  for (const bytes of [0, LARGE_BYTES]) {
    const before = await refusals();
    await until(async () => {
      await callsRightly(balancer.url, { iterations: 10, bytes });
      return (await refusals()) > before;
    });
  }
  await leaveAll(full);
  return `${await refusals()} refused by one`;
}

/** Many more refusals than the default of max_fails would forgive. */
async function keepsReplicas({ balancer, replicas }: Setting): Promise<void> {
  const full = await Promise.all(replicas.all.map(fillDirectly));
  for (let count = 0; count < 12; count++) {
    const { status, headers, body } = await call(balancer.url);
    assert.deepEqual([status, body.code], [503, 'queue_full']);
    assert.ok(headers.has('retry-after'));
  }
  await leaveAll(full.flat());
  await replicas.idle();
  const endless = Array.from({ length: REPLICAS }, () => leavable(balancer.url));
  await replicas.running(1, 1, 1);
  await leaveAll(endless);
}

async function passesLeaving({ balancer, replicas }: Setting): Promise<void> {
  const endless = Array.from({ length: REPLICAS }, () => leavable(balancer.url));
  await replicas.running(1, 1, 1);
  const leaver = leavable(balancer.url, { bytes: LARGE_BYTES });
  await until(async () => sum(await replicas.metric('oneslot_queue_depth')) === 1);
  await leaver.leave();
  await until(async () => sum(await replicas.metric('oneslot_queue_depth')) === 0);
  await leaveAll(endless);
}

/** The last event needs the run to end, which it does not before its caller has seen the first. */
async function passesEvents({ balancer, replicas }: Setting): Promise<void> {
  const endless = Array.from({ length: REPLICAS }, () => leavable(balancer.url));
  await replicas.running(1, 1, 1);
  const response = await send(balancer.url, { iterations: 10, headers: { accept: 'text/event-stream' } });
  const seen: string[] = [];
  for await (const { event } of eventsOf(response)) {
    if (seen.length === 0) await leaveAll(endless);
    seen.push(event);
  }
  assert.deepEqual([seen[0], seen.at(-1)], ['queued', 'result']);
}

async function answersItself({ balancer }: Setting): Promise<void> {
  const tooLarge = await call(balancer.url, { bytes: 64 * 1024 * 1024 + 1 });
  assert.deepEqual([tooLarge.status, tooLarge.body.code], [413, 'body_too_large']);
  const response = await fetch(`${balancer.url}/metrics`);
  assert.deepEqual(
    [response.status, ((await response.json()) as { code: string }).code],
    [404, 'route_not_found'],
  );
  for (const path of ['/models', '/models/burn', '/readyz']) {
    assert.equal((await fetch(balancer.url + path)).status, 200, path);
  }
}

/** Two for each replica: one that runs and one that waits. */
async function survivesKill({ balancer, replicas }: Setting): Promise<void> {
  const seeds = Array.from({ length: 2 * REPLICAS }, (_, seed) => seed);
  const calls = seeds.map((seed) => callsRightly(balancer.url, { seed, iterations: 5 * SHORT }));
  await replicas.running(1, 1, 1);
  await until(async () => (await replicas.all[0]!.metric('oneslot_queue_depth')) === 1);
  await replicas.all[0]!.signal('SIGKILL');
  await Promise.all(calls);
  await replicas.startAgain(0);
}
