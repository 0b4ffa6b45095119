// Answers of batches are checked in service: when, at what cost, and what follows where one is another alone.

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { stringTensor, type Tensors } from '../../src/tensor.js';
import { batchableModel, model } from '../support/predictions.js';
import { openRooms, type Rooms } from '../support/rooms.js';

const SMALL = batchableModel('small', 4);
const LONG = model('long');

let rooms: Rooms;

beforeEach(async () => {
  rooms = await openRooms({ models: [SMALL, LONG], proved: [SMALL] });
});

afterEach(() => {
  expect(rooms.runner.violations).toEqual([]);
});

/** Ends whatever runs until nobody waits, each run after 10 ms; the check that follows, if one does, is begun. */
async function serveAll(): Promise<void> {
  while (rooms.ledger.queued + rooms.ledger.running > 0) await rooms.finish(10);
  await rooms.settle();
}

/** These wait together behind a long run and are answered by one. */
async function batchOf(count: number): Promise<readonly number[]> {
  rooms.come({ model: LONG });
  await rooms.settle();
  const batch = Array.from({ length: count }, () => rooms.come({ model: SMALL }).id);
  await serveAll();
  return batch;
}

const checked = () => rooms.observer.of('batchChecked');
const isChecking = () => rooms.slot.run?.isCheck ?? false;

/** From now on the runner answers checks so. */
function answerChecks(outputs: () => Tensors): void {
  rooms.runner.answerOf = (id) => (id < 0 ? outputs() : undefined);
}

const another = (): Tensors => ({ y: { type: 'float32', dims: [1], bytes: new Uint8Array(4) } });

test('when the slot is idle after a batch, one of it runs again alone, and its answer is compared', async () => {
  await batchOf(3);
  expect(isChecking()).toBe(true);
  expect(rooms.running).toHaveLength(1);
  expect(rooms.checks.bytes).toBeGreaterThan(0);
  await rooms.finish(5);
  expect(checked()).toEqual([['small', false]]);
  expect(rooms.batching.report('small')).toMatchObject({ on: true, checks: 1 });
  expect(rooms.checks.bytes).toBe(0);
  expect(rooms.log.lines).toEqual([]);
});

test('a check holds the slot, and counts in predicted waits and in the time that it is busy', async () => {
  rooms.teach(10, { model: SMALL });
  await batchOf(2);
  const busy = rooms.busyMeter.totalSeconds;
  expect(rooms.slot.isFree).toBe(false);
  expect(rooms.forecast.waitOf(3)).toEqual({ knownMs: 10, isComplete: true });
  const next = rooms.come({ model: LONG });
  await rooms.settle();
  expect(next.phase).toBe('queued');
  await rooms.finish(10);
  expect(next.phase).toBe('running');
  expect(rooms.busyMeter.totalSeconds - busy).toBeCloseTo(0.01);
});

test('a check stands in no books', async () => {
  await batchOf(2);
  const { heard } = rooms.observer;
  const before = heard.length;
  expect([rooms.ledger.queued, rooms.ledger.running, rooms.ledger.open.length]).toEqual([0, 0, 0]);
  await rooms.finish(5);
  expect(heard.slice(before).map(([moment]) => moment)).toEqual(['batchChecked']);
});

test('a run of one, and a batch of a model that was not proved, are not checked', async () => {
  await batchOf(1);
  expect(isChecking()).toBe(false);
  rooms = await openRooms({ models: [SMALL, LONG] });
  await batchOf(3);
  expect(isChecking()).toBe(false);
});

test('nobody waits behind a check that has not begun: it is made when nobody waits any more', async () => {
  rooms.come({ model: LONG });
  await rooms.settle();
  for (let count = 0; count < 3; count++) rooms.come({ model: SMALL });
  rooms.come({ model: LONG, urgency: 7 });
  await rooms.finish(10);
  await rooms.finish(10);
  expect(rooms.running).toHaveLength(1);
  expect(isChecking()).toBe(false);
  await rooms.finish(10);
  expect(isChecking()).toBe(true);
});

test('what finds no idle slot is forgotten after ten seconds', async () => {
  rooms.come({ model: LONG });
  await rooms.settle();
  for (let count = 0; count < 3; count++) rooms.come({ model: SMALL });
  rooms.come({ model: LONG, urgency: 7 });
  await rooms.finish(10);
  await rooms.finish(10);
  expect(rooms.checks.bytes).toBeGreaterThan(0);
  rooms.clock.advance(10_000);
  expect(rooms.checks.bytes).toBe(0);
  await serveAll();
  expect(isChecking()).toBe(false);
});

test('checks cost a hundredth of the time at most, and become rarer', async () => {
  const startedMs = rooms.clock.nowMs();
  const madeMs: number[] = [];
  while (rooms.clock.nowMs() - startedMs < 300_000) {
    await batchOf(2);
    if (!isChecking()) {
      rooms.clock.advance(80);
      continue;
    }
    madeMs.push(rooms.clock.nowMs() - startedMs);
    await rooms.finish(10);
  }
  const gaps = madeMs.slice(1).map((ms, index) => ms - madeMs[index]!);
  expect(madeMs[0]).toBeLessThan(100);
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(1_000);
  expect(gaps.slice(0, 5)).toEqual([...gaps.slice(0, 5)].sort((a, b) => a - b));
  expect(madeMs.length).toBeLessThan(15);
});

test('a run of more than a second is not made for a check', async () => {
  rooms.teach(5_000, { model: SMALL });
  await batchOf(2);
  expect(isChecking()).toBe(false);
  expect(rooms.checks.bytes).toBe(0);
});

test('those who come during a check are not joined before it has passed, and then they are', async () => {
  await batchOf(2);
  expect(isChecking()).toBe(true);
  const four = Array.from({ length: 4 }, () => rooms.come({ model: SMALL }));
  await rooms.finish(5);
  // One alone, which the runner had begun before anyone could know how the check would end; then the others.
  expect(rooms.running).toEqual([four[0]!.id]);
  await rooms.finish(5);
  expect(rooms.running).toEqual(four.slice(1).map(({ id }) => id));
});

describe('an answer that is another one alone', () => {
  beforeEach(async () => {
    answerChecks(another);
    await batchOf(3);
  });

  test('ends batching, is logged with no value, counted, and shown', async () => {
    await rooms.finish(5);
    expect(checked()).toEqual([['small', true]]);
    expect(rooms.batching.report('small')).toEqual({
      on: false,
      reason: 'output y of a prediction was another one in company than alone',
    });
    expect(rooms.log.lines).toEqual([
      {
        level: 'error',
        facts: { model: 'small', output: 'y', difference: Number.POSITIVE_INFINITY, allowed: 0 },
        message: 'batching ended: an answer of a batch is another one alone',
      },
    ]);
  });

  test('lets those who are in line already run alone, and all who follow, and none is checked', async () => {
    const three = Array.from({ length: 3 }, () => rooms.come({ model: SMALL }));
    for (const each of three) {
      await rooms.finish(5);
      expect(rooms.running).toEqual([each.id]);
    }
    await serveAll();
    rooms.clock.advance(1_000_000);
    await batchOf(3);
    expect(checked()).toHaveLength(1);
    expect(Math.max(...rooms.runner.runs.slice(-4).map(({ ids }) => ids.length))).toBe(1);
  });

  test('counts in predicted waits: one run each', async () => {
    await rooms.finish(5);
    rooms.teach(10, { model: SMALL });
    rooms.come({ model: LONG });
    await rooms.settle();
    for (let count = 0; count < 4; count++) rooms.come({ model: SMALL });
    const starts = [...rooms.forecast.turns()].map(({ start }) => start.knownMs);
    const runMs = rooms.estimator.meanMs('small', { elements: 1 })!;
    for (const [index, start] of starts.entries())
      expect(start).toBeCloseTo(rooms.forecast.rest.knownMs + index * runMs);
    expect(starts).toHaveLength(4);
  });

  test('holds until the model comes from another file', async () => {
    await rooms.finish(5);
    rooms.proved([SMALL], 'first file');
    expect(rooms.batching.report('small')).toMatchObject({ on: false });
    rooms.proved([SMALL], 'second file');
    expect(rooms.batching.report('small')).toMatchObject({ on: true, checks: 0 });
  });
});

test('integers and strings end it at the second difference within ten checks: the first may be a near tie', async () => {
  let isTie = true;
  answerChecks(() => ({ y: stringTensor([1], [isTie ? 'another' : 'answer']) }));
  rooms.runner.answerOf = (id) => ({ y: stringTensor([1], [id < 0 && isTie ? 'another' : 'answer']) });
  const check = async (): Promise<void> => {
    rooms.clock.advance(100_000);
    await batchOf(2);
    await rooms.finish(5);
  };
  await check();
  expect(rooms.log.lines.map(({ level }) => level)).toEqual(['warn']);
  isTie = false;
  for (let count = 0; count < 10; count++) await check();
  isTie = true;
  await check();
  expect(rooms.batching.report('small')).toMatchObject({ on: true });
  await check();
  expect(rooms.batching.report('small')).toMatchObject({ on: false });
  expect(rooms.log.lines.map(({ level }) => level)).toEqual(['warn', 'warn', 'error']);
  expect(checked().filter(([, isMismatch]) => isMismatch)).toHaveLength(1);
});

test('a check that dies with its runner, or before it began, is over, and the next batch is joined', async () => {
  await batchOf(2);
  rooms.runner.die();
  await rooms.settle();
  expect(rooms.checks.bytes).toBe(0);
  rooms.runner.load();
  await rooms.settle();
  expect(rooms.runner.present).toBeUndefined();
  const batch = await batchOf(3);
  expect(rooms.runner.runs.some(({ ids }) => ids.join() === batch.join())).toBe(true);
  expect(checked()).toEqual([]);
});
