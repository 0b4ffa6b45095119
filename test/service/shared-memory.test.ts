// Large inputs lie in memory that the server and its runner share. Nobody's bytes come under another's run, whoever leaves
// and however often the runner dies; and where there is no such memory, or none left, all is the same.

import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { writeFixtureModels } from '../support/fixture-models.js';
import { type Oneslot, openBooks, startOneslot } from '../support/oneslot.js';
import { type Random, seededRandom } from '../support/random.js';
import { tempFolders } from '../support/temp-folders.js';
import { until } from '../support/until.js';
import { withoutKoffi } from '../support/without-koffi.js';

const CALLERS = 10;
const CALLS = 40;
const KILLS = 5;
/** float32 elements of a row: some of them small enough to travel, most not. */
const ROW = [1000, 16_384, 50_000, 150_000];
const makeFolder = tempFolders();

async function start(args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Promise<Oneslot> {
  const models = await makeFolder();
  writeFixtureModels(models, ['sum-rows']);
  return await startOneslot({ models, args, env });
}

interface Asked {
  readonly length: number;
  readonly value: number;
  readonly isJson: boolean;
}

const ask = (random: Random): Asked => ({
  length: random.pick(ROW),
  value: 1 + random.below(50),
  isJson: random.unit() < 0.4,
});

const bodyOf = ({ length, value }: Pick<Asked, 'length' | 'value'>): Uint8Array =>
  new Uint8Array(new Float32Array(length).fill(value).buffer);

/** As raw bytes, which are received where the runner reads them, or as JSON, of which a copy is made there. */
async function sumOf(oneslot: Oneslot, asked: Asked, signal?: AbortSignal): Promise<number | string> {
  const init = signal && { signal };
  const { length, value } = asked;
  const headers = { 'content-type': 'application/octet-stream', 'tensor-shape': `1,${length}` };
  const { status, body } = asked.isJson
    ? await oneslot.predict('sum-rows', { x: [new Array(length).fill(value)] }, init)
    : await oneslot.post('/predict/sum-rows', bodyOf(asked), { headers, ...init });
  return status === 200 ? body.outputs.sum[0] : body.code;
}

/** Calls again and again; one in four leaves at some moment. Gives what was wrong. */
async function keepCalling(oneslot: Oneslot, seed: number): Promise<unknown[]> {
  const random = seededRandom(seed);
  const wrong: unknown[] = [];
  for (let call = 0; call < CALLS; call++) {
    const asked = ask(random);
    const leaves = random.unit() < 0.25;
    const signal = leaves ? AbortSignal.timeout(random.below(20)) : undefined;
    const heard = await sumOf(oneslot, asked, signal).catch((error: Error) => error.name);
    const isGone = leaves && (heard === 'TimeoutError' || heard === 'AbortError');
    if (heard !== asked.length * asked.value && heard !== 'runner_crashed' && !isGone)
      wrong.push({ asked, heard });
  }
  return wrong;
}

async function killOften(oneslot: Oneslot): Promise<void> {
  const random = seededRandom(1);
  for (let kill = 0; kill < KILLS; kill++) {
    const pid = oneslot.runnerPid!;
    await delay(random.below(150));
    process.kill(pid, 'SIGKILL');
    await until(() => oneslot.runnerPid !== pid);
  }
}

async function expectNothingHeld(oneslot: Oneslot): Promise<void> {
  for (const gauge of ['oneslot_shared_memory_bytes', 'oneslot_queue_bytes'])
    await until(async () => (await oneslot.metric(gauge)) === 0);
  expect(openBooks(await oneslot.metrics())).toBe(0);
}

test.each([
  { name: 'memory for all of them', args: [], env: {} },
  { name: 'memory for some of them', args: ['--shared-memory', '1MiB'], env: {} },
  { name: 'no such memory', args: ['--shared-memory', '0'], env: {} },
  { name: 'no koffi', args: [], env: withoutKoffi },
])(
  'with $name, every large input gets its own answer, whoever leaves or dies',
  async ({ args, env }) => {
    await using oneslot = await start(args, env);
    const callers = Array.from({ length: CALLERS }, (_, index) => keepCalling(oneslot, index));
    const [wrong] = await Promise.all([Promise.all(callers), killOften(oneslot)]);
    expect(wrong.flat()).toEqual([]);
    expect(await oneslot.metric('oneslot_predictions_total', { outcome: 'completed' })).toBeGreaterThan(100);
    await expectNothingHeld(oneslot);
  },
  120_000,
);

test('a large input that came as JSON gets its answer too, and holds nothing afterwards', async () => {
  await using oneslot = await start();
  const row = new Array(50_000).fill(2);
  const { status, body } = await oneslot.predict('sum-rows', { x: [row, row] });
  expect(status).toBe(200);
  expect(body.outputs.sum).toEqual([100_000, 100_000]);
  await expectNothingHeld(oneslot);
});

test('a body that breaks off, or is refused once it is there, holds nothing', async () => {
  await using oneslot = await start();
  const headers = { 'content-type': 'application/octet-stream', 'tensor-shape': '1,7' };
  const refused = await oneslot.post('/predict/sum-rows', bodyOf({ length: 50_000, value: 1 }), { headers });
  expect(refused.body.code).toBe('invalid_input');
  let hasBegun = false;
  const half = new ReadableStream({
    pull(controller) {
      if (hasBegun) return;
      hasBegun = true;
      controller.enqueue(new Uint8Array(100_000));
    },
  });
  const leave = new AbortController();
  const left = fetch(`${oneslot.url}/predict/sum-rows`, {
    method: 'POST',
    headers: { ...headers, 'content-length': '200000' },
    body: half,
    duplex: 'half',
    signal: leave.signal,
  } as RequestInit);
  await until(async () => (await oneslot.metric('oneslot_shared_memory_bytes')) > 0);
  leave.abort();
  await expect(left).rejects.toThrow('abort');
  await expectNothingHeld(oneslot);
});

test('it says once why there is none', async () => {
  await using oneslot = await start([], withoutKoffi);
  const lines = oneslot.log.filter(({ msg }) => msg.startsWith('no memory to share'));
  expect(lines.map(({ reason }) => reason)).toEqual(['koffi is not there']);
});
