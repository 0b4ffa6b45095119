// Places in line, told to those who watch.

import { expect, test } from '@jest/globals';
import type { Place } from '../../src/queue/positions.js';
import { batchableModel } from '../support/predictions.js';
import { openRooms, type Rooms, turn } from '../support/rooms.js';

const PAUSE_MS = 50;

function watched(rooms: Rooms, prediction: Parameters<Rooms['positions']['watch']>[0]) {
  const places: Place[] = [];
  const stop = rooms.positions.watch(prediction, (place) => places.push(place));
  return { places, stop };
}

/** Lets pass what the watchers wait for. */
async function pass(rooms: Rooms): Promise<void> {
  await rooms.settle();
  rooms.clock.advance(PAUSE_MS);
  await rooms.settle();
}

test('a place is told at once, with the time until its turn', async () => {
  const rooms = await openRooms();
  rooms.teach(10_000);
  rooms.come();
  await rooms.settle();
  rooms.clock.advance(4_000);
  rooms.come();
  const { places } = watched(rooms, rooms.come());
  await turn();
  expect(places).toEqual([{ position: 2, etaMs: 16_000 }]);
});

test('a time that depends on something unknown is left out', async () => {
  const rooms = await openRooms();
  rooms.come();
  await rooms.settle();
  const { places } = watched(rooms, rooms.come());
  await turn();
  expect(places).toEqual([{ position: 1 }]);
});

test('a place is told again as the line moves, and no more once its run has begun', async () => {
  const rooms = await openRooms();
  rooms.come();
  const two = rooms.come();
  await rooms.settle();
  const { places } = watched(rooms, rooms.come());
  await pass(rooms);
  two.leave();
  await pass(rooms);
  expect(places.map(({ position }) => position)).toEqual([2, 1]);
  await rooms.finish();
  rooms.come();
  await pass(rooms);
  expect(places).toHaveLength(2);
});

test('many changes are told as one', async () => {
  const rooms = await openRooms();
  rooms.come();
  await rooms.settle();
  const { places } = watched(rooms, rooms.come({ urgency: 7 }));
  await turn();
  for (let count = 0; count < 20; count++) {
    rooms.come();
    await turn();
  }
  expect(places.map(({ position }) => position)).toEqual([1]);
  await pass(rooms);
  expect(places.map(({ position }) => position)).toEqual([1, 21]);
});

test('those of one batch have one turn', async () => {
  const rooms = await openRooms({ models: [batchableModel('b', 2)] });
  rooms.teach(100);
  rooms.teach(140, { rows: 2 });
  rooms.come();
  await rooms.settle();
  const all = [1, 2, 3].map(() => watched(rooms, rooms.come()));
  await turn();
  expect(all.map(({ places }) => places.at(-1))).toEqual([
    { position: 1, etaMs: 100 },
    { position: 2, etaMs: 100 },
    { position: 3, etaMs: 240 },
  ]);
});

test('whoever has stopped watching hears nothing, and costs nothing', async () => {
  const rooms = await openRooms();
  rooms.come();
  await rooms.settle();
  const { places, stop } = watched(rooms, rooms.come());
  stop();
  await pass(rooms);
  expect(places).toEqual([]);
  const timers = rooms.clock.pending;
  rooms.come();
  await turn();
  expect(rooms.clock.pending).toBe(timers);
});
