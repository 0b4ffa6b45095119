// The shipped rules and alerts on a real Prometheus, held against what the load on a real oneslot was.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { burn, ENDLESS, leavableBurn } from '../../support/burns.js';
import { run } from '../../support/programs/command.js';
import type { Context } from '../part.js';
import { isNear, OF_ESTIMATES, quantilesHold, refusalsAreNear, see } from './compare.js';
import { KnownLoad } from './known-load.js';
import { eventually, QUEUE_LIMIT, raised, type Scraped, startScraped } from './scraped.js';

/** A twentieth of a second or so, so that a window holds many, on a machine with other work too. */
const ITERATIONS = 150;

export async function checkLive(context: Context): Promise<void> {
  const { report } = context;
  const scraped = await startScraped(context);
  await report.check('an idle replica is scraped, and every rule about load says 0', () =>
    checkIdle(scraped),
  );
  await report.check('promtool’s linter finds nothing on the metrics page', () =>
    checkPage(context, scraped),
  );
  await report.check('half a load: the rules say what its callers saw', () => checkHalf(scraped));
  await report.check('too much load: the rules count what is refused as demand and as offered load', () =>
    checkTooMuch(scraped),
  );
  await report.check('refusals and a model on the CPU raise their alerts', () =>
    raised(scraped, ['OneslotRefusals', 'OneslotRefusesMany', 'OneslotNotOnGpu']),
  );
  await report.check(
    '3 wait for a long run: demand is 4, the slot busy, nothing offered, and a full queue raises its alert',
    () => checkWaiting(scraped),
  );
  await report.check('a runner that is killed three times raises its alert', () => checkCrashes(scraped));
  await report.check('a replica that is gone raises its alert', async () => {
    await scraped.oneslot.signal('SIGKILL');
    await raised(scraped, ['OneslotNotScraped']);
  });
}

async function checkIdle({ prometheus }: Scraped): Promise<void> {
  for (const rule of ['demand:sum', 'backlog_seconds:sum', 'offered_load:rate5m', 'busy_ratio:rate5m'])
    await eventually(
      `oneslot:${rule}`,
      () => prometheus.value(`oneslot:${rule}`),
      (value) => value === 0,
    );
  const labels = (await prometheus.query('oneslot:demand:sum')).map((sample) => sample.labels);
  assert.deepEqual(labels, [{ __name__: 'oneslot:demand:sum', job: 'oneslot' }]);
  assert.deepEqual(await prometheus.query('oneslot:run_seconds:p95'), []);
}

/** After requests of every outcome that a caller can bring about. */
async function checkPage({ folder }: Context, { oneslot }: Scraped): Promise<string> {
  await burn(oneslot, 1);
  await oneslot.predict('burn', {});
  await burn(oneslot, ITERATIONS, { headers: { prefer: 'wait=0' } });
  const page = join(folder, 'page.txt');
  await writeFile(page, await (await fetch(`${oneslot.adminUrl}/metrics`)).text());
  assert.equal(await run('sh', ['-c', 'promtool check metrics < "$1" 2>&1', 'sh', page]), '');
  return `${(await oneslot.metrics()).families.length} metrics`;
}

/** One caller who pauses as long as each run took; others come who can't be served in time, or whose request is a mistake. */
async function checkHalf(scraped: Scraped): Promise<string> {
  const load = new KnownLoad(scraped.oneslot, ITERATIONS);
  load.add(
    (each) => each.burn(),
    ({ ran }) => ran,
  );
  load.add(
    (each) => each.burn({ headers: { prefer: 'wait=0' } }),
    () => 0.25,
  );
  load.add(
    ({ oneslot }) => oneslot.predict('nobody', {}),
    () => 0.5,
  );
  const seen = await see(scraped, load);
  const { busyRatio, offeredLoad } = seen.truth;
  return inWords([
    await isNear(seen, 'oneslot:busy_ratio:rate5m', busyRatio, { share: 0.05, plus: 0.05 }),
    await isNear(seen, 'oneslot:offered_load:rate5m', offeredLoad, OF_ESTIMATES),
    await refusalsAreNear(seen, 'deadline_unattainable'),
    await isNear(seen, 'sum(oneslot:refusals:rate5m{reason!="deadline_unattainable"})', 0, {
      share: 0,
      plus: 0,
    }),
    await quantilesHold(seen),
  ]);
}

/** Twice as many callers as have a place; who is refused comes again after a run's time, on a slow machine and a fast one. */
async function checkTooMuch(scraped: Scraped): Promise<string> {
  const load = new KnownLoad(scraped.oneslot, ITERATIONS);
  for (let caller = 0; caller < 2 * (QUEUE_LIMIT + 1); caller++)
    load.add(
      (each) => each.burn(),
      ({ code }) => (code === 'completed' ? 0 : load.lastRan),
    );
  const seen = await see(scraped, load);
  const { busyRatio, demand, offeredLoad, refusedLoad } = seen.truth;
  assert.ok(refusedLoad > 2, `too little is refused to tell: ${refusedLoad}`);
  return inWords([
    // The gauge is that of one moment, and a place may have been free just then.
    await isNear(seen, 'oneslot:demand:sum', demand + refusedLoad, { share: 0.3, plus: 1 }),
    await isNear(seen, 'oneslot:offered_load:rate5m', offeredLoad, OF_ESTIMATES),
    await isNear(seen, 'oneslot:busy_ratio:rate5m', busyRatio, { share: 0.05, plus: 0.02 }),
    await refusalsAreNear(seen, 'queue_full'),
    await quantilesHold(seen),
  ]);
}

const inWords = (lines: readonly string[]): string => lines.map((line) => `\n        ${line}`).join('');

async function checkWaiting({ oneslot, prometheus }: Scraped): Promise<string> {
  const { answer, leave } = leavableBurn(oneslot, ENDLESS);
  await oneslot.running();
  const waiting = Array.from({ length: QUEUE_LIMIT }, () => burn(oneslot, 1));
  await oneslot.queued(QUEUE_LIMIT);
  const read = (rule: string) => () => prometheus.value(rule);
  // What was refused before leaves the window.
  await eventually('demand', read('oneslot:demand:sum'), (value) => value === QUEUE_LIMIT + 1);
  await eventually('offered load', read('oneslot:offered_load:rate5m'), (value) => value === 0);
  const busy = await eventually('busy ratio', read('oneslot:busy_ratio:rate5m'), (value) => value! > 0.98);
  const { backlogSeconds } = (await oneslot.get('/scaling')).body;
  const backlog = await prometheus.value('oneslot:backlog_seconds:sum');
  assert.ok(Math.abs(backlog! - backlogSeconds) < 5 + 0.01 * backlogSeconds, `${backlog}, ${backlogSeconds}`);
  await raised({ oneslot, prometheus }, ['OneslotQueueNearFull', 'OneslotBacklogBeyondPatience']);
  leave();
  await Promise.all([answer, ...waiting]);
  return `demand ${QUEUE_LIMIT + 1}, busy ${busy!.toFixed(3)}, backlog ${Math.round(backlog!)} s`;
}

/** The next runner has loaded its models when its process id is another. */
async function checkCrashes(scraped: Scraped): Promise<void> {
  const { oneslot } = scraped;
  for (let crash = 1; crash <= 3; crash++) {
    const killed = oneslot.runnerPid!;
    process.kill(killed, 'SIGKILL');
    const next = async () => oneslot.runnerPid;
    await eventually('another runner', next, (pid) => pid !== killed);
  }
  await raised(scraped, ['OneslotRunnerCrashLoop']);
}
