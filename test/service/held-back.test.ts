// A server too busy to take what its runner says: nothing is lost or torn, however much waits in the pipe.

import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { burnReference } from '../support/burn-reference.js';
import { burn, burnAnswerOf } from '../support/burns.js';
import { BIG_OUTPUT_FACTOR, BURN_SIZE, writeFixtureModels } from '../support/fixture-models.js';
import { type Oneslot, startOneslot } from '../support/oneslot.js';
import { tempFolders } from '../support/temp-folders.js';
import { until } from '../support/until.js';

const FOLLOWING = 24;

/** From 40 KB on: a few of them fill the socket between the two processes, and some are too large for one write. */
const COUNT = 10;

const makeFolder = tempFolders();

test('answers that wait in the pipe come whole, and to those whom they are for', async () => {
  const models = await makeFolder();
  writeFixtureModels(models, ['burn', 'big-output', 'echo-scalar']);
  await using oneslot = await startOneslot({ models });
  // Short runs of known length are planned several ahead.
  for (let run = 0; run < 3; run++) await sizeOf(oneslot, COUNT);
  const long = burn(oneslot, 100_000, { seed: 3 });
  await oneslot.running();
  const counts = Array.from({ length: FOLLOWING }, (_, index) => COUNT + 10 * (index % 3));
  const sizes = Promise.all(counts.map((count) => sizeOf(oneslot, count)));
  await until(async () => (await oneslot.metric('oneslot_queue_depth')) === FOLLOWING);
  const runnerPid = oneslot.runnerPid!;
  oneslot.child.kill('SIGSTOP');
  await until(() => isAsleep(runnerPid));
  oneslot.child.kill('SIGCONT');
  expect((await long).status).toBe(200);
  expect(await sizes).toEqual(counts.map((count) => count * BIG_OUTPUT_FACTOR));
  const last = { iterations: 3, seed: 2 };
  expect(burnAnswerOf(await burn(oneslot, last.iterations, last))).toEqual(
    burnReference({ ...last, size: BURN_SIZE }),
  );
  expect(oneslot.runnerPid).toBe(runnerPid);
});

/** How many numbers come, each of them checked. */
async function sizeOf(oneslot: Oneslot, count: number): Promise<number> {
  const { body } = await oneslot.predict('big-output', { count: [count] });
  const positions = body.outputs.positions as number[];
  return positions.every((position, index) => position === index) ? positions.length : -1;
}

let quietLooks = 0;

/** Whether none of its threads has done anything for a while. */
function isAsleep(pid: number): boolean {
  const states = readdirSync(`/proc/${pid}/task`).map(
    (thread) => readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8').split(') ')[1]![0],
  );
  quietLooks = states.every((state) => state === 'S') ? quietLooks + 1 : 0;
  return quietLooks > 10;
}
