// Equal burns at once: they run one after the other, none slower for the company of those that wait.

import { setTimeout as delay } from 'node:timers/promises';
import { burn, calibrate } from '../burns.js';
import type { Bench, Experiment, Outcome } from '../experiment.js';
import { runLoad, startLoad } from '../load/load.js';
import type { Answer, RequestForm } from '../load/plan.js';
import { scrape } from '../metrics-page.js';
import { burnRepository } from '../models.js';
import { type Oneslot, startOneslot } from '../servers.js';
import { type Alone, outcomeOf, type Round } from './turns-outcome.js';

const ALONE = 4;
/** Running is looked up this often during a round. */
const LOOK_EVERY_MS = 25;

export const turns: Experiment = {
  name: 'turns',
  title: 'Taking turns',
  method:
    'Burns of equal length S are sent at once, from 10 and from 100 callers that are connected already; S is measured alone in the same run, just ' +
    'before and just after each round (median). Two things would show two runs at once: ' +
    'the metrics page, read 40 times a second, and the run times in Server-Timing, which together would exceed the time that passed.',
  standIn:
    'ONNX Runtime uses all cores, so the processor stands in for the GPU, and the server and the load share it.',
  run: measure,
};

async function measure(bench: Bench): Promise<Outcome> {
  const { quick, progress } = bench;
  await using server = await startOneslot(bench, {
    models: await burnRepository(bench),
    args: ['--queue-limit', '200'],
  });
  progress.step('turns, calibration');
  const iterations = await calibrate(server, bench);
  const rounds: Round[] = [];
  const plan = quick ? [10, 100] : [10, 100, 10, 100, 10];
  for (const callers of plan) {
    const form = burn(iterations(callers === 100 && quick ? 150 : 1000), 1);
    rounds.push(await measureRound(bench, server, { callers, form }));
  }
  return outcomeOf(rounds, server.commandLine);
}

async function measureRound(
  { processes, progress }: Bench,
  server: Oneslot,
  { callers, form }: { callers: number; form: RequestForm },
): Promise<Round> {
  progress.step(`turns, ${callers} callers, alone`);
  const before = await alone(server, form, processes);
  progress.step(`turns, ${callers} callers at once`);
  const all = Array<number>(callers).fill(0);
  const schedule = { kind: 'when due', dueMs: all, forms: all } as const;
  const plan = { url: server.url, forms: [form], schedule, connectFirst: callers };
  const load = startLoad(plan, { processes, progress });
  const watched = mostRunningUntil(server.url, load.answers);
  const answers = await load.answers;
  const mostRunning = await watched;
  progress.step(`turns, ${callers} callers, alone again`);
  const after = await alone(server, form, processes);
  const bad = answers.find(({ status }) => status !== 200);
  if (bad !== undefined) throw new Error(`a burn was answered with ${bad.status} ${bad.code}`);
  return {
    callers,
    alone: [...before, ...after],
    answeredMs: answers.map(({ dueMs, endMs }) => endMs - dueMs).toSorted((a, b) => a - b),
    runMs: answers.map(({ timing }) => timing.run!),
    workShare: workShare(answers),
    mostRunning,
  };
}

/** The first call finds everything cold and is left out. */
async function alone(
  server: Oneslot,
  form: RequestForm,
  processes: Bench['processes'],
): Promise<readonly Alone[]> {
  const schedule = { kind: 'in turn', connections: 1, calls: ALONE + 1 } as const;
  const answers = await runLoad({ url: server.url, forms: [form], schedule }, { processes });
  return answers
    .slice(1)
    .map(({ sentMs, endMs, timing }) => ({ answerMs: endMs - sentMs, runMs: timing.run! }));
}

async function mostRunningUntil(url: string, end: Promise<unknown>): Promise<number> {
  let most = 0;
  let isOver = false;
  const over = end.finally(() => {
    isOver = true;
  });
  over.catch(() => {});
  while (!isOver) {
    const page = await scrape(url);
    most = Math.max(most, page.value('oneslot_running'));
    await delay(LOOK_EVERY_MS);
  }
  return most;
}

/**
 * Run time of the first k answers as a share of the time until the k-th, where it is highest. Whatever delays an answer
 * lowers it, so above 1 two runs went on at once.
 */
function workShare(answers: readonly Answer[]): number {
  let workMs = 0;
  return Math.max(
    ...answers.map(({ dueMs, endMs, timing }) => {
      workMs += timing.run!;
      return workMs / (endMs - dueMs);
    }),
  );
}
