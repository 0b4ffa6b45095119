// Callers who leave while they wait: how much work is done for nobody.

import { cpus } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { Experiment, Outcome } from '../experiment.js';
import { startLoad } from '../load/load.js';
import { processorMs } from '../process-tree.js';
import { time } from '../statistics.js';
import { compare } from './comparison.js';
import {
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
import { quiet, started } from './running.js';

const LEAVERS = 10;
const LEAVE_AFTER_MS = 300;
const QUIET_WITHIN_MS = 60_000;

interface Sample {
  /** Runs that nobody waited for, by the processor time that they took. */
  readonly forNobody: number;
  /** From sending to the answer of the one who stayed; ms. */
  readonly stayerMs: number;
}

export const leavers: Experiment<PeerBench> = {
  name: 'leavers',
  title: 'Callers who leave while they wait',
  method:
    `Behind a run of 1 s come ${LEAVERS} callers with runs of 0.2 s (0.6 s and 0.1 s in a quick run) who close their connections ` +
    `after ${LEAVE_AFTER_MS} ms, and then one who stays. Runs for nobody are reckoned from the processor time of all processes of the ` +
    'server, beyond that of the long run and of the stayer’s, in units of one short run. ONNX Runtime has a thread for each core.',
  run: measure,
};

async function measure(bench: PeerBench): Promise<Outcome> {
  const { quick } = bench;
  const [longMs, shortMs] = quick ? [600, 100] : [1000, 200];
  await using line = await lineUp(bench, { threads: cpus().length });
  const perMs = await iterationsPerMs(bench, oursAmong(line.contenders));
  const iterations = { long: Math.round(longMs * perMs), short: Math.round(shortMs * perMs) };
  const measured = await interleaved(
    bench,
    { name: 'leavers', entrants: line.contenders, repeats: quick ? 1 : 3 },
    (contender) => sampleOf(bench, contender, iterations),
  );
  return await outcomeOf({
    comparisons: [
      compare(`${LEAVERS} leave, one stays`, {
        measured,
        columns: [
          {
            head: 'runs for nobody',
            pick: ({ forNobody }) => forNobody,
            write: (runs) => Math.max(0, runs).toFixed(1),
            better: 'lower',
            // What the server itself uses for a dozen requests.
            slack: 1,
          },
          {
            head: 'the stayer’s answer after',
            pick: ({ stayerMs }) => stayerMs,
            write: time,
            better: 'lower',
            why: 'Who shares gives the stayer a part of the processor at once, at the cost of the long run.',
          },
        ],
      }),
    ],
    servers: commandsOf(line.contenders),
    missing: line.missing,
    raw: measured,
  });
}

async function sampleOf(
  bench: PeerBench,
  contender: Contender,
  iterations: { long: number; short: number },
): Promise<Sample> {
  const { processes } = bench;
  const { server, forms } = contender;
  const [long, short] = [forms.burn(iterations.long), forms.burn(iterations.short)];
  const alone = await usedBy(contender, () => inTurn(bench, contender, [long, short]));
  // Of processor time, a run takes what its iterations say.
  const one = (alone * iterations.short) / (iterations.short + iterations.long);
  let stayerMs = Number.NaN;
  const all = await usedBy(contender, async () => {
    const running = startLoad(
      { url: server.url, forms: [long], schedule: { kind: 'in turn', connections: 1, calls: 1 } },
      { processes },
    );
    await started(contender);
    const leaving = startLoad(
      {
        url: server.url,
        forms: [short],
        schedule: { kind: 'when due', dueMs: Array(LEAVERS).fill(0), forms: Array(LEAVERS).fill(0) },
        giveUpMs: LEAVE_AFTER_MS,
      },
      { processes },
    );
    await leaving.startedMs;
    await delay(LEAVE_AFTER_MS / 2);
    const [stayer] = await inTurn(bench, contender, [short]);
    stayerMs = stayer!.endMs - stayer!.sentMs;
    await Promise.all([running.answers, leaving.answers]);
  });
  return { forNobody: (all - alone) / one, stayerMs };
}

/** Processor time of the server from before until all that it has begun is done; ms. */
async function usedBy(contender: Contender, work: () => Promise<unknown>): Promise<number> {
  const pids = await contender.server.pids();
  const before = await processorMs(pids);
  await work();
  if (!(await quiet(contender, QUIET_WITHIN_MS)))
    throw new Error(`${contender.name} still computes after ${QUIET_WITHIN_MS / 1000} s`);
  return (await processorMs(pids)) - before;
}
