// SIGTERM under load: who of those that were there loses an answer.

import { once } from 'node:events';
import { cpus } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { monotonicMs } from '../../src/clock.js';
import type { Experiment, Outcome } from '../experiment.js';
import { startLoad } from '../load/load.js';
import type { Answer } from '../load/plan.js';
import { time } from '../statistics.js';
import { answeredText } from './answered.js';
import { compare } from './comparison.js';
import { type Contender, iterationsPerMs, measureFresh, type PeerBench } from './entrants.js';
import { outcomeOf } from './outcome.js';
import { started } from './running.js';

const CALLERS = 9;
/** Time to end, as Kubernetes gives it; then SIGKILL. */
const GRACE_MS = 30_000;

interface Sample {
  readonly answers: readonly Answer[];
  /** From the signal to the end of the process; ms. NaN where it had to be killed. */
  readonly endedMs: number;
}

export const shutdown: Experiment<PeerBench> = {
  name: 'shutdown',
  title: 'SIGTERM under load',
  method:
    `${CALLERS} burns of 0.3 s (0.2 s in a quick run) are sent at once; when the first one runs, the process that was started gets ` +
    `SIGTERM, and SIGKILL ${GRACE_MS / 1000} s later, as on Kubernetes. Lost is whoever gets no answer at all. oneslot keeps its default of ` +
    '5 s in which balancers catch up, so it ends later than it must. Each server is started for this alone.',
  run: measure,
};

async function measure(bench: PeerBench): Promise<Outcome> {
  const { quick } = bench;
  const settings = { threads: cpus().length };
  const { measured, servers } = await measureFresh(bench, { name: 'shutdown', settings }, (contender) =>
    sampleOf(bench, contender, quick ? 200 : 300),
  );
  return await outcomeOf({
    comparisons: [
      compare('SIGTERM with one running and eight waiting', {
        measured,
        columns: [
          {
            head: 'how answered',
            text: (samples) => answeredText(samples.flatMap(({ answers }) => answers)),
          },
          {
            head: 'lost',
            pick: ({ answers }) => answers.filter(({ status }) => status === 0).length,
            write: String,
            better: 'lower',
          },
          {
            head: 'not served',
            pick: ({ answers }) => answers.filter(({ status }) => status !== 200).length,
            write: String,
            better: 'lower',
          },
          { head: 'ended after', pick: ({ endedMs }) => endedMs, write: time },
        ],
      }),
    ],
    servers,
    notes: [
      'To HAProxy SIGTERM means to end at once; SIGUSR1, which its container image is stopped with, lets it finish.',
      'No time to end: it had to be killed.',
    ],
    raw: measured,
  });
}

async function sampleOf(bench: PeerBench, contender: Contender, runMs: number): Promise<Sample> {
  const { processes } = bench;
  const { server, forms } = contender;
  const form = forms.burn(Math.round(runMs * (await iterationsPerMs(bench, contender))));
  const all = Array<number>(CALLERS).fill(0);
  const load = startLoad(
    {
      url: server.url,
      forms: [form],
      schedule: { kind: 'when due', dueMs: all, forms: all },
      giveUpMs: GRACE_MS + 5000,
    },
    { processes },
  );
  await started(contender);
  const ended = once(server.front.child, 'exit');
  server.front.child.kill('SIGTERM');
  const signalledMs = monotonicMs();
  const isEnded = await Promise.race([
    ended.then(() => true),
    delay(GRACE_MS, false, { ref: false }),
    // Nobody waits any more, and it still has not ended: the rest of the time would tell nothing.
    load.answers.then(() => delay(10_000, false, { ref: false })),
  ]);
  const endedMs = isEnded ? monotonicMs() - signalledMs : Number.NaN;
  if (!isEnded) await server[Symbol.asyncDispose]();
  // Children that outlive it may still answer.
  return { answers: await load.answers, endedMs };
}
