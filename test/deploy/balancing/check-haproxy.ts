// What HAProxy promises: one queue for all replicas.

import { strict as assert } from 'node:assert';
import { ENDLESS } from '../../support/burns.js';
import type { Report } from '../../support/programs/report.js';
import { until } from '../../support/until.js';
import type { Balancer } from './balancers.js';
import { call, callsRightly, KeepingCaller, LARGE_BYTES, leavable } from './calls.js';
import { HaproxyPage } from './haproxy-page.js';
import { fillDirectly, leaveAll, sum } from './occupy.js';
import { REPLICAS, type Replicas } from './replicas.js';

interface Setting {
  readonly balancer: Balancer;
  readonly page: HaproxyPage;
  readonly replicas: Replicas;
}

export async function checkHaproxy(report: Report, balancer: Balancer, replicas: Replicas): Promise<void> {
  const setting = { balancer, replicas, page: new HaproxyPage(balancer) };
  const check = (sentence: string, body: (setting: Setting) => Promise<unknown>) =>
    report.check(`HAProxy: ${sentence}`, async () => {
      await replicas.idle();
      await setting.page.allUp();
      return await body(setting);
    });
  await check('nine requests over three replicas never wait inside a replica', spreadsEvenly);
  await check('who waits, waits in HAProxy, and the first free replica serves it', sharesOneQueue);
  await check('the more urgent one is served first', servesUrgentFirst);
  await check('a caller who leaves the queue is never sent to a replica', dropsLeavers);
  await check('a caller with a large body who leaves the queue costs no run that goes on', endsLargeLeavers);
  await check('descriptions and readiness wait for no run', answersBesideRuns);
  await check('a refusal of one replica is answered by another', movesRefusals);
  await check('a body larger than a buffer gets that refusal as it is', passesLargeRefusals);
  await check(
    'a killed replica costs its run, and at most the next in line; both callers hear so',
    survivesKill,
  );
}

/** Two at one replica at any time show that one queued there; two at each would wait for six runs in all. */
async function spreadsEvenly({ balancer, replicas, page }: Setting): Promise<string> {
  const before = await Promise.all([runsOf(replicas), waitsOf(replicas), runSecondsOf(replicas)]);
  await Promise.all(Array.from({ length: 3 * REPLICAS }, (_, seed) => callsRightly(balancer.url, { seed })));
  const after = await Promise.all([runsOf(replicas), waitsOf(replicas), runSecondsOf(replicas)]);
  const runs = after[0].map((count, index) => count - before[0][index]!);
  const waitSeconds = sum(after[1]) - sum(before[1]);
  const runSeconds = (sum(after[2]) - sum(before[2])) / sum(runs);
  assert.equal(sum(runs), 3 * REPLICAS);
  assert.ok(
    runs.every((count) => count > 0),
    `one replica did nothing: ${runs}`,
  );
  assert.ok(
    waitSeconds < 2 * runSeconds,
    `${waitSeconds} s waited inside replicas, a run takes ${runSeconds}`,
  );
  await servedOneEach(page);
  return `${runs.join(', ')} runs of ${runSeconds.toFixed(3)} s; ${waitSeconds.toFixed(4)} s waited in all`;
}

const runsOf = (replicas: Replicas) => replicas.metric('oneslot_queue_wait_seconds_count', { model: 'burn' });
const waitsOf = (replicas: Replicas) => replicas.metric('oneslot_queue_wait_seconds_sum', { model: 'burn' });
const runSecondsOf = (replicas: Replicas) => replicas.metric('oneslot_run_seconds_sum', { model: 'burn' });

async function servedOneEach(page: HaproxyPage): Promise<void> {
  const most = (await page.servers()).map((server) => server.most);
  assert.deepEqual(most, [1, 1, 1]);
}

async function sharesOneQueue({ balancer, replicas, page }: Setting): Promise<void> {
  const endless = Array.from({ length: REPLICAS }, () => leavable(balancer.url));
  await replicas.running(1, 1, 1);
  const received = await receivedBy(replicas);
  const waiting = [1, 2, 3, 4].map((seed) => callsRightly(balancer.url, { seed, iterations: 10 }));
  await page.waits(waiting.length);
  assert.equal(await receivedBy(replicas), received, 'none may wait inside a replica');
  await endless[0]!.leave();
  await Promise.all(waiting);
  assert.equal(sum(await replicas.metric('oneslot_running')), REPLICAS - 1, 'the others still run');
  await leaveAll(endless);
  await servedOneEach(page);
}

const receivedBy = async (replicas: Replicas) =>
  sum(await replicas.metric('oneslot_predictions_received_total'));

/** The reverse of the order in which they came. */
async function servesUrgentFirst({ balancer, replicas, page }: Setting): Promise<void> {
  const endless = Array.from({ length: REPLICAS }, () => leavable(balancer.url));
  await replicas.running(1, 1, 1);
  const served: string[] = [];
  const waiting: Promise<void>[] = [];
  const callers: readonly [string, Record<string, string>][] = [
    ['u=7', { priority: 'u=7' }],
    ['none', {}],
    // By itself, for whatever page asks.
    ['browser', { priority: 'u=1, i', origin: 'https://example.org' }],
    ['i, u=1', { priority: 'i, u=1' }],
    ['u=0', { priority: 'u=0' }],
  ];
  for (const [name, headers] of callers) {
    const done = callsRightly(balancer.url, { headers }).then(() => void served.push(name));
    waiting.push(done);
    await page.waits(waiting.length);
  }
  await endless[0]!.leave();
  await Promise.all(waiting);
  assert.deepEqual(served, ['u=0', 'i, u=1', 'none', 'browser', 'u=7']);
  await leaveAll(endless);
}

async function dropsLeavers({ balancer, replicas, page }: Setting): Promise<void> {
  const endless = Array.from({ length: REPLICAS }, () => leavable(balancer.url));
  await replicas.running(1, 1, 1);
  const received = await receivedBy(replicas);
  const leaver = leavable(balancer.url);
  await page.waits(1);
  await leaver.leave();
  await page.waits(0);
  await leaveAll(endless);
  await replicas.idle();
  assert.equal(await receivedBy(replicas), received);
}

/** Behind a full buffer HAProxy does not see that its caller has left, until its turn comes. */
async function endsLargeLeavers({ balancer, replicas, page }: Setting): Promise<void> {
  const endless = Array.from({ length: REPLICAS }, () => leavable(balancer.url));
  await replicas.running(1, 1, 1);
  const leaver = leavable(balancer.url, { iterations: ENDLESS, bytes: LARGE_BYTES });
  await page.waits(1);
  await leaver.leave();
  await leaveAll(endless);
  await page.waits(0);
  await replicas.idle();
}

async function answersBesideRuns({ balancer, replicas }: Setting): Promise<void> {
  const endless = Array.from({ length: REPLICAS }, () => leavable(balancer.url));
  await replicas.running(1, 1, 1);
  for (const [path, status] of [
    ['/models', 200],
    ['/models/burn', 200],
    ['/readyz', 200],
    ['/metrics', 404],
    ['/predicted', 404],
  ] as const) {
    assert.equal((await fetch(balancer.url + path)).status, status, path);
  }
  assert.match(
    await (await fetch(`${balancer.operatorsUrl}/metrics`)).text(),
    /haproxy_backend_current_queue/,
  );
  await leaveAll(endless);
}

/** One that is idle to HAProxy, but full of requests that came past it. */
async function movesRefusals({ balancer, replicas }: Setting): Promise<void> {
  const full = await fillDirectly(replicas.all[0]!);
  const refusals = () => replicas.all[0]!.metric('oneslot_refusals_total', { reason: 'queue_full' });
  const before = await refusals();
  await until(async () => {
    await callsRightly(balancer.url, { iterations: 10 });
    return (await refusals()) > before;
  });
  await leaveAll(full);
}

/** HAProxy sends again only what it holds whole, in one buffer of 16 KiB. */
async function passesLargeRefusals({ balancer, replicas }: Setting): Promise<void> {
  const full = await fillDirectly(replicas.all[0]!);
  const refusal = await until(async () => {
    const reply = await call(balancer.url, { iterations: 10, bytes: LARGE_BYTES });
    return reply.status !== 200 && reply;
  });
  assert.deepEqual([refusal.status, refusal.body.code], [503, 'queue_full']);
  assert.ok(refusal.headers.has('retry-after'));
  await leaveAll(full);
}

/**
 * The next in line may reach it as it dies, and nobody can tell that it never ran.
 * Its caller used the connection before: HAProxy would end that without a word if it kept it open.
 */
async function survivesKill({ balancer, replicas, page }: Setting): Promise<void> {
  const caller = new KeepingCaller();
  await caller.call(balancer.url, 10);
  const others = [leavable(balancer.url), leavable(balancer.url)];
  await until(async () => sum(await replicas.metric('oneslot_running')) === others.length);
  const idle = (await replicas.metric('oneslot_running')).indexOf(0);
  const lost = caller.call(balancer.url, ENDLESS);
  await replicas.running(1, 1, 1);
  const waiting = Promise.allSettled([1, 2, 3, 4].map((seed) => callsRightly(balancer.url, { seed })));
  await page.waits(4);
  await replicas.all[idle]!.signal('SIGKILL');
  const { status, body } = await lost;
  assert.deepEqual([status, body.code], [502, 'replica_lost']);
  await leaveAll(others);
  const alsoLost = (await waiting).filter((each) => each.status === 'rejected');
  assert.ok(alsoLost.length <= 1, String(alsoLost.map(({ reason }) => reason)));
  for (const { reason } of alsoLost) assert.match(String(reason), /replica_lost/);
  await replicas.startAgain(idle);
}
