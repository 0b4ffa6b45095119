// The loop closed behind HAProxy, which keeps the queue: real replicas, a real HAProxy as shipped, a real Prometheus
// with the shipped rules, and Kubernetes' autoscaler as an algorithm with the shipped targets play forty minutes with a burst
// of four times the load.

import { strict as assert } from 'node:assert';
import { join } from 'node:path';
import { Arrivals } from '../../src/plan/arrivals.js';
import { figure } from '../../src/plan/numbers.js';
import { hpaScaler } from '../../src/plan/scaler.js';
import { SHIPPED_BEHAVIOR, SHIPPED_TARGETS } from '../../src/plan/shipped.js';
import { type Outcome, simulate } from '../../src/plan/simulate.js';
import { writeFixtureModels } from '../support/fixture-models.js';
import { installDebian } from '../support/programs/packages.js';
import { until } from '../support/until.js';
import { autoscale, type Look } from './loop/autoscaler.js';
import { Callers, type Heard, quantile } from './loop/callers.js';
import {
  fewest,
  oracleSeconds,
  type PlayedDay,
  RUN_TIMES,
  SEED,
  STARTUP,
  segmentsOf,
  TARGET,
} from './loop/day.js';
import { DayClock } from './loop/day-clock.js';
import { addressOf, Replicas } from './loop/replicas.js';
import { startScraper } from './loop/scraper.js';
import { Slots } from './loop/slots.js';
import { Timeline } from './loop/timeline.js';
import { isNear, speedFor, startTogether } from './loop.js';
import type { Context, Part } from './part.js';

export const part: Part = { name: 'loop-haproxy', run };

const MAX_REPLICAS = 8;
const USUAL_RATE = 0.25;
const MINUTE = 60;
const OTHER_DAYS = 20;
/** Of all: until new replicas are up, the queue of the few that there are may be full. */
const MOST_REFUSED = 0.02;

const segments = segmentsOf([
  ['steady', 10, USUAL_RATE],
  ['burst', 20, 4 * USUAL_RATE],
  ['ebb', 10, USUAL_RATE],
]);
const BURST = segments[1]!;
const FIRST_REPLICAS = fewest(USUAL_RATE);
const DAY: PlayedDay = {
  segments,
  arrivals: new Arrivals(segments),
  hpa: { targets: SHIPPED_TARGETS, behavior: SHIPPED_BEHAVIOR, minReplicas: 1, maxReplicas: MAX_REPLICAS },
};

const simulated = (isQueueSeen: boolean, seed = SEED): Outcome =>
  simulate({
    ...{ arrivals: DAY.arrivals, runTimes: RUN_TIMES, balancing: 'shared', isQueueSeen, seed },
    ...{
      replicas: FIRST_REPLICAS,
      scaler: hpaScaler(DAY.hpa),
      startup: STARTUP,
      metricDelay: 15,
      queueLimit: 64,
    },
  });

interface Hour {
  readonly heard: Heard;
  readonly looks: readonly Look[];
  readonly paidSeconds: number;
  readonly speed: number;
}

async function run(context: Context): Promise<void> {
  const { report } = context;
  await installDebian({ haproxy: 'haproxy' });
  let hour: Hour | undefined;
  await report.check(
    'forty minutes with a burst of four times the load is played behind HAProxy',
    async () => {
      hour = await play(context);
      return `${hour.speed.toFixed(0)} times as fast, ${hour.heard.callers} callers`;
    },
  );
  const { heard, looks, paidSeconds } = hour!;
  await report.check(
    'every caller gets the right answer, but for a few whom HAProxy refuses early',
    async () => {
      const refused = heard.wrong.filter((answer) => answer.includes('"code":"queue_full"'));
      assert.deepEqual(
        heard.wrong.filter((answer) => !refused.includes(answer)),
        [],
      );
      assert.ok(
        refused.length <= MOST_REFUSED * heard.callers,
        `${refused.length} of ${heard.callers} refused`,
      );
      return `${refused.length} of ${heard.callers} refused`;
    },
  );
  await report.check('the demand that the autoscaler sees is what waits in HAProxy too', async () => {
    const inReplicas = Math.max(...looks.map((look) => look.inReplicas ?? 0));
    const seen = Math.max(...looks.map((look) => look.demand ?? 0));
    assert.ok(inReplicas <= MAX_REPLICAS, `${inReplicas} in the replicas`);
    assert.ok(seen >= 3 * MAX_REPLICAS, `${figure(seen)} at most`);
    return `${figure(seen)} at most, of which the replicas knew ${inReplicas}`;
  });
  await report.check('it asks for all replicas within three minutes of the burst', async () => {
    const full = looks.find(({ wanted }) => wanted === MAX_REPLICAS);
    const after = (full?.at ?? Number.POSITIVE_INFINITY) - BURST.from;
    assert.ok(after >= 0 && after <= 3 * MINUTE, `after ${figure(after)} s`);
    return `after ${figure(after)} s`;
  });
  await report.check('oneslot plan foretells what it costs and how long callers wait', async () => {
    const planned = Array.from({ length: OTHER_DAYS }, (_, seed) => simulated(true, seed));
    const seconds = planned.reduce((sum, { replicaSeconds }) => sum + replicaSeconds, 0) / OTHER_DAYS;
    const p95 = quantile(heard.waits);
    const usual = planned.map(({ waits }) => waits.p95);
    const words = `p95 ${figure(p95)} s, planned ${figure(Math.min(...usual))} to ${figure(Math.max(...usual))} s`;
    const blind = simulated(false).waits.p95;
    assert.ok(p95 < blind / 2, `${words}; without HAProxy's queue ${figure(blind)} s`);
    const over = figure(paidSeconds / oracleSeconds(DAY));
    return `${isNear('replica-seconds', paidSeconds, seconds)}, ${over} times the oracle's; ${words}, ${figure(blind)} s without HAProxy's queue; ${TARGET.wait} s are allowed`;
  });
}

async function play(context: Context): Promise<Hour> {
  const { project, folder, cleanup } = context;
  const models = join(folder, 'models');
  writeFixtureModels(models, ['burn']);
  const startedMs = performance.now();
  const first = await startTogether(models, cleanup, FIRST_REPLICAS);
  // A burst starts several at once.
  const clock = new DayClock(speedFor((performance.now() - startedMs) * 2));
  const slots = await Slots.start(context, first.map(addressOf), MAX_REPLICAS);
  const balancer = new URL(slots.balancer.operatorsUrl).host;
  const scraper = await startScraper(
    { project, folder: join(folder, 'prometheus'), cleanup, balancer },
    clock,
  );
  scraper.scrape(first.map(addressOf));
  await until(async () => (await scraper.prometheus.value('count(oneslot_demand)')) === FIRST_REPLICAS);
  clock.begin();
  const replicas = new Replicas({
    ...{ models, clock, first, duration: DAY.arrivals.duration },
    onChange: (all) => scraper.scrape(all),
    onServing: (ready) => slots.serve(ready),
  });
  cleanup.add(() => replicas.stop());
  const timeline = new Timeline(DAY.arrivals.duration);
  const balancerUrl = slots.balancer.url;
  const [heard, looks] = await Promise.all([
    new Callers({ day: DAY, clock, replicas, timeline, balancerUrl }).play(),
    autoscale(clock, scraper.prometheus, replicas, DAY),
  ]);
  for (const { at, paid } of looks) timeline.looked(at, paid);
  console.log(String(timeline));
  if (replicas.failures.length > 0) throw new AggregateError(replicas.failures, 'replicas failed');
  return { heard, looks, paidSeconds: replicas.paidSeconds(), speed: clock.speed };
}
