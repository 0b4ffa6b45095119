// The runner killed again and again under load: whoever was running is told so, everyone else gets the right answer.

import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { burnReference } from '../support/burn-reference.js';
import { burn, burnAnswerOf } from '../support/burns.js';
import { BURN_SIZE, writeFixtureModels } from '../support/fixture-models.js';
import { type Answer, type Oneslot, openBooks, startOneslot } from '../support/oneslot.js';
import { seededRandom } from '../support/random.js';
import { tempFolders } from '../support/temp-folders.js';
import { until } from '../support/until.js';

const KILLS = 20;
const CALLERS = 12;
const SEED = 20_260_101;

/** From a run that is over at once to one of about 0.3 s. */
const ITERATIONS = [0, 1, 30, 1000, 10_000, 100_000];
const LONGEST_WAIT_MS = 250;

interface Asked {
  readonly iterations: number;
  readonly seed: number;
}

interface Heard extends Asked {
  readonly answer: Answer;
}

const makeFolder = tempFolders();

test(`of ${KILLS} kills under load, each costs the run that it met and nothing else`, async () => {
  const models = await makeFolder();
  writeFixtureModels(models, ['burn']);
  await using oneslot = await startOneslot({ models });
  const load = new AbortController();
  const callers = Array.from({ length: CALLERS }, (_, index) => keepAsking(oneslot, index, load.signal));
  await killOften(oneslot).finally(() => load.abort());
  const heard = (await Promise.all(callers)).flat();

  expect(heard.filter((each) => !isRight(each) && !isLost(each))).toEqual([]);
  // One kill meets one run at most, which serves one caller: burn declares no batch.
  expect(heard.filter(isLost).length).toBeLessThanOrEqual(KILLS);
  expect(heard.filter(isRight).length).toBeGreaterThan(0);
  await expectUnharmed(oneslot, heard.length);
}, 180_000);

/** Asks one burn after the other, of mixed lengths, until the signal; no caller ever leaves. */
async function keepAsking(oneslot: Oneslot, index: number, signal: AbortSignal): Promise<Heard[]> {
  const random = seededRandom(SEED + index);
  const heard: Heard[] = [];
  while (!signal.aborted) {
    const asked = { iterations: random.pick(ITERATIONS), seed: 1 + random.below(5) };
    heard.push({ ...asked, answer: await burn(oneslot, asked.iterations, { seed: asked.seed }) });
  }
  return heard;
}

/** Each runner but the last is killed at some moment of its life: between runs, in one, or as one begins. */
async function killOften(oneslot: Oneslot): Promise<void> {
  const random = seededRandom(SEED);
  for (let kill = 0; kill < KILLS; kill++) {
    const pid = oneslot.runnerPid!;
    await delay(random.below(LONGEST_WAIT_MS));
    process.kill(pid, 'SIGKILL');
    await until(() => oneslot.runnerPid !== pid);
  }
}

function isRight({ iterations, seed, answer }: Heard): boolean {
  if (answer.status !== 200) return false;
  return JSON.stringify(burnAnswerOf(answer)) === JSON.stringify(expected({ iterations, seed }));
}

const isLost = ({ answer }: Heard): boolean => answer.status === 500 && answer.body.code === 'runner_crashed';

const references = new Map<string, ReturnType<typeof burnReference>>();

function expected({ iterations, seed }: Asked): ReturnType<typeof burnReference> {
  const key = `${iterations} ${seed}`;
  const known = references.get(key) ?? burnReference({ iterations, seed, size: BURN_SIZE });
  references.set(key, known);
  return known;
}

async function expectUnharmed(oneslot: Oneslot, asked: number): Promise<void> {
  const page = await oneslot.metrics();
  expect(openBooks(page)).toBe(0);
  expect(await oneslot.metric('oneslot_predictions_received_total')).toBe(asked);
  for (const gauge of [
    'oneslot_receiving',
    'oneslot_queue_depth',
    'oneslot_running',
    'oneslot_queue_bytes',
    'oneslot_shared_memory_bytes',
  ])
    await until(async () => (await oneslot.metric(gauge)) === 0);
  expect(await oneslot.metric('oneslot_runner_restarts_total', { reason: 'crashed' })).toBe(KILLS);
  expect(await oneslot.isReady()).toBe(true);
  expect(oneslot.child.exitCode).toBeNull();
}
