// Whether a server still hears while a long run goes on.

import type { Experiment, Outcome } from '../experiment.js';
import { latencyOf } from '../load/answers.js';
import { startLoad } from '../load/load.js';
import type { Answer, RequestForm } from '../load/plan.js';
import { percentiles, time } from '../statistics.js';
import { answeredText } from './answered.js';
import { type Column, compare } from './comparison.js';
import {
  type Contender,
  commandsOf,
  interleaved,
  iterationsPerMs,
  lineUp,
  oursAmong,
  type PeerBench,
} from './entrants.js';
import { outcomeOf } from './outcome.js';
import { started } from './running.js';

/** Of each kind. */
const PER_SECOND = 20;
const PATIENCE_SECONDS = 1;
/** Whoever comes later than that before the end of the run may be served in time, and is not asked. */
const SPARE_MS = 1700;

interface Sample {
  readonly health: readonly Answer[];
  /** Undefined where there is no such page. */
  readonly metrics: readonly Answer[] | undefined;
  readonly newcomers: readonly Answer[];
}

export const hearing: Experiment<PeerBench> = {
  name: 'hearing',
  title: 'Health, metrics and newcomers during a long run',
  method:
    'While a long burn runs (6 s; 2 s in a quick run), the health check, the metrics page where there is one, and new callers ' +
    `are each sent ${PER_SECOND} times a second, when due, until ${SPARE_MS / 1000} s before its end. A newcomer asks for a burn of one iteration and has ` +
    `${PATIENCE_SECONDS} s of patience: oneslot is told (Prefer: wait), HAProxy’s timeout queue and LitServe’s timeout are set to it. ` +
    'A newcomer knows when it has an answer, whatever it says. ONNX Runtime has one thread, so that the run, which stands in ' +
    'for the GPU’s, has a core of its own.',
  run: measure,
};

async function measure(bench: PeerBench): Promise<Outcome> {
  const { quick } = bench;
  const longMs = quick ? 2000 : 6000;
  await using line = await lineUp(bench, { threads: 1, patience: PATIENCE_SECONDS });
  const perMs = await iterationsPerMs(bench, oursAmong(line.contenders));
  const measured = await interleaved(
    bench,
    { name: 'hearing', entrants: line.contenders, repeats: quick ? 1 : 3 },
    (contender) => sampleOf(bench, contender, { longMs, iterations: Math.round(longMs * perMs) }),
  );
  const columns: readonly Column<Sample>[] = [
    ...timesOf('health check', ({ health }) => health),
    ...timesOf('metrics', ({ metrics = [] }) => metrics),
    ...timesOf('newcomer knows after', ({ newcomers }) => newcomers, WHY_NEWCOMERS),
    {
      head: 'what newcomers are told',
      text: (samples) => answeredText(samples.flatMap(({ newcomers }) => newcomers)),
    },
  ];
  return await outcomeOf({
    comparisons: [compare('During a long run', { measured, columns })],
    servers: commandsOf(line.contenders),
    missing: line.missing,
    notes: [
      'Times are from due to answered. FastAPI’s def endpoints run a newcomer at once beside the long run: with a GPU, both would be slower for it.',
    ],
    raw: measured.map(({ samples, ...rest }) => ({
      ...rest,
      samples: samples.map(({ health, metrics = [], newcomers }) => ({
        health: percentiles(health.map(latencyOf)),
        metrics: percentiles(metrics.map(latencyOf)),
        newcomers: percentiles(newcomers.map(latencyOf)),
        told: answeredText(newcomers),
      })),
    })),
  });
}

const WHY_NEWCOMERS = 'Who shares serves a newcomer at once, and the long run is the slower for it.';

/** What a busy machine adds to a time of few ms. */
const SLACK_MS = 10;

function timesOf(
  what: string,
  pick: (sample: Sample) => readonly Answer[],
  why?: string,
): readonly Column<Sample>[] {
  return ([50, 99] as const).map((percentile) => ({
    head: `${what}, p${percentile}`,
    pick: (sample) => {
      const answers = pick(sample);
      const { p50, p99 } = percentiles(answers.map(latencyOf));
      return answers.length === 0 ? Number.NaN : percentile === 50 ? p50 : p99;
    },
    write: time,
    better: 'lower',
    slack: SLACK_MS,
    ...(why !== undefined && { why }),
  }));
}

async function sampleOf(
  bench: PeerBench,
  contender: Contender,
  { longMs, iterations }: { longMs: number; iterations: number },
): Promise<Sample> {
  const { processes } = bench;
  const { server, forms, peer } = contender;
  const long = startLoad(
    {
      url: server.url,
      forms: [forms.burn(iterations)],
      schedule: { kind: 'in turn', connections: 1, calls: 1 },
    },
    { processes },
  );
  await started(contender);
  const asked: readonly RequestForm[] = [
    { method: 'GET', path: '/healthz', headers: {} },
    forms.burn(1, 1, { prefer: `wait=${PATIENCE_SECONDS}` }),
    ...(peer.hasMetrics ? [{ method: 'GET', path: '/metrics', headers: {} } as const] : []),
  ];
  const gapMs = 1000 / PER_SECOND / asked.length;
  const dueMs = Array.from({ length: Math.floor((longMs - SPARE_MS) / gapMs) }, (_, index) => index * gapMs);
  const schedule = { kind: 'when due', dueMs, forms: dueMs.map((_, index) => index % asked.length) } as const;
  const questions = startLoad({ url: server.url, forms: asked, schedule, giveUpMs: 60_000 }, { processes });
  const answers = await questions.answers;
  const [longAnswer] = await long.answers;
  if (longAnswer!.status !== 200) throw new Error(`the long run was answered ${longAnswer!.status}`);
  const of = (index: number): readonly Answer[] => answers.filter(({ form }) => form === index);
  return { health: of(0), newcomers: of(1), metrics: peer.hasMetrics ? of(2) : undefined };
}
