// Memory at rest, and with 500 requests of 1 MB that wait.

import { setTimeout as delay } from 'node:timers/promises';
import { monotonicMs } from '../../src/clock.js';
import type { Experiment, Outcome } from '../experiment.js';
import { startLoad } from '../load/load.js';
import { weighInput } from '../models.js';
import type { PeerServer } from '../peers/peer.js';
import { median } from '../statistics.js';
import { compare } from './comparison.js';
import { type Contender, inTurn, measureFresh, type PeerBench } from './entrants.js';
import { outcomeOf } from './outcome.js';
import { started } from './running.js';

const WAITING = 500;
const BYTES = 1_000_000;
const PAYLOAD = WAITING * BYTES;
const LOOK_EVERY_MS = 200;
const AT_MOST_MS = 40_000;
/** Growth within the time of a look that counts as more that comes. */
const STEP_BYTES = BYTES / 2;
const LIMIT = 1.3;

interface Sample {
  readonly rest: number;
  /** On top of it, at most. */
  readonly grown: number;
}

export const memory: Experiment<PeerBench> = {
  name: 'memory',
  title: 'Memory at rest, and with 500 waiting requests of 1 MB',
  method:
    `After a first answer the memory of all processes is read (PSS: what they share counts once). Then a long run begins, and ${WAITING} ` +
    `requests of 1 MB each come behind it, with runs of a second; the most that is read until nothing more comes for 3 s (1 s in a quick run) counts. What a server leaves ` +
    'unread stays in the kernel’s socket buffers and with the callers, and is not counted. Each server is started for this alone.',
  run: measure,
};

async function measure(bench: PeerBench): Promise<Outcome> {
  const { quick } = bench;
  const settings = { threads: 1, raw: true, queueLimit: WAITING + 100 };
  const { measured, servers } = await measureFresh(bench, { name: 'memory', settings }, (contender) =>
    sampleOf(bench, contender, quick ? 1000 : 3000),
  );
  const ours = measured.filter(({ isOurs }) => isOurs).flatMap(({ samples }) => samples);
  const ratio = median(ours.map(({ grown }) => grown)) / PAYLOAD;
  const outcome = await outcomeOf({
    comparisons: [
      compare('Memory', {
        measured,
        columns: [
          { head: 'at rest', pick: ({ rest }) => rest, write: megabytes, better: 'lower', why: WHY_REST },
          {
            head: `on top, ${WAITING} × 1 MB waiting`,
            pick: ({ grown }) => grown,
            write: megabytes,
            better: 'lower',
            why: WHY_WAITING,
          },
          {
            head: '÷ payload',
            pick: ({ grown }) => grown / PAYLOAD,
            write: (value) => `${value.toFixed(2)}×`,
          },
        ],
      }),
    ],
    servers,
    raw: measured,
  });
  const goal = {
    what: `${WAITING} waiting requests of 1 MB cost, of their payload`,
    limit: `≤ ${LIMIT}×`,
    measured: `${ratio.toFixed(2)}×`,
    met: ratio <= LIMIT,
  };
  // Who waits and how much of it is told as it is, and is no goal.
  return { ...outcome, goals: [goal] };
}

const WHY_REST = 'A server and a runner are two processes of Node, each with its own heap.';
const WHY_WAITING =
  'The others leave the bodies of those who wait in the kernel’s buffers or with the callers; oneslot reads them, so that what is wrong with them is known at once and the next run has its input.';

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;

async function sampleOf(bench: PeerBench, contender: Contender, stillMs: number): Promise<Sample> {
  const { processes } = bench;
  const { server, forms } = contender;
  const perMs = await weighPerMs(bench, contender);
  const runs = (ms: number): number => Math.max(1, Math.round(ms * perMs));
  const [long, waiting] = [
    forms.weigh(weighInput(4096, runs(2 * AT_MOST_MS))),
    forms.weigh(weighInput(BYTES, runs(1000))),
  ];
  const rest = await server.memory();
  const running = startLoad(
    { url: server.url, forms: [long], schedule: { kind: 'in turn', connections: 1, calls: 1 } },
    { processes },
  );
  await started(contender);
  const all = Array<number>(WAITING).fill(0);
  const load = startLoad(
    { url: server.url, forms: [waiting], schedule: { kind: 'when due', dueMs: all, forms: all } },
    { processes },
  );
  await load.startedMs;
  const most = await mostOf(server, stillMs);
  await Promise.all([running.abandon(), load.abandon()]);
  return { rest, grown: Math.max(0, most - rest) };
}

/** The most memory that it comes to hold, until it has not grown for so long. */
async function mostOf(server: PeerServer, stillMs: number): Promise<number> {
  const endMs = monotonicMs() + AT_MOST_MS;
  let most = 0;
  let grownMs = monotonicMs();
  while (monotonicMs() < endMs && monotonicMs() - grownMs < stillMs) {
    await delay(LOOK_EVERY_MS);
    const bytes = await server.memory();
    if (bytes > most + STEP_BYTES) grownMs = monotonicMs();
    most = Math.max(most, bytes);
  }
  return most;
}

/** How many iterations of weigh take one ms. */
async function weighPerMs(bench: PeerBench, contender: Contender): Promise<number> {
  const timeOf = async (iterations: number): Promise<number> => {
    const form = contender.forms.weigh(weighInput(4096, iterations));
    const answers = await inTurn(bench, contender, [form, form, form]);
    return median(answers.map(({ sentMs, endMs }) => endMs - sentMs));
  };
  const [few, many] = [await timeOf(10), await timeOf(3010)];
  return 3000 / (many - few);
}
