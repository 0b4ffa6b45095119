// The loop closed on one machine: real replicas, a real Prometheus with the shipped rules, and Kubernetes' autoscaler
// as an algorithm play a day in minutes: a steady load, a burst, an ebb, and a replica that dies.
//
// What can't be had here is a GPU for each replica: test/support/waiting-device.ts says what stands in for it.

import { strict as assert } from 'node:assert';
import { join } from 'node:path';
import { figure, percent } from '../../src/plan/numbers.js';
import { writeFixtureModels } from '../support/fixture-models.js';
import type { Oneslot } from '../support/oneslot.js';
import type { Cleanup } from '../support/programs/cleanup.js';
import { until } from '../support/until.js';
import { autoscale, type Look } from './loop/autoscaler.js';
import { Callers, type Heard, quantile } from './loop/callers.js';
import {
  ARRIVALS,
  DAY,
  DEATH,
  FIRST_REPLICAS,
  ORACLE_SECONDS,
  RUN_TIMES,
  SEED,
  STARTUP,
  simulatedDay,
  TARGET,
} from './loop/day.js';
import { DayClock } from './loop/day-clock.js';
import { addressOf, Replicas, startReplica } from './loop/replicas.js';
import { startScraper } from './loop/scraper.js';
import { Timeline } from './loop/timeline.js';
import type { Context, Part } from './part.js';

export const part: Part = { name: 'loop', run };

/** Seconds of the day in one of the machine's, at most: a run of 6 s then takes 200 ms. */
const FASTEST = 30;
/** More replica-seconds than the oracle's, at most. */
const MOST_OVER_ORACLE = 0.15;
/** How far the simulated day may be from the real one. */
const MOST_OFF_PLAN = 0.2;
const OTHER_DAYS = 20;

interface Day {
  readonly heard: Heard;
  readonly looks: readonly Look[];
  readonly paidSeconds: number;
  /** Calls that the replica that died had not answered. */
  readonly owed: number;
  readonly speed: number;
}

async function run(context: Context): Promise<void> {
  const { report } = context;
  let day: Day | undefined;
  await report.check('a day of 115 minutes is played', async () => {
    day = await play(context);
    return `${day.speed.toFixed(0)} times as fast, ${day.heard.callers} callers, ${rangeOf(day.looks)} replicas`;
  });
  const { heard, paidSeconds, owed } = day!;
  await report.check(
    'every caller gets the right answer, those of the replica that died by asking again',
    async () => {
      assert.deepEqual(heard.wrong, []);
      assert.ok(heard.askedAgain <= owed, `${heard.askedAgain} asked again, the lost replica owed ${owed}`);
      return `${heard.askedAgain} asked again`;
    },
  );
  for (const phase of ['steady', 'burst', 'ebb', 'night'] as const) {
    await report.check(`${phase}: p95 of the waits keeps the target of ${TARGET.wait} s`, async () => {
      const wait = quantile(heard.waitsOf.get(phase)!);
      assert.ok(wait <= TARGET.wait, `p95 is ${figure(wait)} s`);
      return `${figure(wait)} s`;
    });
  }
  await report.check(
    'that takes few replica-seconds more than an oracle needs, who knows the load ahead',
    async () => {
      const over = paidSeconds / ORACLE_SECONDS - 1;
      assert.ok(over <= MOST_OVER_ORACLE, `${percent(over)} more, ${percent(MOST_OVER_ORACLE)} at most`);
      return `${percent(over)} more`;
    },
  );
  await report.check(
    'oneslot plan foretells the replica-seconds and the answer times of this day',
    async () => {
      const planned = simulatedDay();
      return [
        isNear('replica-seconds', paidSeconds, planned.replicaSeconds),
        isNear('mean answer time', heard.waits.mean + RUN_TIMES.mean, planned.waits.mean + RUN_TIMES.mean),
      ].join('; ');
    },
  );
  await report.check('and its waits, as far as one day of the kind tells', async () => {
    const days = Array.from({ length: OTHER_DAYS }, (_, seed) => simulatedDay(seed).waits);
    return [
      isUsual(
        'mean wait',
        heard.waits.mean,
        days.map(({ mean }) => mean),
      ),
      isUsual(
        'p95 wait',
        quantile(heard.waits),
        days.map(({ target }) => target),
      ),
    ].join('; ');
  });
}

export function isNear(what: string, real: number, planned: number): string {
  const words = `${what} ${figure(real)}, planned ${figure(planned)}`;
  assert.ok(Math.abs(real / planned - 1) <= MOST_OFF_PLAN, words);
  return words;
}

/** One look of the autoscaler that ends otherwise makes other waits, so they are held against days of the same kind. */
function isUsual(what: string, real: number, planned: readonly number[]): string {
  const [least, most] = [Math.min(...planned), Math.max(...planned)];
  const words = `${what} ${figure(real)}, on ${OTHER_DAYS} planned days of this kind ${figure(least)} to ${figure(most)}, on this one ${figure(planned[SEED]!)}`;
  assert.ok(real >= least * (1 - MOST_OFF_PLAN) && real <= most * (1 + MOST_OFF_PLAN), words);
  return words;
}

async function play({ project, folder, cleanup }: Context): Promise<Day> {
  const models = join(folder, 'models');
  writeFixtureModels(models, ['burn']);
  const startedMs = performance.now();
  const first = await startTogether(models, cleanup, FIRST_REPLICAS);
  const clock = new DayClock(speedFor(performance.now() - startedMs));
  const scraper = await startScraper({ project, folder: join(folder, 'prometheus'), cleanup }, clock);
  scraper.scrape(first.map(addressOf));
  await until(async () => (await scraper.prometheus.value('count(oneslot_demand)')) === FIRST_REPLICAS);
  clock.begin();
  const replicas = new Replicas({
    ...{ models, clock, first, duration: ARRIVALS.duration },
    onChange: (all) => scraper.scrape(all),
  });
  cleanup.add(() => replicas.stop());
  const timeline = new Timeline(ARRIVALS.duration);
  const [heard, looks, owed] = await Promise.all([
    new Callers({ day: DAY, clock, replicas, timeline }).play(),
    autoscale(clock, scraper.prometheus, replicas, DAY),
    clock.at(DEATH).then(() => replicas.kill()),
  ]);
  for (const { at, paid } of looks) timeline.looked(at, paid);
  console.log(String(timeline));
  if (replicas.failures.length > 0) throw new AggregateError(replicas.failures, 'replicas failed');
  return { heard, looks, paidSeconds: replicas.paidSeconds(), owed, speed: clock.speed };
}

/** As many at once as a burst may add, so that it shows how long starting takes on this machine. */
export async function startTogether(
  models: string,
  cleanup: Cleanup,
  count: number,
): Promise<readonly Oneslot[]> {
  const starting = Array.from({ length: count }, () => startReplica(models));
  cleanup.add(async () => {
    for (const oneslot of await Promise.all(starting)) await oneslot[Symbol.asyncDispose]();
  });
  return await Promise.all(starting);
}

/** No faster than replicas can start here in the time that the day gives them. */
export const speedFor = (startMs: number): number => Math.min(FASTEST, STARTUP / (startMs / 1000));

function rangeOf(looks: readonly Look[]): string {
  const paid = looks.map((look) => look.paid);
  return `${Math.min(...paid)} to ${Math.max(...paid)}`;
}
