// Equal jobs from 1, 2, 5 and 20 callers: what company costs a run, and how near the answers are to the ideal.

import { cpus } from 'node:os';
import type { Experiment, Outcome } from '../experiment.js';
import { latencyOf } from '../load/answers.js';
import { median, sum, time } from '../statistics.js';
import { runMsOf } from './answered.js';
import { compare, lowest, type Measured, WHY_RUNS } from './comparison.js';
import {
  atOnce,
  type Contender,
  commandsOf,
  inTurn,
  interleaved,
  iterationsPerMs,
  lineUp,
  oursAmong,
  type PeerBench,
} from './entrants.js';
import { outcomeOf } from './outcome.js';

const CALLERS = [1, 2, 5, 20] as const;

interface Sample {
  /** What one alone waits, and its run; ms. */
  readonly aloneMs: number;
  readonly aloneRunMs: number;
  readonly rounds: readonly Round[];
}

interface Round {
  readonly callers: number;
  /** Ascending. */
  readonly answeredMs: readonly number[];
  readonly runMs: number;
}

export const callers: Experiment<PeerBench> = {
  name: 'callers',
  title: 'Equal jobs from 1, 2, 5 and 20 callers',
  method:
    'n equal burns are sent at once, from callers that are connected already; S is what one alone waits (median before and after, of the fastest server, so that all are ' +
    'held against the same ideal). A run’s own time is what ' +
    'the server measured around ONNX Runtime (oneslot tells it in Server-Timing, the others in their answer). One slot can ' +
    'do no better than a mean answer of (n+1)/2·S and a last one of n·S. ONNX Runtime has a thread for each core.',
  run: measure,
};

async function measure(bench: PeerBench): Promise<Outcome> {
  const { quick } = bench;
  await using line = await lineUp(bench, { threads: cpus().length });
  const perMs = await iterationsPerMs(bench, oursAmong(line.contenders));
  const iterations = Math.round((quick ? 40 : 200) * perMs);
  const measured = await interleaved(
    bench,
    { name: 'callers', entrants: line.contenders, repeats: quick ? 1 : 5 },
    (contender) => sampleOf(bench, contender, iterations),
  );
  const idealMs = lowest(measured, ({ aloneMs }) => aloneMs);
  return await outcomeOf({
    comparisons: [
      perCallers('Time of a run ÷ alone', measured, ({ runMs }, { aloneRunMs }) => runMs / aloneRunMs),
      perCallers(
        'Mean answer ÷ ideal (n+1)/2·S',
        measured,
        ({ answeredMs, callers: n }) => sum(answeredMs) / n / (((n + 1) / 2) * idealMs),
      ),
      perCallers(
        'Last answer ÷ n·S',
        measured,
        ({ answeredMs, callers: n }) => answeredMs.at(-1)! / (n * idealMs),
      ),
    ],
    servers: commandsOf(line.contenders),
    missing: line.missing,
    notes: [
      `${iterations} iterations of burn; S is ${time(idealMs)}.`,
      'Below 1: the jobs of a round share what a lone one has for itself, such as the way of the request and of the answer.',
    ],
    raw: measured,
  });
}

function perCallers(
  caption: string,
  measured: readonly Measured<Sample>[],
  pick: (round: Round, sample: Sample) => number,
) {
  const columns = CALLERS.map((n, index) => ({
    head: n === 1 ? '1 caller' : `${n} callers`,
    pick: (sample: Sample) => pick(sample.rounds[index]!, sample),
    write: (value: number) => `${value.toFixed(2)}×`,
    // A lone caller has nobody to lose to.
    ...(n > 1 && { better: 'lower' as const, why: WHY_RUNS }),
  }));
  return compare(caption, { measured, columns });
}

async function sampleOf(bench: PeerBench, contender: Contender, iterations: number): Promise<Sample> {
  const form = contender.forms.burn(iterations);
  // The first finds everything cold.
  const before = (await inTurn(bench, contender, [form, form, form, form])).slice(1);
  const rounds: Round[] = [];
  for (const n of CALLERS) {
    const answers = await atOnce(bench, contender, {
      forms: Array(n).fill(form),
      connectFirst: n,
    });
    const bad = answers.find(({ status }) => status !== 200);
    if (bad !== undefined) throw new Error(`one of ${n} was answered ${bad.status} ${bad.code}`);
    rounds.push({
      callers: n,
      answeredMs: answers.map(latencyOf).toSorted((a, b) => a - b),
      runMs: median(answers.map(runMsOf)),
    });
  }
  const alone = [...before, ...(await inTurn(bench, contender, [form, form, form]))];
  return {
    aloneMs: median(alone.map(({ sentMs, endMs }) => endMs - sentMs)),
    aloneRunMs: median(alone.map(runMsOf)),
    rounds,
  };
}
