// The runner is killed at random moments under load: what it costs, and whether anyone gets what was not theirs.

import { setTimeout as delay } from 'node:timers/promises';
import { monotonicMs } from '../../src/clock.js';
import { burn, calibrate, checksumOf, inTurn } from '../burns.js';
import type { Bench, Experiment, Outcome } from '../experiment.js';
import { howAnswered } from '../load/answers.js';
import { startLoad } from '../load/load.js';
import type { Answer, RequestForm } from '../load/plan.js';
import { scrape } from '../metrics-page.js';
import { burnRepository } from '../models.js';
import { type Oneslot, startOneslot } from '../servers.js';
import { count, percentiles, randomNumbers, time } from '../statistics.js';

const CALLERS = 16;
const KINDS = 60;
const SHORTEST_MS = 10;
const LONGEST_MS = 80;
/** A kill follows the last one after a time from here to this long beyond three loads, evenly spread. */
const KILL_AFTER_MS = { least: 50, beyondLoads: 500 };

interface Measured {
  readonly answers: readonly Answer[];
  /** The right answer to each form, as it came alone. */
  readonly right: readonly string[];
  readonly killsMs: readonly number[];
  /** Kills that hit the runner while it ran something, by the log. */
  readonly restarts: number;
  readonly openBooks: number;
}

export const kills: Experiment = {
  name: 'kills',
  title: 'Killing the runner under load',
  method:
    `${CALLERS} callers always have a prediction waiting or running, burns of ${SHORTEST_MS} to ${LONGEST_MS} ms, each with a seed ` +
    'of its own; the runner gets SIGKILL at random moments, running, idle or loading. Every answer is held against the one that the ' +
    'same burn got alone, and names the request it belongs to (X-Request-Id), so an answer given twice or to the wrong caller ' +
    'shows. A burn is never batched, so one kill can cost one prediction at most.',
  run: measure,
};

async function measure(bench: Bench): Promise<Outcome> {
  const { quick, processes, progress } = bench;
  const models = await burnRepository(bench);
  await using server = await startOneslot(bench, { models, args: ['--log-level', 'warn'] });
  progress.step('kills, right answers');
  const iterations = await calibrate(server, bench);
  const forms = Array.from({ length: KINDS }, (_, index) => {
    const runMs = SHORTEST_MS + ((LONGEST_MS - SHORTEST_MS) * index) / KINDS;
    return burn(iterations(runMs), 1000 + index);
  });
  const right = (await inTurn(server, forms, processes)).map(({ body }) => body!);
  if (new Set(right.map(checksumOf)).size < KINDS * 0.9)
    throw new Error('too many burns have the same checksum');
  const mostMs = KILL_AFTER_MS.beyondLoads + 3 * (await loadTime(server));
  progress.step('kills');
  return outcomeOf(
    await killUnderLoad(bench, server, { forms, right, mostMs, times: quick ? 20 : 100 }),
    server,
  );
}

/** From a kill until a new runner has loaded the models; ms. */
async function loadTime(server: Oneslot): Promise<number> {
  const pid = await server.runnerPid();
  const fromMs = monotonicMs();
  await killRunner(server);
  while ((await server.runnerPid()) === pid) await delay(5);
  await server.answers('/readyz');
  return monotonicMs() - fromMs;
}

async function killUnderLoad(
  { processes, progress }: Bench,
  server: Oneslot,
  {
    forms,
    right,
    mostMs,
    times,
  }: { forms: readonly RequestForm[]; right: readonly string[]; mostMs: number; times: number },
): Promise<Measured> {
  const random = randomNumbers(3);
  const schedule = { kind: 'in turn', connections: CALLERS } as const;
  const plan = { url: server.url, forms, schedule, keepBodies: true, giveUpMs: 60_000 };
  const load = startLoad(plan, { processes });
  await load.startedMs;
  await delay(500);
  const killsMs: number[] = [];
  while (killsMs.length < times) {
    await delay(KILL_AFTER_MS.least + random() * (mostMs - KILL_AFTER_MS.least));
    if (!(await killRunner(server))) continue;
    killsMs.push(monotonicMs());
    progress.at(`${killsMs.length} of ${times} kills, ${load.answered} answered`);
  }
  await delay(2000);
  load.stop();
  const answers = await load.answers;
  const page = await scrape(server.url);
  const ended = page.value('oneslot_predictions_total');
  const open = ['oneslot_receiving', 'oneslot_queue_depth', 'oneslot_running'].map((name) =>
    page.value(name),
  );
  return {
    answers,
    right,
    killsMs,
    restarts: page.value('oneslot_runner_restarts_total'),
    openBooks: page.value('oneslot_predictions_received_total') - ended - open.reduce((a, b) => a + b, 0),
  };
}

/** Whether there was a process to kill. */
async function killRunner(server: Oneslot): Promise<boolean> {
  const pid = await server.runnerPid();
  try {
    return pid !== undefined && process.kill(pid, 'SIGKILL');
  } catch {
    return false;
  }
}

function outcomeOf(measured: Measured, server: Oneslot): Outcome {
  const { answers, right, killsMs, restarts, openBooks } = measured;
  const served = answers.filter(({ status }) => status === 200);
  const wrong = served.filter(({ form, body }) => body !== right[form]).length;
  const strange = answers.filter(({ isOwn }) => !isOwn).length;
  const crashed = answers.filter(({ code }) => code === 'runner_crashed');
  const other = answers.length - served.length - crashed.length;
  const mostPerKill = mostBetween(killsMs, crashed);
  const goal = (what: string, limit: string, measuredText: string, met: boolean) => ({
    what,
    limit,
    measured: measuredText,
    met,
  });
  return {
    goals: [
      goal('answers that are wrong', '0', count(wrong), wrong === 0),
      goal('answers that name another request', '0', count(strange), strange === 0),
      goal('answers other than 200 and runner_crashed, or none', '0', count(other), other === 0),
      goal(
        'predictions lost with a run: in all, and most by one kill',
        `≤ ${killsMs.length}, ≤ 1`,
        `${crashed.length}, ${mostPerKill}`,
        crashed.length <= killsMs.length && mostPerKill <= 1,
      ),
      goal('predictions that the server’s books have lost', '0', count(openBooks), openBooks === 0),
    ],
    tables: [
      {
        caption: 'Kills',
        head: [
          'kills',
          'runners replaced',
          'answers',
          'how answered',
          'next right answer after a kill: p50',
          'p99',
          'max',
        ],
        rows: [killsRow(measured, restarts)],
      },
    ],
    notes: ['A kill that hits the runner while it loads or idles costs nobody an answer.'],
    commands: [server.commandLine],
    raw: { killsMs, crashed, wrong, strange, other, openBooks },
  };
}

function killsRow({ answers, killsMs }: Measured, restarts: number): string[] {
  const served = answers.filter(({ status }) => status === 200).map(({ endMs }) => endMs);
  const recovery = percentiles(
    killsMs.map((killMs) => (served.find((endMs) => endMs > killMs) ?? NaN) - killMs),
  );
  return [
    count(killsMs.length),
    count(restarts),
    count(answers.length),
    howAnswered(answers),
    time(recovery.p50),
    time(recovery.p99),
    time(recovery.max),
  ];
}

/** The most of these answers that came between one kill and the next. */
function mostBetween(killsMs: readonly number[], answers: readonly Answer[]): number {
  const counts = killsMs.map((fromMs, index) => {
    const toMs = killsMs[index + 1] ?? Number.POSITIVE_INFINITY;
    return answers.filter(({ endMs }) => endMs >= fromMs && endMs < toMs).length;
  });
  return Math.max(0, ...counts);
}
