// A thousand at once, by hey.

import type { Experiment, Outcome } from '../experiment.js';
import { byHey, type HeyAnswer } from '../load/hey.js';
import { count, median, time } from '../statistics.js';
import { compare, type Measured } from './comparison.js';
import { type Contender, iterationsPerMs, measureFresh, type PeerBench } from './entrants.js';
import { outcomeOf } from './outcome.js';
import { waitOf } from './waiting.js';

const REQUESTS = 1000;

interface Sample {
  /** Times of the answers with 200, and of those with anything else; ms. */
  readonly servedMs: readonly number[];
  readonly refusedMs: readonly number[];
  readonly statuses: readonly number[];
}

export const thousand: Experiment<PeerBench> = {
  name: 'thousand',
  title: 'A thousand at once, a second of waiting each',
  method:
    `hey sends ${REQUESTS} requests at once, each of which takes one second of waiting (0.1 s in a quick run), and gives each ` +
    'up after 30 s (2 s in a quick run); oneslot is told of that (Prefer: wait), HAProxy’s timeout queue and LitServe’s timeout are set to it, the others have no way to know. Each server is ' +
    'started for this alone. Who takes turns can serve at most one for each second of that time; what counts is what it tells the others, and when.',
  run: measure,
};

async function measure(bench: PeerBench): Promise<Outcome> {
  const { quick } = bench;
  const seconds = quick ? 0.1 : 1;
  const timeoutSeconds = quick ? 2 : 30;
  const settings = { threads: 1, patience: timeoutSeconds };
  const { measured, servers } = await measureFresh(bench, { name: 'thousand', settings }, (contender) =>
    sampleOf(bench, contender, { seconds, timeoutSeconds }),
  );
  return await outcomeOf({
    comparisons: [comparison(measured, { seconds, timeoutSeconds })],
    servers,
    notes: ['Refused: answered with anything but 200. Nothing: no answer when hey gave up.'],
    raw: measured.map(({ samples, ...rest }) => ({ ...rest, samples: samples.map(summaryOf) })),
  });
}

async function sampleOf(
  bench: PeerBench,
  contender: Contender,
  { seconds, timeoutSeconds }: { seconds: number; timeoutSeconds: number },
): Promise<Sample> {
  const perMs = contender.forms.wait === undefined ? await iterationsPerMs(bench, contender) : 1;
  const { headers, ...form } = waitOf(contender, seconds, perMs);
  const patience = { prefer: `wait=${timeoutSeconds}` };
  const answers = await byHey(bench, {
    url: contender.server.url,
    form: { ...form, headers: { ...headers, ...patience } },
    requests: REQUESTS,
    timeoutSeconds,
  });
  const timesOf = (wanted: readonly HeyAnswer[]): readonly number[] =>
    wanted.map(({ ms }) => ms).toSorted((a, b) => a - b);
  return {
    servedMs: timesOf(answers.filter(({ status }) => status === 200)),
    refusedMs: timesOf(answers.filter(({ status }) => status !== 200)),
    statuses: [...new Set(answers.map(({ status }) => status))].toSorted((a, b) => a - b),
  };
}

function comparison(
  measured: readonly Measured<Sample>[],
  { seconds, timeoutSeconds }: { seconds: number; timeoutSeconds: number },
) {
  return compare(`A thousand at once, ${seconds} s of waiting each, given up after ${timeoutSeconds} s`, {
    measured,
    columns: [
      { head: 'served', pick: ({ servedMs }) => servedMs.length, write: count },
      { head: 'served, median', pick: ({ servedMs }) => median(servedMs), write: time },
      { head: 'served, last', pick: ({ servedMs }) => servedMs.at(-1) ?? Number.NaN, write: time },
      { head: 'refused', pick: ({ refusedMs }) => refusedMs.length, write: count },
      { head: 'refused, median', pick: ({ refusedMs }) => median(refusedMs), write: time },
      {
        head: 'nothing',
        pick: ({ servedMs, refusedMs }) => REQUESTS - servedMs.length - refusedMs.length,
        write: count,
      },
      {
        head: 'statuses',
        text: (samples) => [...new Set(samples.flatMap(({ statuses }) => statuses))].join(', ') || '–',
      },
    ],
  });
}

const summaryOf = ({ servedMs, refusedMs, statuses }: Sample) => ({
  served: servedMs.length,
  refused: refusedMs.length,
  servedMs: [servedMs[0], median(servedMs), servedMs.at(-1)],
  refusedMs: [refusedMs[0], median(refusedMs), refusedMs.at(-1)],
  statuses,
});
