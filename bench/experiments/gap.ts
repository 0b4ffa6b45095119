// How long the slot stands idle between two runs while work waits, and the share of time in which it runs.

import { setTimeout as delay } from 'node:timers/promises';
import type { Bench, Experiment, Goal, Outcome } from '../experiment.js';
import { runLoad, startLoad } from '../load/load.js';
import type { RequestForm } from '../load/plan.js';
import {
  type Bucket,
  between,
  bucketQuantile,
  type MetricsPage,
  scrape,
  shareUpTo,
} from '../metrics-page.js';
import { weighInput, weighRepository } from '../models.js';
import { type Oneslot, startOneslot } from '../servers.js';
import { median, percent, spread, time } from '../statistics.js';

interface Case {
  readonly name: string;
  readonly bytes: number;
  readonly runMs: number;
  readonly connections: number;
  /** Seconds; a bound of the histogram. */
  readonly gapLimit: number;
  readonly busyLimit?: number;
}

const CASES: readonly Case[] = [
  { name: '4 KB', bytes: 4096, runMs: 5, connections: 12, gapLimit: 0.00015 },
  { name: '600 KB', bytes: 600_000, runMs: 5, connections: 12, gapLimit: 0.0002, busyLimit: 0.98 },
  { name: '10 MB', bytes: 10_485_760, runMs: 100, connections: 6, gapLimit: 0.001 },
];

interface Measured {
  readonly which: Case;
  readonly buckets: readonly Bucket[];
  readonly meanGapMs: number;
  readonly meanRunMs: number;
  readonly runs: number;
  readonly busy: number;
  readonly bad: number;
}

export const gap: Experiment = {
  name: 'gap',
  title: 'The idle gap between two runs',
  method:
    'A closed loop of callers keeps a backlog, with raw binary inputs for a model whose run takes as long as the request ' +
    'says. The gap is what the server’s own histogram oneslot_slot_gap_seconds gained in the meantime: idle time of the slot ' +
    'between two runs while something waited, by the clock of the thread that runs the model. Busy is the gain of ' +
    'oneslot_slot_busy_seconds_total as a share of the time.',
  standIn:
    'ONNX Runtime has one thread, so that the run, which stands in for the GPU’s, has a core of its own; server, runner I/O ' +
    'and load share the other.',
  run: measure,
};

async function measure(bench: Bench): Promise<Outcome> {
  const { quick, processes } = bench;
  const models = await weighRepository(processes);
  const args = ['--intra-op-threads', '1', '--log-level', 'warn'];
  await using server = await startOneslot(bench, { models, args });
  const measured: Measured[] = [];
  for (let repeat = 1; repeat <= (quick ? 1 : 3); repeat += 1) {
    for (const which of CASES) measured.push(await measureCase(bench, server, which));
  }
  return outcomeOf(measured, server);
}

async function measureCase(bench: Bench, server: Oneslot, which: Case): Promise<Measured> {
  const { quick, processes, progress } = bench;
  progress.step(`gap, ${which.name}`);
  const form = await formOf(which, server, bench);
  const schedule = { kind: 'in turn', connections: which.connections } as const;
  const load = startLoad({ url: server.url, forms: [form], schedule }, { processes, progress });
  await load.startedMs;
  await delay(1500);
  const before = await scrape(server.url);
  await delay(quick ? 5000 : 20_000);
  const after = await scrape(server.url);
  load.stop();
  const bad = (await load.answers).filter(({ status }) => status !== 200).length;
  return measuredOf(which, { before, after, bad });
}

/** Its first element says how many iterations take so long; found by trial. */
async function formOf({ bytes, runMs }: Case, server: Oneslot, { processes }: Bench): Promise<RequestForm> {
  const form = (iterations: number): RequestForm => ({
    method: 'POST',
    path: '/predict/weigh',
    headers: { 'content-type': 'application/octet-stream', accept: 'application/octet-stream' },
    body: weighInput(bytes, iterations),
  });
  const timeOf = async (iterations: number): Promise<number> => {
    const schedule = { kind: 'in turn', connections: 1, calls: 9 } as const;
    const answers = await runLoad({ url: server.url, forms: [form(iterations)], schedule }, { processes });
    return median(answers.map(({ timing }) => timing.run!));
  };
  const few = await timeOf(10);
  const perIteration = ((await timeOf(1010)) - few) / 1000;
  return form(Math.max(1, Math.round((runMs - few) / perIteration) + 10));
}

function measuredOf(
  which: Case,
  { before, after, bad }: { before: MetricsPage; after: MetricsPage; bad: number },
): Measured {
  const gained = (name: string): number => after.value(name) - before.value(name);
  const name = 'oneslot_slot_gap_seconds';
  const runs = gained('oneslot_run_seconds_count');
  return {
    which,
    buckets: between(before.buckets(name), after.buckets(name)),
    meanGapMs: (gained(`${name}_sum`) / gained(`${name}_count`)) * 1000,
    meanRunMs: (gained('oneslot_run_seconds_sum') / runs) * 1000,
    runs,
    busy: gained('oneslot_slot_busy_seconds_total') / ((after.atMs - before.atMs) / 1000),
    bad,
  };
}

function outcomeOf(measured: readonly Measured[], server: Oneslot): Outcome {
  const groups = CASES.map((which) => measured.filter((each) => each.which === which));
  return {
    goals: groups.flatMap(goalsOf),
    tables: [
      {
        caption: 'Gaps and busy share; medians of the repeats',
        head: [
          'input',
          'run, mean',
          'runs',
          'gap p50',
          'gap p90',
          'gap p99',
          'gap mean',
          'busy',
          'busy, spread',
          'not 200',
        ],
        rows: groups.map(rowOf),
      },
    ],
    notes: [
      'Percentiles are interpolated within the histogram’s buckets; whether a goal is met is exact, because the limits are bounds of buckets.',
    ],
    commands: [server.commandLine],
    raw: measured,
  };
}

function rowOf(group: readonly Measured[]): string[] {
  const gapMs = (share: number): string =>
    time(median(group.map(({ buckets }) => bucketQuantile(buckets, share) * 1000)));
  const middle = (pick: (each: Measured) => number): number => median(group.map(pick));
  return [
    group[0]!.which.name,
    time(middle(({ meanRunMs }) => meanRunMs)),
    String(group.reduce((total, { runs }) => total + runs, 0)),
    gapMs(0.5),
    gapMs(0.9),
    gapMs(0.99),
    time(middle(({ meanGapMs }) => meanGapMs)),
    percent(middle(({ busy }) => busy)),
    percent(spread(group.map(({ busy }) => busy))),
    String(group.reduce((total, { bad }) => total + bad, 0)),
  ];
}

function goalsOf(group: readonly Measured[]): Goal[] {
  const { name, gapLimit, busyLimit, runMs } = group[0]!.which;
  const within = median(group.map(({ buckets }) => shareUpTo(buckets, gapLimit)));
  const gapMs = median(group.map(({ buckets }) => bucketQuantile(buckets, 0.5) * 1000));
  const busy = median(group.map((each) => each.busy));
  const goals: Goal[] = [
    {
      what: `${name}: median gap (share of gaps within the limit)`,
      limit: `≤ ${time(gapLimit * 1000)} (≥ 50 %)`,
      measured: `${time(gapMs)} (${percent(within)})`,
      met: within >= 0.5,
    },
  ];
  if (busyLimit === undefined) return goals;
  const what = `${name}, ${runMs} ms runs: slot busy`;
  return [
    ...goals,
    { what, limit: `≥ ${percent(busyLimit, 0)}`, measured: percent(busy), met: busy >= busyLimit },
  ];
}
