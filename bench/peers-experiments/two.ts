// Two at once beside two in turn, with real computation: what sharing costs.

import { cpus } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { Experiment, Outcome } from '../experiment.js';
import { latencyOf } from '../load/answers.js';
import { runLoad } from '../load/load.js';
import { median, sum, time } from '../statistics.js';
import { compare, lowest, WHY_RUNS } from './comparison.js';
import {
  atOnce,
  type Contender,
  checkAnswers,
  commandsOf,
  inTurn,
  interleaved,
  iterationsPerMs,
  lineUp,
  oursAmong,
  type PeerBench,
} from './entrants.js';
import { outcomeOf } from './outcome.js';

interface Sample {
  /** Each alone, one after the other; ms. */
  readonly inTurnMs: readonly number[];
  /** One more alone, afterwards; ms. */
  readonly afterMs: number;
  /** Ascending, from the moment at which both were sent; ms. */
  readonly atOnceMs: readonly number[];
  /** A health check that was sent when the two had begun; ms. */
  readonly healthMs: number;
}

export const two: Experiment<PeerBench> = {
  name: 'two',
  title: 'Two at once beside two in turn, computing',
  method:
    'The same burn is sent twice, one after the other, and then two at once with a health check just behind them. Taking turns, ' +
    'the first of two answers in the time of one; sharing, both answer in the time of two.',
  standIn:
    'ONNX Runtime has a thread for each core and burn matrices that fill them, so the processor stands in for the GPU.',
  run: measure,
};

async function measure(bench: PeerBench): Promise<Outcome> {
  const { quick } = bench;
  await using line = await lineUp(bench, { threads: cpus().length });
  await checkAnswers(bench, line.contenders);
  const perMs = await iterationsPerMs(bench, oursAmong(line.contenders));
  const iterations = Math.round((quick ? 300 : 1500) * perMs);
  const measured = await interleaved(
    bench,
    { name: 'two', entrants: line.contenders, repeats: quick ? 1 : 5 },
    (contender) => sampleOf(bench, contender, iterations),
  );
  const alone = ({ inTurnMs, afterMs }: Sample): number => median([...inTurnMs, afterMs]);
  const idealMs = lowest(measured, alone);
  const ratio = (value: number): string => `${value.toFixed(2)}×`;
  return await outcomeOf({
    comparisons: [
      compare('Two burns', {
        measured,
        columns: [
          { head: 'in turn, 1st', pick: ({ inTurnMs }) => inTurnMs[0]!, write: time },
          { head: 'in turn, 2nd', pick: ({ inTurnMs }) => inTurnMs[1]!, write: time },
          { head: 'at once, 1st', pick: ({ atOnceMs }) => atOnceMs[0]!, write: time },
          { head: 'at once, 2nd', pick: ({ atOnceMs }) => atOnceMs[1]!, write: time },
          {
            head: 'mean at once ÷ ideal 1.5 S',
            pick: (sample) => sum(sample.atOnceMs) / 2 / (1.5 * idealMs),
            write: ratio,
            better: 'lower',
            why: WHY_RUNS,
          },
          {
            head: 'last at once ÷ 2 S',
            pick: (sample) => sample.atOnceMs[1]! / (2 * idealMs),
            write: ratio,
            better: 'lower',
            why: WHY_RUNS,
          },
          {
            head: 'health check meanwhile',
            pick: ({ healthMs }) => healthMs,
            write: time,
            better: 'lower',
            slack: 20,
            why: 'ONNX Runtime uses all cores in this experiment, so who answers a health check has to wait for one.',
          },
        ],
      }),
    ],
    servers: commandsOf(line.contenders),
    missing: line.missing,
    notes: [
      `S is ${time(idealMs)}: what one alone waits for its answer, the two in turn and one more afterwards (median), of the fastest server, so that all are held against the same ideal; ${iterations} iterations of burn.`,
    ],
    raw: measured,
  });
}

async function sampleOf(bench: PeerBench, contender: Contender, iterations: number): Promise<Sample> {
  const form = contender.forms.burn(iterations);
  const turns = await inTurn(bench, contender, [form, form]);
  const both = atOnce(bench, contender, { forms: [form, form], connectFirst: 2 });
  // The two are on their way; how long the load's process takes to start is not known, so the check comes late enough.
  await delay(200);
  const health = { method: 'GET', path: '/healthz', headers: {} } as const;
  const schedule = { kind: 'when due', dueMs: [0], forms: [0] } as const;
  const plan = { url: contender.server.url, forms: [health], schedule };
  const [check] = await runLoad(plan, { processes: bench.processes });
  const answers = await both;
  const bad = [...answers, check!].find(({ status }) => status !== 200);
  if (bad !== undefined) throw new Error(`one was answered ${bad.status} ${bad.code}`);
  const [after] = await inTurn(bench, contender, [form]);
  return {
    inTurnMs: turns.map(({ sentMs, endMs }) => endMs - sentMs),
    afterMs: after!.endMs - after!.sentMs,
    atOnceMs: answers.map(latencyOf).toSorted((a, b) => a - b),
    healthMs: latencyOf(check!),
  };
}
