// More load than fits, from callers with deadlines: how much of the slot's time becomes answers in time.

import { cpus } from 'node:os';
import type { Experiment, Outcome } from '../experiment.js';
import { answerTimeOf, latencyOf } from '../load/answers.js';
import { startLoad } from '../load/load.js';
import type { Answer, RequestForm } from '../load/plan.js';
import { bars } from '../pictures.js';
import { count, median, percent, percentiles, randomNumbers, sum, time } from '../statistics.js';
import { answeredText } from './answered.js';
import { compare, type Measured } from './comparison.js';
import { type BurnTimes, burnTimes, type Contender, measureFresh, type PeerBench } from './entrants.js';
import { outcomeOf } from './outcome.js';
import { quiet } from './running.js';

const LOADS = [2, 10] as const;
const SHORTEST_MS = 30;
const LONGEST_MS = 200;
const KINDS = 32;
/** The run time of each kind, as near as whole iterations come to it. */
const RUNS_MS = Array.from(
  { length: KINDS },
  (_, index) => SHORTEST_MS * (LONGEST_MS / SHORTEST_MS) ** ((index + 0.5) / KINDS),
);
const PATIENCE_MS = 1000;
const QUIET_WITHIN_MS = 60_000;
const MEMORY_EVERY_MS = 500;

interface Sample {
  /** Of the time, that which went to answers in time. */
  readonly share: number;
  readonly inTime: number;
  readonly late: number;
  readonly refusedMs: { readonly p50: number; readonly p99: number };
  readonly told: string;
  /** Bytes that came on top of those at rest, at most. */
  readonly grown: number;
}

export const deadlines: Experiment<PeerBench> = {
  name: 'deadlines',
  title: 'Twice and ten times the load that fits, callers with deadlines',
  method:
    `Burns of ${SHORTEST_MS} to ${LONGEST_MS} ms (spread evenly on a logarithmic scale) arrive at random (Poisson) at ` +
    `${LOADS.join(' and ')} times the rate that one slot can serve. Every caller has ${PATIENCE_MS / 1000} s of patience and then closes its connection: oneslot ` +
    'is told (Prefer: wait), HAProxy’s timeout queue and LitServe’s timeout are set to it, the others have no way to know. The ' +
    'share is the run times, as they are alone on the same server just before, of all answers that came in time, of the time that passed: an idle slot and ' +
    'a run for nobody count against it alike. ONNX Runtime has a thread for each core. Each server is started for this alone.',
  run: measure,
};

async function measure(bench: PeerBench): Promise<Outcome> {
  const { quick } = bench;
  const seconds = quick ? 1.5 : 10;
  const settings = { threads: cpus().length, patience: PATIENCE_MS / 1000 };
  const { measured, servers } = await measureFresh(bench, { name: 'deadlines', settings }, (contender) =>
    samplesOf(bench, contender, seconds),
  );
  const perLoad = LOADS.map((_, index) =>
    measured.map((each) => ({ ...each, samples: each.samples.map((samples) => samples[index]!) })),
  );
  return await outcomeOf({
    comparisons: LOADS.map((overload, index) => comparison(overload, perLoad[index]!)),
    servers,
    pictures: LOADS.map((overload, index) => picture(overload, perLoad[index]!)),
    notes: ['Refused: answered with 429, 503 or 504. Memory: of all processes, shared pages counted once.'],
    raw: LOADS.map((overload, index) => ({ overload, measured: perLoad[index] })),
  });
}

const WHY_SHARE =
  'oneslot refuses whoever would come too late by its prediction, and predicts with a margin (`--margin`).';

function comparison(overload: number, measured: readonly Measured<Sample>[]) {
  return compare(`${overload} times the load that fits`, {
    measured,
    columns: [
      {
        head: 'time spent on answers in time',
        pick: ({ share }) => share,
        write: (share) => percent(share),
        better: 'higher',
        why: WHY_SHARE,
      },
      { head: 'in time', pick: ({ inTime }) => inTime, write: count },
      { head: 'late', pick: ({ late }) => late, write: count },
      {
        head: 'refused after, p50',
        pick: ({ refusedMs }) => refusedMs.p50,
        write: time,
        better: 'lower',
        slack: 10,
      },
      {
        head: 'refused after, p99',
        pick: ({ refusedMs }) => refusedMs.p99,
        write: time,
        better: 'lower',
        slack: 10,
        why: 'A proxy refuses by a count alone, in C, before it reads anything.',
      },
      { head: 'how answered', text: (samples) => samples[0]!.told },
      { head: 'memory on top', pick: ({ grown }) => grown, write: megabytes },
    ],
  });
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;

/** One for each load, the lower one first. */
async function samplesOf(
  bench: PeerBench,
  contender: Contender,
  seconds: number,
): Promise<readonly Sample[]> {
  const kinds = kindsOf(contender, await burnTimes(bench, contender));
  await warmUp(bench, contender, kinds);
  const samples: Sample[] = [];
  for (const overload of LOADS) {
    // What is still done for those who have left is no burden of the next load.
    if (samples.length > 0) await quiet(contender, QUIET_WITHIN_MS);
    samples.push(await sampleOf(bench, contender, { overload, seconds, kinds }));
  }
  return samples;
}

async function sampleOf(
  bench: PeerBench,
  contender: Contender,
  { overload, seconds, kinds }: { overload: number; seconds: number; kinds: readonly Kind[] },
): Promise<Sample> {
  const { processes, progress } = bench;
  const { server } = contender;
  const rest = await server.memory();
  const load = startLoad(
    {
      url: server.url,
      forms: kinds.map(({ form }) => form),
      schedule: poisson((overload * 1000) / meanOf(kinds), seconds),
      giveUpMs: PATIENCE_MS,
    },
    { processes, progress },
  );
  await load.startedMs;
  let most = rest;
  const sampler = setInterval(() => {
    void server.memory().then((bytes) => {
      most = Math.max(most, bytes);
    });
  }, MEMORY_EVERY_MS);
  try {
    return { ...foundIn(await load.answers, { kinds, seconds }), grown: most - rest };
  } finally {
    clearInterval(sampler);
  }
}

interface Kind {
  readonly form: RequestForm;
  /** Alone. */
  readonly runMs: number;
}

function kindsOf({ forms }: Contender, { fixedMs, iterationsPerMs }: BurnTimes): readonly Kind[] {
  return RUNS_MS.map((ms, index) => {
    const iterations = Math.max(1, Math.round((ms - fixedMs) * iterationsPerMs));
    const form = forms.burn(iterations, index, { prefer: `wait=${PATIENCE_MS / 1000}` });
    return { form, runMs: fixedMs + iterations / iterationsPerMs };
  });
}

const meanOf = (kinds: readonly Kind[]): number => sum(kinds.map(({ runMs }) => runMs)) / kinds.length;

/** A few runs of every length, as a server has seen in its life: an estimator has something to go by. */
async function warmUp({ processes }: PeerBench, { server }: Contender, kinds: readonly Kind[]) {
  const schedule = { kind: 'in turn', connections: 1, calls: 12 } as const;
  const some = kinds.filter((_, index) => index % 3 === 0).map(({ form }) => form);
  await startLoad({ url: server.url, forms: some, schedule }, { processes }).answers;
}

function foundIn(
  answers: readonly Answer[],
  { kinds, seconds }: { kinds: readonly Kind[]; seconds: number },
): Omit<Sample, 'grown'> {
  const served = answers.filter(({ status }) => status === 200);
  const inTime = served.filter((answer) => answerTimeOf(answer) <= PATIENCE_MS);
  const refused = answers.filter(({ status }) => [429, 503, 504].includes(status));
  const times = percentiles(refused.map(latencyOf));
  const none = { p50: Number.NaN, p99: Number.NaN };
  // The last ones to come have until the end of their patience, and the slot that much more time.
  const wallMs = seconds * 1000 + PATIENCE_MS;
  return {
    share: sum(inTime.map(({ form }) => kinds[form]!.runMs)) / wallMs,
    inTime: inTime.length,
    late: served.length - inTime.length,
    refusedMs: refused.length === 0 ? none : { p50: times.p50, p99: times.p99 },
    told: answeredText(answers),
  };
}

function poisson(perSecond: number, seconds: number) {
  const random = randomNumbers(4);
  const dueMs: number[] = [];
  const forms: number[] = [];
  for (let atMs = 0; atMs < seconds * 1000; atMs += (-Math.log(1 - random()) / perSecond) * 1000) {
    dueMs.push(atMs);
    forms.push(Math.floor(random() * KINDS));
  }
  return { kind: 'when due', dueMs, forms } as const;
}

function picture(overload: number, measured: readonly Measured<Sample>[]) {
  const title = `Share of the time that went to answers in time, ${overload} times the load that fits`;
  const rows = measured.map(({ name, isOurs, samples }) => ({
    name,
    isOurs,
    value: median(samples.map(({ share }) => share)),
  }));
  return {
    name: `peers-deadlines-${overload}`,
    alt: title,
    svg: bars(rows, { title, write: (share) => percent(share, 0) }),
  };
}
