// The process that runs the model is killed in the middle of a run: what the callers get, and when all works again.

import { cpus } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { monotonicMs } from '../../src/clock.js';
import type { Experiment, Outcome } from '../experiment.js';
import { startLoad } from '../load/load.js';
import type { Answer } from '../load/plan.js';
import { busiest } from '../process-tree.js';
import { time } from '../statistics.js';
import { answeredText, runMsOf } from './answered.js';
import { compare } from './comparison.js';
import { type Contender, iterationsPerMs, measureFresh, type PeerBench } from './entrants.js';
import { outcomeOf } from './outcome.js';
import { started } from './running.js';

const WAITING = 4;
const RUN_MS = 500;
const PROBE_EVERY_MS = 50;

interface Sample {
  readonly answers: readonly Answer[];
  /** From the kill to the next answer with 200, of whoever, less the run that it took; ms. NaN where there was none. */
  readonly nextMs: number;
}

export const crash: Experiment<PeerBench> = {
  name: 'crash',
  title: 'The worker is killed in the middle of a run',
  method:
    `${1 + WAITING} equal burns of half a second are sent at once; while the first one runs, the process that uses most of the processor gets SIGKILL. Then a new caller comes every ` +
    `${PROBE_EVERY_MS} ms, each for a short burn. The next run is that of the first answer with 200 after the kill, of whoever: the time until that answer, less its run. It is waited for for ` +
    '15 s (3 s in a quick run). Servers without a process to look after them need somebody else who starts them again, which is not ' +
    'part of this. Each server is started for this alone.',
  run: measure,
};

async function measure(bench: PeerBench): Promise<Outcome> {
  const { quick } = bench;
  const withinMs = quick ? 3000 : 15_000;
  const settings = { threads: cpus().length };
  const { measured, servers } = await measureFresh(bench, { name: 'crash', settings }, (contender) =>
    sampleOf(bench, contender, withinMs),
  );
  return await outcomeOf({
    comparisons: [
      compare('After a kill', {
        measured,
        columns: [
          {
            head: 'how answered',
            text: (samples) => answeredText(samples.flatMap(({ answers }) => answers)),
          },
          {
            head: 'not served',
            pick: ({ answers }) => answers.filter(({ status }) => status !== 200).length,
            write: String,
            better: 'lower',
          },
          {
            head: 'without any answer',
            pick: ({ answers }) => answers.filter(({ status }) => status === 0).length,
            write: String,
            better: 'lower',
          },
          {
            head: 'next run after',
            pick: ({ nextMs }) => nextMs,
            write: time,
            better: 'lower',
            why: 'Their new worker is one process with one interpreter; oneslot’s runner starts Node, two threads and ONNX Runtime.',
          },
        ],
      }),
    ],
    servers,
    notes: ['None: the connection was broken, or nothing came in the time.'],
    raw: measured,
  });
}

async function sampleOf(bench: PeerBench, contender: Contender, withinMs: number): Promise<Sample> {
  const { processes } = bench;
  const { server, forms } = contender;
  const perMs = await iterationsPerMs(bench, contender);
  const form = forms.burn(Math.round(RUN_MS * perMs));
  const all = Array<number>(1 + WAITING).fill(0);
  const load = startLoad(
    {
      url: server.url,
      forms: [form],
      schedule: { kind: 'when due', dueMs: all, forms: all },
      giveUpMs: withinMs,
      keepBodies: true,
    },
    { processes },
  );
  await started(contender);
  const pid = await busiest(await server.pids(), 100);
  if (pid === undefined) throw new Error('none of its processes computes');
  process.kill(pid, 'SIGKILL');
  const killedMs = monotonicMs();
  const probes = await probe(bench, contender, { withinMs });
  const answers = await load.answers;
  const next = [...answers, ...probes]
    .filter(({ status, endMs }) => status === 200 && endMs > killedMs)
    .map((answer) => answer.endMs - killedMs - runMsOf(answer));
  return {
    answers,
    nextMs: next.length === 0 ? Number.NaN : Math.min(...next),
  };
}

/** New callers until one of them is answered, or the time is over, or the server has ended. */
async function probe(
  { processes }: PeerBench,
  { server, forms }: Contender,
  { withinMs }: { withinMs: number },
): Promise<readonly Answer[]> {
  const form = forms.burn(1);
  const all: Answer[] = [];
  const endMs = monotonicMs() + withinMs;
  const dueMs = Array.from(
    { length: Math.ceil(withinMs / PROBE_EVERY_MS) },
    (_, index) => index * PROBE_EVERY_MS,
  );
  const schedule = { kind: 'when due', dueMs, forms: dueMs.map(() => 0) } as const;
  const plan = { url: server.url, forms: [form], schedule, giveUpMs: withinMs, keepBodies: true };
  const load = startLoad(plan, { processes });
  const health = async (): Promise<boolean> =>
    await fetch(`${server.url}/healthz`, { signal: AbortSignal.timeout(500) }).then(
      ({ ok }) => ok,
      () => false,
    );
  await delay(300);
  // All is well again, and then for a while: whoever still waits is answered by then.
  while (monotonicMs() < endMs && !(await health()) && !server.isGone) await delay(100);
  if (!server.isGone) await delay(1000);
  load.stop();
  all.push(...(await load.answers));
  return all;
}
