// What the slot makes of runners that die, hang or break, and of runs that nobody waits for any more.

import { describe, expect, test } from '@jest/globals';
import type { ServiceError } from '../../src/errors.js';
import type { Prediction } from '../../src/prediction.js';
import { batchableModel, model } from '../support/predictions.js';
import { openRooms, Rooms, turn } from '../support/rooms.js';

async function errorOf(prediction: Prediction): Promise<ServiceError> {
  const settlement = await prediction.settlement;
  if (settlement.kind !== 'failed') throw new Error(`it is ${settlement.kind}`);
  return settlement.error;
}

describe('the runner dies', () => {
  test('and costs the run that was going on, and nothing else', async () => {
    const rooms = await openRooms();
    const [one, two, three] = [rooms.come(), rooms.come(), rooms.come()];
    await rooms.settle();
    rooms.runner.die('died of SIGSEGV', false);
    const { code, message, retryable } = await errorOf(one);
    expect([code, message, retryable]).toEqual([
      'runner_crashed',
      'the runner died of SIGSEGV during this run',
      true,
    ]);
    await rooms.settle();
    expect([rooms.slot.run, rooms.line]).toEqual([undefined, [two.id, three.id]]);
    expect(rooms.runner.told.filter((each) => each.startsWith('stage'))).toHaveLength(2);
    rooms.runner.load();
    await rooms.settle();
    expect(rooms.running).toEqual([two.id]);
    await rooms.finish();
    expect(rooms.running).toEqual([three.id]);
  });

  test('after the end of a run, and before the server has heard of it: the answer is still right', async () => {
    const rooms = await openRooms();
    const [one, two] = [rooms.come(), rooms.come()];
    await rooms.settle();
    rooms.runner.finish();
    rooms.runner.die();
    expect(one.outcome).toBe('completed');
    expect((await errorOf(two)).code).toBe('runner_crashed');
  });

  test('while idle: nobody is lost, and who comes is served by the next one', async () => {
    const rooms = await openRooms();
    rooms.runner.die();
    const one = rooms.come();
    await rooms.settle();
    expect(rooms.runner.told).toEqual([]);
    rooms.runner.load();
    await rooms.settle();
    expect(rooms.running).toEqual([one.id]);
  });

  test('before it has begun with those who were taken: they are in line again, in their places', async () => {
    const rooms = await openRooms({ models: [batchableModel('b', 4), model('m')] });
    const { runner } = rooms;
    const lazy = rooms.come({ urgency: 7 });
    expect(rooms.line).toEqual([]);
    runner.die();
    const urgent = rooms.come({ urgency: 0, model: model('m') });
    const asLazy = rooms.come({ urgency: 7 });
    await rooms.settle();
    expect(rooms.line).toEqual([urgent.id, lazy.id, asLazy.id]);
    expect(rooms.queue.running).toBe(0);
    runner.load();
    await rooms.settle();
    await rooms.finish();
    expect(runner.runs.map(({ ids }) => ids)).toEqual([[urgent.id], [lazy.id, asLazy.id]]);
  });

  test('again and again just before one and the same run: that one is given up', async () => {
    const rooms = await openRooms();
    const [one, two] = [rooms.come(), rooms.come()];
    for (const deaths of [1, 2, 3]) {
      expect([deaths, one.phase]).toEqual([deaths, 'queued']);
      rooms.runner.die();
      rooms.runner.load();
      await turn();
    }
    const { code, retryable } = await errorOf(one);
    expect([code, retryable]).toEqual(['runner_crashed', false]);
    await rooms.settle();
    expect(rooms.running).toEqual([two.id]);
  });

  test('with a batch: whoever still waits is run once more, alone, and no third time', async () => {
    const rooms = await openRooms({ models: [batchableModel('b', 4)] });
    rooms.come();
    const [gone, one, two] = [rooms.come(), rooms.come(), rooms.come()];
    await rooms.settle();
    await rooms.finish();
    gone.leave();
    rooms.runner.die();
    expect([gone, one, two].map(({ phase }) => phase)).toEqual(['over', 'queued', 'queued']);
    rooms.runner.load();
    await rooms.settle();
    expect(rooms.running).toEqual([one.id]);
    rooms.runner.die();
    expect(await errorOf(one)).toMatchObject({ code: 'runner_crashed', retryable: true });
    rooms.runner.load();
    await rooms.settle();
    await rooms.finish();
    expect(two.outcome).toBe('completed');
    expect(rooms.ledger.open.filter(({ phase }) => phase !== 'sending')).toEqual([]);
    expect(rooms.queue.running).toBe(0);
  });

  test('with a batch, and the time of one is up before its next turn: it did run, and is told so', async () => {
    const rooms = await openRooms({ models: [batchableModel('b', 4)] });
    for (const rows of [1, 2, 4]) rooms.teach(1, { rows });
    rooms.come();
    const [hasty, patient] = [rooms.come({ patienceMs: 1000 }), rooms.come()];
    await rooms.settle();
    await rooms.finish();
    rooms.runner.die();
    rooms.clock.advance(1000);
    expect((await errorOf(hasty)).code).toBe('deadline_exceeded');
    rooms.runner.load();
    await rooms.settle();
    expect(rooms.running).toEqual([patient.id]);
  });

  test('time in which it loads is no busy time of the slot', async () => {
    const rooms = await openRooms();
    rooms.come();
    await rooms.settle();
    rooms.clock.advance(100);
    rooms.runner.die();
    rooms.clock.advance(1_000);
    expect(rooms.busyMeter.totalSeconds).toBeCloseTo(0.1, 9);
  });
});

describe('before the first runner has loaded', () => {
  test('whoever is in line waits', async () => {
    const rooms = new Rooms();
    const one = rooms.come();
    await rooms.settle();
    expect([one.phase, rooms.line]).toEqual(['queued', [one.id]]);
    rooms.runner.load();
    await rooms.settle();
    expect(rooms.running).toEqual([one.id]);
  });

  test('the wait is unknown; later it is what a load took last', async () => {
    const rooms = new Rooms();
    rooms.runner.loadMs = undefined;
    expect(rooms.slot.rest).toEqual({ knownMs: 0, isComplete: false });
    rooms.runner.load();
    expect(rooms.slot.rest).toEqual({ knownMs: 0, isComplete: true });
    rooms.runner.loadMs = 2_000;
    rooms.runner.die();
    rooms.clock.advance(500);
    expect(rooms.slot.rest).toEqual({ knownMs: 1_500, isComplete: true });
    rooms.clock.advance(9_000);
    expect(rooms.slot.rest).toEqual({ knownMs: 200, isComplete: true });
  });
});

describe('a run past its hard limit', () => {
  test('is ended with its runner', async () => {
    const rooms = await openRooms({ runTimeoutMs: 5_000 });
    const [one, two] = [rooms.come(), rooms.come()];
    await rooms.settle();
    rooms.clock.advance(4_999);
    expect(rooms.runner.killReason).toBeUndefined();
    rooms.clock.advance(1);
    expect(rooms.runner.killReason).toBe('run_timeout');
    // The slot is held until the process is gone.
    expect([one.phase, rooms.running]).toEqual(['running', [one.id]]);
    rooms.runner.die();
    const { code, status } = await errorOf(one);
    expect([code, status]).toEqual(['run_timeout', 504]);
    rooms.runner.load();
    await rooms.settle();
    expect(rooms.running).toEqual([two.id]);
  });

  test('has the limit that its model names', async () => {
    const rooms = await openRooms({ models: [model('m', { runTimeoutMs: 10 })], runTimeoutMs: 5_000 });
    rooms.come();
    await rooms.settle();
    rooms.clock.advance(10);
    expect(rooms.runner.killReason).toBe('run_timeout');
  });

  test('has none once it has ended', async () => {
    const rooms = await openRooms({ runTimeoutMs: 5_000 });
    rooms.come();
    await rooms.settle();
    await rooms.finish(4_999);
    rooms.clock.advance(10_000);
    expect(rooms.runner.killReason).toBeUndefined();
    expect(rooms.clock.pending).toBe(0);
  });
});

describe('a runner that was told to end', () => {
  test('still gives the answer that it has', async () => {
    const rooms = await openRooms({ runTimeoutMs: 5_000 });
    const one = rooms.come();
    await rooms.settle();
    rooms.runner.finish();
    rooms.clock.advance(5_000);
    expect(rooms.runner.killReason).toBe('run_timeout');
    rooms.runner.die();
    expect(one.outcome).toBe('completed');
  });

  test('takes nobody else down with it: whom it began with meanwhile is served by the next one', async () => {
    const rooms = await openRooms({ runTimeoutMs: 5_000 });
    const [one, two] = [rooms.come(), rooms.come()];
    await rooms.settle();
    rooms.runner.finish();
    rooms.clock.advance(5_000);
    rooms.runner.hear();
    await turn();
    expect([one.outcome, two.phase, rooms.slot.run]).toEqual(['completed', 'queued', undefined]);
    rooms.runner.die();
    expect(two.phase).toBe('queued');
    rooms.runner.load();
    await rooms.settle();
    await rooms.finish();
    expect(two.outcome).toBe('completed');
    expect(rooms.runner.violations).toEqual([]);
  });

  test('is told no more', async () => {
    const rooms = await openRooms({ runTimeoutMs: 5_000 });
    rooms.come();
    await rooms.settle();
    rooms.clock.advance(5_000);
    const told = rooms.runner.told.length;
    rooms.come();
    await rooms.settle();
    expect(rooms.runner.told).toHaveLength(told);
  });
});

describe('a device error', () => {
  test('is told to its caller as worth a retry, and the runner is replaced before the next run', async () => {
    const rooms = await openRooms();
    const [one, two] = [rooms.come(), rooms.come()];
    await rooms.settle();
    rooms.runner.finish(new Map([[one.id, 'CUDA failure 700: illegal memory access']]));
    await rooms.settle();
    const { code, retryable } = await errorOf(one);
    expect([code, retryable]).toEqual(['run_failed', true]);
    expect(rooms.runner.killReason).toBe('device_error');
    expect([rooms.slot.run, rooms.line]).toEqual([undefined, [two.id]]);
    rooms.runner.die();
    rooms.runner.load();
    await rooms.settle();
    expect(rooms.running).toEqual([two.id]);
  });
});

describe('a run that nobody waits for', () => {
  async function abandoned(runMs: number | undefined, loadMs: number) {
    const rooms = await openRooms();
    rooms.runner.loadMs = loadMs;
    if (runMs !== undefined) rooms.teach(runMs);
    const one = rooms.come();
    await rooms.settle();
    return { rooms, one };
  }

  test('is ended where its predicted rest is longer than a reload', async () => {
    const { rooms, one } = await abandoned(10_000, 1_000);
    const two = rooms.come();
    await rooms.settle();
    one.leave();
    expect(rooms.runner.killReason).toBe('cancelled');
    rooms.runner.die();
    rooms.runner.load();
    await rooms.settle();
    expect([one.outcome, rooms.running]).toEqual(['cancelled', [two.id]]);
  });

  test('goes on where it will end sooner than that', async () => {
    const { rooms, one } = await abandoned(900, 1_000);
    one.leave();
    expect(rooms.runner.killReason).toBeUndefined();
    await rooms.finish(900);
    expect(rooms.clock.pending).toBe(0);
  });

  test('is looked at again while it is overdue', async () => {
    const { rooms, one } = await abandoned(900, 1_000);
    one.leave();
    rooms.clock.advance(20_000);
    expect(rooms.runner.killReason).toBeUndefined();
    rooms.clock.advance(500);
    expect(rooms.runner.killReason).toBe('cancelled');
  });

  test('goes on where nothing like it has run: no rest is invented', async () => {
    const { rooms, one } = await abandoned(undefined, 1);
    one.leave();
    rooms.clock.advance(600_000);
    expect(rooms.runner.killReason).toBeUndefined();
  });

  test('goes on while one of its batch still waits', async () => {
    const rooms = await openRooms({ models: [batchableModel('b', 4)] });
    rooms.teach(60_000);
    rooms.come();
    const [two, three] = [rooms.come(), rooms.come()];
    await rooms.settle();
    await rooms.finish();
    two.leave();
    expect(rooms.runner.killReason).toBeUndefined();
    three.leave();
    expect(rooms.runner.killReason).toBe('cancelled');
  });

  test('because its deadline has passed is ended too', async () => {
    const { rooms } = await abandoned(10_000, 1_000);
    rooms.come({ patienceMs: 30_000 });
    await rooms.finish(100);
    rooms.clock.advance(20_000);
    expect(rooms.runner.killReason).toBeUndefined();
    rooms.clock.advance(10_000);
    expect(rooms.runner.killReason).toBe('cancelled');
  });

  test('that began as its last caller left is ended by what is usual for its model', async () => {
    const rooms = await openRooms();
    rooms.teach(10_000);
    const one = rooms.come();
    rooms.runner.read();
    one.leave();
    await rooms.settle();
    expect(rooms.runner.killReason).toBe('cancelled');
  });
});
