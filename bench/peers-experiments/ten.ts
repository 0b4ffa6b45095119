// Ten at once, each for one second of waiting: who shares and who takes turns.

import type { Experiment, Outcome } from '../experiment.js';
import { latencyOf } from '../load/answers.js';
import { marks } from '../pictures.js';
import { median, time } from '../statistics.js';
import { compare, type Measured } from './comparison.js';
import {
  atOnce,
  type Contender,
  checkAnswers,
  commandsOf,
  interleaved,
  iterationsPerMs,
  lineUp,
  oursAmong,
  type PeerBench,
} from './entrants.js';
import { outcomeOf } from './outcome.js';
import { waitOf } from './waiting.js';

const CALLERS = 10;

interface Sample {
  /** Ascending, from the moment at which all were sent; ms. */
  readonly answeredMs: readonly number[];
}

export const ten: Experiment<PeerBench> = {
  name: 'ten',
  title: 'Ten at once, a second of waiting each',
  method:
    `${CALLERS} requests are sent at once, each of which takes one second (0.2 s in a quick run) of waiting, without computing. ` +
    'Who shares answers all at the end of that second: with a GPU each would then have taken ten times as long. ' +
    'Who takes turns answers one a second. oneslot has nothing to wait with and computes for as long instead.',
  run: measure,
};

async function measure(bench: PeerBench): Promise<Outcome> {
  const { quick } = bench;
  const seconds = quick ? 0.2 : 1;
  await using line = await lineUp(bench, { threads: 1 });
  await checkAnswers(bench, line.contenders);
  const perMs = await iterationsPerMs(bench, oursAmong(line.contenders));
  const measured = await interleaved(
    bench,
    { name: 'ten', entrants: line.contenders, repeats: quick ? 1 : 3 },
    (contender) => sampleOf(bench, contender, { seconds, perMs }),
  );
  const place = (k: number) => ({
    head: `${k === 0 ? 'first' : k === CALLERS - 1 ? 'last' : `${k + 1}th`} answer`,
    pick: ({ answeredMs }: Sample) => answeredMs[k] ?? Number.NaN,
    write: time,
  });
  return await outcomeOf({
    comparisons: [
      compare(`Ten at once, ${seconds} s of waiting each`, {
        measured,
        columns: [place(0), place(4), place(CALLERS - 1)],
      }),
    ],
    servers: commandsOf(line.contenders),
    missing: line.missing,
    pictures: [picture(measured, seconds)],
    raw: measured,
  });
}

async function sampleOf(
  bench: PeerBench,
  contender: Contender,
  { seconds, perMs }: { seconds: number; perMs: number },
): Promise<Sample> {
  const form = waitOf(contender, seconds, perMs);
  const answers = await atOnce(bench, contender, { forms: Array(CALLERS).fill(form) });
  const bad = answers.find(({ status }) => status !== 200);
  if (bad !== undefined) throw new Error(`one of ten was answered ${bad.status} ${bad.code}`);
  return { answeredMs: answers.map(latencyOf).toSorted((a, b) => a - b) };
}

function picture(measured: readonly Measured<Sample>[], seconds: number) {
  const title = `When each of ten callers had its answer, ${seconds} s of work each`;
  const rows = measured.map(({ name, isOurs, samples }) => ({
    name,
    isOurs,
    values: samples.length === 0 ? [] : placesOf(samples),
  }));
  return { name: 'peers-ten', alt: title, svg: marks(rows, { title, write: time }) };
}

const placesOf = (samples: readonly Sample[]): readonly number[] =>
  samples[0]!.answeredMs.map((_, k) => median(samples.map(({ answeredMs }) => answeredMs[k]!)));
