// Inputs that end their runners: who is told what, who is run again, and who is not.

import { expect, test } from '@jest/globals';
import type { ServiceError } from '../../src/errors.js';
import type { Prediction } from '../../src/prediction.js';
import { batchableModel } from '../support/predictions.js';
import { openRooms, type Rooms } from '../support/rooms.js';

async function errorOf(prediction: Prediction): Promise<ServiceError> {
  const settlement = await prediction.settlement;
  if (settlement.kind !== 'failed') throw new Error(`it is ${settlement.kind}`);
  return settlement.error;
}

/** Inputs differ by their number of rows. */
async function come(rooms: Rooms, rows: number): Promise<Prediction> {
  const prediction = rooms.come({ rows });
  await rooms.settle();
  return prediction;
}

async function crash(rooms: Rooms): Promise<void> {
  rooms.runner.die('died of SIGFPE', false);
  rooms.runner.load();
  await rooms.settle();
}

/** As when it comes by HTTP: before it is in line. */
async function examine(rooms: Rooms, rows: number): Promise<ServiceError | undefined> {
  const inputs = { x: { type: 'float32', dims: [rows], bytes: new Uint8Array(4 * rows) } } as const;
  if (!rooms.suspects.mayKnow(rooms.model, inputs)) return undefined;
  const prediction = rooms.admit();
  const refusal = await rooms.suspects.examine(prediction, inputs).catch((error: ServiceError) => error);
  prediction.leave();
  return refusal instanceof Error ? refusal : undefined;
}

test('the first crash may be tried again, the second not; then the input is refused, and after a while it is not', async () => {
  const rooms = await openRooms();
  const first = await come(rooms, 1);
  await crash(rooms);
  expect(await errorOf(first)).toMatchObject({ code: 'runner_crashed', retryable: true });
  expect(await examine(rooms, 1)).toBeUndefined();
  const second = await come(rooms, 1);
  await crash(rooms);
  expect(await errorOf(second)).toMatchObject({ code: 'runner_crashed', retryable: false });
  expect(rooms.suspects.quarantined).toBe(1);
  expect(await examine(rooms, 1)).toMatchObject({ code: 'input_quarantined', retryable: false });
  expect(await examine(rooms, 2)).toBeUndefined();
  rooms.clock.advance(600_000);
  expect(await examine(rooms, 1)).toBeUndefined();
  expect(rooms.suspects.quarantined).toBe(0);
});

test('a run that ends clears its input, with an answer or without', async () => {
  for (const failures of [undefined, 'x is out of bounds']) {
    const rooms = await openRooms();
    await come(rooms, 1);
    await crash(rooms);
    await examine(rooms, 1);
    const again = rooms.come({ rows: 1 });
    await rooms.suspects.examine(again, again.work.inputs);
    await rooms.settle();
    rooms.runner.finish(failures === undefined ? undefined : new Map([[again.id, failures]]));
    await rooms.settle();
    const third = await come(rooms, 1);
    await crash(rooms);
    expect((await errorOf(third)).retryable).toBe(true);
  }
});

test('a runner that someone else ends is nobody’s doing', async () => {
  const rooms = await openRooms();
  for (const _ of [1, 2, 3]) {
    const one = await come(rooms, 1);
    rooms.runner.die('died of SIGKILL', true);
    rooms.runner.load();
    await rooms.settle();
    expect((await errorOf(one)).retryable).toBe(true);
  }
  expect(await examine(rooms, 1)).toBeUndefined();
});

test('of a batch that killed, each runs alone: all are served but the one who did it', async () => {
  const rooms = await openRooms({ models: [batchableModel('b', 8)] });
  await come(rooms, 1);
  const [before, killer, after] = [rooms.come({ rows: 2 }), rooms.come({ rows: 3 }), rooms.come({ rows: 2 })];
  await rooms.settle();
  await rooms.finish();
  expect(rooms.running).toEqual([before.id, killer.id, after.id]);
  await crash(rooms);
  expect(rooms.running).toEqual([before.id]);
  await rooms.finish();
  expect(rooms.running).toEqual([killer.id]);
  await crash(rooms);
  expect(rooms.running).toEqual([after.id]);
  await rooms.finish();
  expect([before, killer, after].map(({ outcome }) => outcome)).toEqual(['completed', 'failed', 'completed']);
  expect(await errorOf(killer)).toMatchObject({ code: 'runner_crashed', retryable: false });
  expect(rooms.suspects.quarantined).toBe(1);
});

test('who waits with the input that has just been found out is refused, and no runner is lost to it', async () => {
  const rooms = await openRooms();
  const [one, two, three, other] = [1, 1, 1, 2].map((rows) => rooms.come({ rows }));
  await rooms.settle();
  await crash(rooms);
  await crash(rooms);
  expect((await errorOf(one!)).retryable).toBe(true);
  expect((await errorOf(two!)).retryable).toBe(false);
  expect((await errorOf(three!)).code).toBe('input_quarantined');
  expect(rooms.running).toEqual([other!.id]);
});

test('who waits with an input that has ended a runner runs alone', async () => {
  const rooms = await openRooms({ models: [batchableModel('b', 8)] });
  await come(rooms, 3);
  const [same, other] = [rooms.come({ rows: 3 }), rooms.come({ rows: 2 })];
  await rooms.settle();
  await crash(rooms);
  expect(rooms.running).toEqual([same.id]);
  await rooms.finish();
  expect(rooms.running).toEqual([other.id]);
});

test('leaving during the run hides nothing', async () => {
  const rooms = await openRooms();
  for (const _ of [1, 2]) {
    const one = await come(rooms, 1);
    one.leave();
    await crash(rooms);
  }
  expect((await examine(rooms, 1))?.code).toBe('input_quarantined');
});

test('no more are known than a few hundred: the longest known is forgotten', async () => {
  const rooms = await openRooms();
  for (let rows = 1; rows <= 300; rows++) {
    for (const _ of [1, 2]) {
      await come(rooms, rows);
      await crash(rooms);
    }
  }
  expect(rooms.suspects.quarantined).toBe(256);
  expect(await examine(rooms, 1)).toBeUndefined();
  expect((await examine(rooms, 300))?.code).toBe('input_quarantined');
});
