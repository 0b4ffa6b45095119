// Ten times the load that fits, every caller with a deadline: how much of the slot's time goes to answers in time.

import { setTimeout as delay } from 'node:timers/promises';
import { monotonicMs } from '../../src/clock.js';
import { burn, calibrate, inTurn } from '../burns.js';
import type { Bench, Experiment, Outcome } from '../experiment.js';
import { startLoad } from '../load/load.js';
import type { RequestForm } from '../load/plan.js';
import { scrape } from '../metrics-page.js';
import { burnRepository } from '../models.js';
import { type Oneslot, residentBytes, startOneslot } from '../servers.js';
import { randomNumbers } from '../statistics.js';
import { outcomeOf } from './overload-outcome.js';
import {
  KINDS,
  LONGEST_MS,
  MEAN_MS,
  type Measured,
  type Memory,
  OVERLOAD,
  PATIENCE_MS,
  runMsAt,
  SHORTEST_MS,
} from './overload-spec.js';

/** Left out at the start, while the line fills and the estimates settle. */
const WARM_UP_MS = 5000;
const SAMPLE_EVERY_MS = 1000;

export const overload: Experiment = {
  name: 'overload',
  title: 'Ten times the load that fits',
  method:
    `Burns of ${SHORTEST_MS} to ${LONGEST_MS} ms (spread evenly on a logarithmic scale, mean ${MEAN_MS.toFixed(0)} ms) arrive at ` +
    `random (Poisson) at ${OVERLOAD} times the rate that one slot can serve; every caller waits ${PATIENCE_MS / 1000} s ` +
    '(Prefer: wait). An answer is in time when its caller has all of it within that time of sending. Its run counts for the ' +
    'share; the whole is the time that passed, so an idle slot counts against it too. ONNX Runtime has one thread.',
  run: measure,
};

async function measure(bench: Bench): Promise<Outcome> {
  const { quick, processes, progress } = bench;
  const args = ['--intra-op-threads', '1', '--log-level', 'warn'];
  await using server = await startOneslot(bench, { models: await burnRepository(bench), args });
  progress.step('overload, calibration');
  const iterations = await calibrate(server, bench);
  const forms = burnsOf(iterations);
  // The estimator has seen runs of every length, as it would in a service.
  await inTurn(server, forms, processes);
  progress.step('overload');
  const measured = await send(bench, server, { forms, seconds: quick ? 60 : 600 });
  return outcomeOf(measured, server.commandLine);
}

function burnsOf(iterations: (ms: number) => number): readonly RequestForm[] {
  return Array.from({ length: KINDS }, (_, index) => {
    const runMs = runMsAt((index + 0.5) / KINDS);
    return burn(iterations(runMs), index, { prefer: `wait=${PATIENCE_MS / 1000}` });
  });
}

async function send(
  { processes, progress }: Bench,
  server: Oneslot,
  { forms, seconds }: { forms: readonly RequestForm[]; seconds: number },
): Promise<Measured> {
  const schedule = poisson((OVERLOAD * 1000) / MEAN_MS, seconds);
  const load = startLoad({ url: server.url, forms, schedule, giveUpMs: 30_000 }, { processes, progress });
  const startMs = (await load.startedMs) + WARM_UP_MS;
  const endMs = startMs - WARM_UP_MS + seconds * 1000;
  const memory: Memory[] = [];
  const sampler = setInterval(() => void sample(server).then((each) => memory.push(each)), SAMPLE_EVERY_MS);
  const pages = busyBetween(server.url, startMs, endMs);
  try {
    const answers = await load.answers;
    return { answers, memory, startMs, endMs, busy: await pages };
  } finally {
    clearInterval(sampler);
  }
}

function poisson(perSecond: number, seconds: number) {
  const random = randomNumbers(2);
  const dueMs: number[] = [];
  const forms: number[] = [];
  for (let atMs = 0; atMs < seconds * 1000; atMs += (-Math.log(1 - random()) / perSecond) * 1000) {
    dueMs.push(atMs);
    forms.push(Math.floor(random() * KINDS));
  }
  return { kind: 'when due', dueMs, forms } as const;
}

async function sample(server: Oneslot): Promise<Memory> {
  const runnerPid = await server.runnerPid();
  const [serverBytes, runnerBytes] = await Promise.all([server.pid, runnerPid].map(residentBytes));
  return { atMs: monotonicMs(), serverBytes: serverBytes!, runnerBytes: runnerBytes! };
}

async function busyBetween(url: string, startMs: number, endMs: number): Promise<number> {
  const busySeconds = 'oneslot_slot_busy_seconds_total';
  await at(startMs);
  const before = await scrape(url);
  await at(endMs);
  const after = await scrape(url);
  return ((after.value(busySeconds) - before.value(busySeconds)) * 1000) / (after.atMs - before.atMs);
}

const at = (ms: number): Promise<void> => delay(Math.max(0, ms - monotonicMs()));
