// Whether the server still hears: health, metrics and refusals during a long run, with a full line and large bodies.

import { setTimeout as delay } from 'node:timers/promises';
import { burn, calibrate } from '../burns.js';
import type { Bench, Experiment, Goal, Outcome } from '../experiment.js';
import { howAnswered, latencyOf } from '../load/answers.js';
import { type Load, runLoad, startLoad } from '../load/load.js';
import type { Answer, RequestForm } from '../load/plan.js';
import { scrape } from '../metrics-page.js';
import { addBurn, repositoryWith } from '../models.js';
import { type Oneslot, startOneslot } from '../servers.js';
import { count, percentiles, time } from '../statistics.js';

const WAITING = 500;
const PER_SECOND = 20;
const LIMIT_MS = 20;
const LARGE_BYTES = 50_000_000;
const LARGE_EVERY_MS = 500;

interface Scene {
  readonly name: string;
  readonly waiting: number;
  readonly queueLimit: number;
  readonly large: boolean;
}

const SCENES: readonly Scene[] = [
  { name: 'a long run', waiting: 0, queueLimit: 1, large: false },
  { name: 'and 500 wait', waiting: WAITING, queueLimit: WAITING, large: false },
  { name: 'and 50 MB bodies arrive, the line full', waiting: WAITING, queueLimit: WAITING, large: true },
  { name: 'and 50 MB bodies arrive, room for four', waiting: WAITING, queueLimit: WAITING + 4, large: true },
];

const ASKED = ['/healthz', '/metrics', 'refusal'] as const;

interface Heard {
  readonly scene: Scene;
  readonly answers: readonly Answer[];
  readonly large: readonly Answer[];
  /** Waiting at the end, by the metrics page. */
  readonly waited: number;
  readonly running: number;
}

export const ears: Experiment = {
  name: 'ears',
  title: 'Answers while a long run goes on',
  method:
    `A burn runs all the time and ${WAITING} predictions wait. /healthz, /metrics and predictions that must be refused are ` +
    `each sent ${PER_SECOND} times a second, when due. Then a JSON body of 50 MB is sent twice a second beside them: with a full ` +
    'line it is refused from its headers; with room in line it is taken and decoded, and then refused because its last row ' +
    'is short. The large bodies come from a process of their own, below normal priority, as from another machine. ' +
    'ONNX Runtime has one thread.',
  run: measure,
};

async function measure(bench: Bench): Promise<Outcome> {
  const heard: Heard[] = [];
  const commands: string[] = [];
  const models = await repositoryWith('digits', bench);
  await addBurn(models, bench);
  for (const scene of SCENES) {
    const args = [
      '--intra-op-threads',
      '1',
      '--queue-limit',
      String(scene.queueLimit),
      '--log-level',
      'warn',
    ];
    await using server = await startOneslot(bench, { models, args });
    commands.push(server.commandLine);
    heard.push(await listen(bench, server, scene));
  }
  return outcomeOf(heard, [...new Set(commands)]);
}

async function listen(bench: Bench, server: Oneslot, scene: Scene): Promise<Heard> {
  const { quick, processes, progress } = bench;
  progress.step(`ears, ${scene.name}`);
  const seconds = quick ? 8 : 30;
  const iterations = await calibrate(server, bench);
  const line = await fill(bench, server, {
    waiting: scene.waiting,
    long: burn(iterations((seconds + 60) * 1000), 1),
  });
  const large = scene.large ? sendLarge(bench, server) : undefined;
  await delay(1000);
  const answers = await runLoad(questions(server, scene, seconds), { processes, progress });
  const page = await scrape(server.url);
  large?.stop();
  const largeAnswers = (await large?.answers) ?? [];
  await line.abandon();
  return {
    scene,
    answers,
    large: largeAnswers,
    waited: page.value('oneslot_queue_depth'),
    running: page.value('oneslot_running'),
  };
}

/** One long run, and so many short ones behind it. */
async function fill(
  { processes }: Bench,
  server: Oneslot,
  { waiting, long }: { waiting: number; long: RequestForm },
): Promise<Load> {
  const dueMs = [0, ...Array<number>(waiting).fill(300)];
  const schedule = { kind: 'when due', dueMs, forms: dueMs.map((_, index) => Math.min(index, 1)) } as const;
  const load = startLoad({ url: server.url, forms: [long, burn(1, 1)], schedule }, { processes });
  while ((await scrape(server.url)).value('oneslot_queue_depth') < waiting) await delay(50);
  while ((await scrape(server.url)).value('oneslot_running') < 1) await delay(50);
  return load;
}

function questions(server: Oneslot, scene: Scene, seconds: number) {
  const forms: readonly RequestForm[] = [
    { method: 'GET', path: '/healthz', headers: {} },
    { method: 'GET', path: '/metrics', headers: {} },
    // With room in line it is the deadline that can't be met.
    burn(1, 1, { prefer: 'wait=1' }),
  ];
  const gapMs = 1000 / PER_SECOND / forms.length;
  const dueMs = Array.from({ length: seconds * PER_SECOND * forms.length }, (_, index) => index * gapMs);
  const schedule = { kind: 'when due', dueMs, forms: dueMs.map((_, index) => index % forms.length) } as const;
  return { url: server.url, forms, schedule, giveUpMs: scene.waiting === 0 ? 5000 : 60_000 };
}

function sendLarge({ processes }: Bench, server: Oneslot): Load {
  const form: RequestForm = {
    method: 'POST',
    path: '/predict/digits',
    headers: { 'content-type': 'application/json' },
    body: largeBody(),
  };
  const dueMs = Array.from({ length: 1000 }, (_, index) => index * LARGE_EVERY_MS);
  const schedule = { kind: 'when due', dueMs, forms: dueMs.map(() => 0) } as const;
  const options = { processes, niceness: 10 };
  return startLoad({ url: server.url, forms: [form], schedule, giveUpMs: 120_000 }, options);
}

/** Digits without number, the last of them one row short. */
function largeBody(): Uint8Array {
  const row = '[0,1,2,3,14,5,6,7]';
  const digit = `[${Array(8).fill(row).join(',')}],`;
  const head = '{"inputs":{"image":[';
  const tail = `[${Array(7).fill(row).join(',')}]]}}`;
  const digits = Math.floor((LARGE_BYTES - head.length - tail.length) / digit.length);
  return new TextEncoder().encode(head + digit.repeat(digits) + tail);
}

function outcomeOf(heard: readonly Heard[], commands: readonly string[]): Outcome {
  return {
    goals: heard.flatMap(goalsOf),
    tables: [
      {
        caption: 'Time from due to answered',
        head: ['while', 'asked', 'answers', 'p50', 'p99', 'p99.9', 'max', 'how answered'],
        rows: heard.flatMap((each) => ASKED.map((asked) => rowOf(each, asked))),
      },
      {
        caption: 'The 50 MB bodies',
        head: ['while', 'sent', 'p50', 'max', 'how answered'],
        rows: heard.filter(({ scene }) => scene.large).map(largeRowOf),
      },
    ],
    notes: heard.map(
      ({ scene, waited, running }) =>
        `“${scene.name}”: at the end ${count(waited)} were waiting and ${running} running.`,
    ),
    commands,
    raw: heard.map(({ scene, answers, large }) => ({
      scene,
      times: ASKED.map((asked) => ({ asked, ...percentiles(timesOf(answers, asked)) })),
      large: percentiles(large.map(latencyOf)),
    })),
  };
}

function goalsOf({ scene, answers, waited, running }: Heard): Goal[] {
  return ASKED.map((asked) => {
    const { p99 } = percentiles(timesOf(answers, asked));
    const expected = asked === 'refusal' ? 503 : 200;
    const isAsked = ofKind(answers, asked).every(({ status }) => status === expected);
    return {
      what: `${asked}, while ${scene.name}: p99`,
      limit: `≤ ${LIMIT_MS} ms`,
      measured: isAsked ? time(p99) : `${time(p99)}, not all ${expected}`,
      met: p99 <= LIMIT_MS && isAsked && running === 1 && waited >= scene.waiting,
    };
  });
}

function rowOf({ scene, answers }: Heard, asked: (typeof ASKED)[number]): string[] {
  const { count: n, p50, p99, p999, max } = percentiles(timesOf(answers, asked));
  return [
    scene.name,
    asked,
    count(n),
    time(p50),
    time(p99),
    time(p999),
    time(max),
    howAnswered(ofKind(answers, asked)),
  ];
}

function largeRowOf({ scene, large }: Heard): string[] {
  const { count: n, p50, max } = percentiles(large.map(latencyOf));
  return [scene.name, count(n), time(p50), time(max), howAnswered(large)];
}

function ofKind(answers: readonly Answer[], asked: (typeof ASKED)[number]): readonly Answer[] {
  return answers.filter(({ form }) => form === ASKED.indexOf(asked));
}

function timesOf(answers: readonly Answer[], asked: (typeof ASKED)[number]): readonly number[] {
  return ofKind(answers, asked).map(latencyOf);
}
