// p-queue over our line: who is handed on, and what p-queue counts meanwhile.

import { describe, expect, test } from '@jest/globals';
import type { Prediction } from '../../src/prediction.js';
import { Queue } from '../../src/queue/queue.js';
import { ManualClock } from '../support/manual-clock.js';
import { queued } from '../support/predictions.js';
import { turn } from '../support/rooms.js';

function queueOf({ batchSize = 1 } = {}) {
  const clock = new ManualClock();
  const taken: number[][] = [];
  let changes = 0;
  const queue: Queue = new Queue({
    ageMs: 30_000,
    clock,
    compose: () => [...queue.inOrder()].slice(0, batchSize),
    onTake: (batch) => taken.push(batch.map(({ id }) => id)),
    onChange: () => {
      changes += 1;
    },
  });
  const come = (urgency = 3): Prediction => {
    const prediction = queued({ clock, urgency });
    queue.enter(prediction);
    return prediction;
  };
  const counts = () => [queue.queued, queue.running];
  return { clock, queue, come, taken, counts, changes: () => changes };
}

test('nobody is taken before the queue is resumed', async () => {
  const { queue, come, taken, counts } = queueOf();
  const one = come();
  await turn();
  expect([taken, counts()]).toEqual([[], [1, 0]]);
  queue.resume();
  expect([taken, counts()]).toEqual([[[one.id]], [0, 1]]);
});

test('the next is taken when the one before has ended, and not earlier', async () => {
  const { queue, come, taken } = queueOf();
  queue.resume();
  const [one, two] = [come(), come()];
  await turn();
  expect(taken).toEqual([[one.id]]);
  queue.end(one);
  await turn();
  expect(taken).toEqual([[one.id], [two.id]]);
});

test('a batch is counted as its members, and is over when the last of them is', async () => {
  const { queue, come, taken, counts } = queueOf({ batchSize: 3 });
  const [one, two, three, four] = [come(), come(), come(), come()];
  queue.resume();
  expect(counts()).toEqual([1, 3]);
  queue.end(one);
  queue.end(three);
  await turn();
  expect(counts()).toEqual([1, 1]);
  queue.end(two);
  await turn();
  expect(taken.at(-1)).toEqual([four.id]);
});

test('whoever the runner began by itself is counted at once, and nobody is started beside it', async () => {
  const { queue, come, taken, counts } = queueOf();
  queue.resume();
  const [one, two, three] = [come(), come(), come()];
  queue.end(one);
  queue.begin([two]);
  await turn();
  expect([taken, counts()]).toEqual([[[one.id]], [1, 1]]);
  queue.end(two);
  await turn();
  expect(taken.at(-1)).toEqual([three.id]);
});

test('whoever leaves the line is never taken', async () => {
  const { queue, come, taken } = queueOf();
  queue.resume();
  const [one, two, three] = [come(), come(), come()];
  expect(queue.leave(two)).toBe(true);
  expect(queue.leave(two)).toBe(false);
  expect(queue.leave(one)).toBe(false);
  queue.end(one);
  await turn();
  expect(taken).toEqual([[one.id], [three.id]]);
});

test('whoever is put back is in its old place, and p-queue does not count it', async () => {
  const { queue, come, taken, counts } = queueOf({ batchSize: 2 });
  queue.resume();
  const one = come();
  queue.pause();
  const two = come();
  queue.putBack([one]);
  await turn();
  expect([[...queue.inOrder()], counts()]).toEqual([
    [one, two],
    [2, 0],
  ]);
  queue.resume();
  expect(taken).toEqual([[one.id], [one.id, two.id]]);
  expect(counts()).toEqual([0, 2]);
});

describe('what a newcomer has ahead', () => {
  test('is all whose level is not behind its own', () => {
    const { clock, queue, come } = queueOf();
    const [urgent, usual] = [come(1), come(3)];
    const lazy = come(4);
    const ahead = (urgency: number) => [...queue.ahead(urgency)];
    expect(ahead(0)).toEqual([]);
    expect(ahead(1)).toEqual([urgent]);
    expect(ahead(3)).toEqual([urgent, usual]);
    clock.advance(30_000);
    expect(ahead(3)).toEqual([urgent, usual, lazy]);
    expect(queue.head).toBe(urgent);
  });
});

test('each change is told and has a version of its own', () => {
  const { queue, come, changes } = queueOf();
  const versions = new Set([queue.version]);
  const [one, two] = [come(), come()];
  versions.add(queue.version);
  queue.leave(one);
  versions.add(queue.version);
  queue.resume();
  versions.add(queue.version);
  queue.end(two);
  expect(versions.size).toBe(4);
  expect(changes()).toBe(4);
});
