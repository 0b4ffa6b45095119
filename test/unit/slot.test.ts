// Whether anyone may run, and what is told to the runner ahead of time: also where messages cross.

import { describe, expect, test } from '@jest/globals';
import { outputsOf } from '../support/fake-runner.js';
import { batchableModel } from '../support/predictions.js';
import { openRooms, turn } from '../support/rooms.js';

const failureOf = async (prediction: { settlement: Promise<unknown> }) =>
  ((await prediction.settlement) as { error: { code: string; message: string; retryable: boolean } }).error;

describe('one run after the other', () => {
  test('whoever comes to an idle slot runs at once', async () => {
    const rooms = await openRooms();
    const one = rooms.come();
    expect(rooms.runner.told).toEqual([`stage ${one.id}`, `plan ${one.id}`]);
    expect(one.phase).toBe('queued');
    await rooms.settle();
    expect(one.phase).toBe('running');
    await rooms.finish();
    expect(await one.settlement).toEqual({ kind: 'completed', outputs: outputsOf(one.id) });
    expect([rooms.slot.run, rooms.slot.staged, rooms.queue.running]).toEqual([undefined, 0, 0]);
  });

  test('the others wait, and the next is staged ahead', async () => {
    const rooms = await openRooms();
    const [one, two, three] = [rooms.come(), rooms.come(), rooms.come()];
    await rooms.settle();
    expect(rooms.running).toEqual([one.id]);
    expect(rooms.line).toEqual([two.id, three.id]);
    expect([...rooms.runner.staged.keys()]).toEqual([two.id]);
    await rooms.finish();
    expect(rooms.running).toEqual([two.id]);
    expect([...rooms.runner.staged.keys()]).toEqual([three.id]);
    await rooms.finish();
    await rooms.finish();
    expect(rooms.runner.runs.map(({ ids }) => ids)).toEqual([[one.id], [two.id], [three.id]]);
    expect(rooms.clock.pending).toBe(0);
  });

  test('an answer that comes while the runner has nothing staged is followed by the next in line', async () => {
    const rooms = await openRooms();
    const one = rooms.come();
    await rooms.settle();
    rooms.runner.finish();
    // Comes after the end of the run, but before the server has heard of it.
    const two = rooms.come();
    await rooms.settle();
    expect(one.outcome).toBe('completed');
    expect(rooms.running).toEqual([two.id]);
    expect(rooms.queue.running).toBe(1);
  });

  test('an error of the model is for its own caller', async () => {
    const rooms = await openRooms();
    const [one, two] = [rooms.come(), rooms.come()];
    await rooms.settle();
    rooms.runner.finish(new Map([[one.id, 'bad shape']]));
    await rooms.settle();
    const { code, message, retryable } = await failureOf(one);
    expect([code, message, retryable]).toEqual(['run_failed', 'bad shape', false]);
    expect(rooms.running).toEqual([two.id]);
  });

  test('a run teaches how long its like takes; one that failed does not', async () => {
    const rooms = await openRooms();
    const one = rooms.come();
    await rooms.settle();
    await rooms.finish(70);
    expect(rooms.estimator.typical('m')?.meanMs).toBe(70);
    const two = rooms.come();
    await rooms.settle();
    rooms.clock.advance(500);
    rooms.runner.finish(new Map([[two.id, 'no']]));
    await rooms.settle();
    expect(rooms.estimator.typical('m')?.meanMs).toBe(70);
    expect([one.times.run, two.times.run]).toEqual([70, 500]);
  });

  test('the time for which the slot stood idle while one waited is told, and the busy time counted', async () => {
    const rooms = await openRooms();
    rooms.come();
    rooms.clock.advance(3);
    await rooms.settle();
    rooms.come();
    await rooms.settle();
    await rooms.finish(40);
    expect(rooms.observer.of('runStarted')).toEqual([
      ['m', 1, 0.003],
      ['m', 1, 0],
    ]);
    expect(rooms.busyMeter.totalSeconds).toBeCloseTo(0.04, 9);
    await rooms.finish(10);
    rooms.clock.advance(100);
    expect(rooms.busyMeter.totalSeconds).toBeCloseTo(0.05, 9);
  });
});

describe('short runs', () => {
  test('are planned several ahead, and follow each other without a word from the server', async () => {
    const rooms = await openRooms();
    rooms.estimator.observe('m', { elements: 1 }, 2);
    const all = [rooms.come(), rooms.come(), rooms.come(), rooms.come()];
    await rooms.settle();
    expect(rooms.runner.told.at(-1)).toBe(
      `plan ${all
        .slice(1)
        .map(({ id }) => id)
        .join(' ')}`,
    );
    rooms.clock.advance(2);
    rooms.runner.finish();
    rooms.clock.advance(2);
    rooms.runner.finish();
    rooms.runner.hear();
    expect(all.map(({ phase }) => phase)).toEqual(['sending', 'sending', 'running', 'queued']);
    await rooms.finish();
    await rooms.finish();
    expect(rooms.runner.runs.map(({ ids }) => ids)).toEqual(all.map(({ id }) => [id]));
    expect(rooms.clock.pending).toBe(0);
  });

  test('that are planned are overtaken by one more urgent, and one who leaves is not run', async () => {
    const rooms = await openRooms();
    rooms.estimator.observe('m', { elements: 1 }, 2);
    const [one, two, three] = [rooms.come(), rooms.come(), rooms.come()];
    await rooms.settle();
    const urgent = rooms.come({ urgency: 0 });
    two.leave();
    await rooms.settle();
    for (let run = 0; run < 3; run++) await rooms.finish();
    expect(rooms.runner.runs.map(({ ids }) => ids)).toEqual([[one.id], [urgent.id], [three.id]]);
  });
});

describe('one who leaves', () => {
  test('while queued never reaches the runner', async () => {
    const rooms = await openRooms();
    const [one, two, three] = [rooms.come(), rooms.come(), rooms.come()];
    await rooms.settle();
    three.leave();
    expect(rooms.line).toEqual([two.id]);
    await rooms.finish();
    await rooms.finish();
    expect(rooms.runner.runs.map(({ ids }) => ids)).toEqual([[one.id], [two.id]]);
    expect(rooms.runner.told).not.toContain(`stage ${three.id}`);
  });

  test('while staged is dropped, and the runner is told first who runs instead', async () => {
    const rooms = await openRooms();
    const [, two, three] = [rooms.come(), rooms.come(), rooms.come()];
    await rooms.settle();
    const before = rooms.runner.told.length;
    two.leave();
    expect(rooms.runner.told.slice(before)).toEqual([
      `stage ${three.id}`,
      `plan ${three.id}`,
      `drop ${two.id}`,
    ]);
    await rooms.finish();
    expect(rooms.running).toEqual([three.id]);
    expect([...rooms.runner.staged.keys()]).toEqual([]);
  });

  test('between being taken and being begun frees the slot for the next', async () => {
    const rooms = await openRooms();
    const one = rooms.come();
    const two = rooms.come();
    one.leave();
    expect(rooms.ledger.open).toEqual([two]);
    await rooms.settle();
    expect(rooms.running).toEqual([two.id]);
    expect(rooms.runner.runs.map(({ ids }) => ids)).toEqual([[two.id]]);
    expect(rooms.queue.running).toBe(1);
  });

  test('while running keeps the slot until the run has ended', async () => {
    const rooms = await openRooms();
    const [one, two] = [rooms.come(), rooms.come()];
    await rooms.settle();
    one.leave();
    await rooms.settle();
    expect([one.outcome, one.phase]).toEqual(['cancelled', 'running']);
    expect(rooms.running).toEqual([one.id]);
    expect(two.phase).toBe('queued');
    await rooms.finish();
    expect(one.phase).toBe('over');
    expect(rooms.running).toEqual([two.id]);
    expect(rooms.settled.filter(({ prediction }) => prediction === one)).toHaveLength(1);
  });

  test('as its run begins counts as a run on nobody', async () => {
    const rooms = await openRooms();
    const one = rooms.come();
    rooms.runner.read();
    one.leave();
    await rooms.settle();
    expect(one.phase).toBe('over');
    expect(rooms.running).toEqual([]);
    expect(rooms.slot.run?.model).toBe('m');
    expect(rooms.observer.of('runStarted')).toEqual([['m', 0, undefined]]);
    // Who comes now waits in line, where those of more urgency can pass.
    const two = rooms.come();
    const three = rooms.come({ urgency: 0 });
    await rooms.settle();
    expect(rooms.line).toEqual([three.id, two.id]);
    await rooms.finish();
    expect(rooms.running).toEqual([three.id]);
    expect(rooms.queue.running).toBe(1);
  });

  test('as the run for which it was staged begins counts as a run on nobody too', async () => {
    const rooms = await openRooms();
    const [one, two, three] = [rooms.come(), rooms.come(), rooms.come()];
    await rooms.settle();
    rooms.runner.finish();
    two.leave();
    await rooms.settle();
    expect(one.outcome).toBe('completed');
    expect([two.phase, two.outcome]).toEqual(['over', 'cancelled']);
    expect([rooms.running, rooms.slot.run !== undefined]).toEqual([[], true]);
    await rooms.finish();
    expect(rooms.running).toEqual([three.id]);
    expect(rooms.runner.runs.map(({ ids }) => ids)).toEqual([[one.id], [two.id], [three.id]]);
  });

  test('a run on nobody teaches nothing, for nobody knows its size any more', async () => {
    const rooms = await openRooms();
    const one = rooms.come();
    rooms.runner.read();
    one.leave();
    await rooms.settle();
    await rooms.finish(800);
    expect(rooms.estimator.typical('m')).toBeUndefined();
  });
});

describe('one who is overtaken', () => {
  test('while staged does not run before its turn, and is not staged again when that comes', async () => {
    const rooms = await openRooms();
    const [one, two] = [rooms.come(), rooms.come()];
    await rooms.settle();
    const urgent = rooms.come({ urgency: 0 });
    await rooms.settle();
    expect(rooms.runner.told.slice(-2)).toEqual([`stage ${urgent.id}`, `plan ${urgent.id}`]);
    await rooms.finish();
    expect(rooms.running).toEqual([urgent.id]);
    await rooms.finish();
    expect(rooms.runner.runs.map(({ ids }) => ids)).toEqual([[one.id], [urgent.id], [two.id]]);
    expect(rooms.runner.violations).toEqual([]);
  });

  test('as its run begins runs once, and whoever overtook it is next', async () => {
    const rooms = await openRooms();
    const [one, two] = [rooms.come(), rooms.come()];
    await rooms.settle();
    rooms.runner.finish();
    const urgent = rooms.come({ urgency: 0 });
    await turn();
    await rooms.settle();
    expect(rooms.running).toEqual([two.id]);
    await rooms.finish();
    await rooms.finish();
    expect(rooms.runner.runs.map(({ ids }) => ids)).toEqual([[one.id], [two.id], [urgent.id]]);
    expect(rooms.ledger.open).toEqual([]);
  });

  test('by one whom p-queue took, as the runner began it, runs once and the other goes back in line', async () => {
    const rooms = await openRooms();
    const [one, two] = [rooms.come(), rooms.come()];
    // The runner is told of two just too late to go on with it by itself.
    rooms.runner.read();
    rooms.runner.hear();
    await turn();
    rooms.runner.finish();
    rooms.runner.hear();
    rooms.runner.read();
    // The server knows that one has ended, and not that two has begun.
    const urgent = rooms.come({ urgency: 0 });
    await turn();
    expect(rooms.line).toEqual([two.id]);
    rooms.runner.hear();
    expect(rooms.running).toEqual([two.id]);
    const mostUrgent = rooms.come({ urgency: 0 });
    expect(rooms.line).toEqual([urgent.id, mostUrgent.id]);
    await rooms.settle();
    expect(rooms.queue.running).toBe(1);
    await rooms.finish();
    await rooms.finish();
    await rooms.finish();
    const order = [one, two, urgent, mostUrgent].map(({ id }) => [id]);
    expect(rooms.runner.runs.map(({ ids }) => ids)).toEqual(order);
    expect(rooms.ledger.open).toEqual([]);
  });

  test('by age, while nobody comes or goes, gives up its staged place', async () => {
    const rooms = await openRooms({ ageMs: 1_000 });
    rooms.come();
    await rooms.settle();
    const old = rooms.come({ urgency: 4 });
    rooms.clock.advance(900);
    const young = rooms.come({ urgency: 3 });
    await rooms.settle();
    expect(rooms.line).toEqual([young.id, old.id]);
    rooms.clock.advance(100);
    expect(rooms.line).toEqual([old.id, young.id]);
    await rooms.finish();
    expect(rooms.running).toEqual([old.id]);
  });
});

describe('a batch', () => {
  const b = batchableModel('b', 4);

  test('is made of those who wait, and each gets its own answer or error', async () => {
    const rooms = await openRooms({ models: [b] });
    const first = rooms.come();
    await rooms.settle();
    const [two, three, four] = [rooms.come(), rooms.come(), rooms.come()];
    await rooms.settle();
    await rooms.finish();
    expect(rooms.running).toEqual([two.id, three.id, four.id]);
    expect(rooms.queue.running).toBe(3);
    rooms.runner.finish(new Map([[three.id, 'bad input']]));
    await rooms.settle();
    expect([first, two, three, four].map(({ outcome }) => outcome)).toEqual([
      'completed',
      'completed',
      'failed',
      'completed',
    ]);
    expect(await four.settlement).toEqual({ kind: 'completed', outputs: outputsOf(four.id) });
    expect(rooms.observer.of('runStarted').map(([, size]) => size)).toEqual([1, 3]);
  });

  test('goes on for the others when one leaves', async () => {
    const rooms = await openRooms({ models: [b] });
    rooms.come();
    await rooms.settle();
    const [two, three] = [rooms.come(), rooms.come()];
    await rooms.settle();
    await rooms.finish();
    two.leave();
    expect(rooms.running).toEqual([two.id, three.id]);
    rooms.clock.advance(60_000);
    expect(rooms.runner.killReason).toBeUndefined();
    await rooms.finish();
    expect([two.outcome, three.outcome]).toEqual(['cancelled', 'completed']);
  });

  test('is told anew when one leaves before it has begun', async () => {
    const rooms = await openRooms({ models: [b] });
    rooms.come();
    await rooms.settle();
    const [two, three] = [rooms.come(), rooms.come()];
    await rooms.settle();
    two.leave();
    expect(rooms.runner.told.slice(-2)).toEqual([`plan ${three.id}`, `drop ${two.id}`]);
    await rooms.finish();
    expect(rooms.running).toEqual([three.id]);
  });

  test('that began just as one left is for those who stayed', async () => {
    const rooms = await openRooms({ models: [b] });
    rooms.come();
    await rooms.settle();
    const [two, three] = [rooms.come(), rooms.come()];
    await rooms.settle();
    rooms.runner.finish();
    two.leave();
    await rooms.settle();
    expect(rooms.running).toEqual([three.id]);
    await rooms.finish();
    expect([two.outcome, three.outcome]).toEqual(['cancelled', 'completed']);
  });

  test('that began as p-queue took a larger one leaves the rest in line', async () => {
    const rooms = await openRooms({ models: [b] });
    const one = rooms.come();
    const two = rooms.come();
    rooms.runner.read();
    rooms.runner.hear();
    await turn();
    rooms.runner.finish();
    rooms.runner.hear();
    rooms.runner.read();
    const three = rooms.come();
    await turn();
    expect(rooms.queue.running).toBe(2);
    rooms.runner.hear();
    await rooms.settle();
    expect(rooms.running).toEqual([two.id]);
    expect(rooms.line).toEqual([three.id]);
    await rooms.finish();
    await rooms.finish();
    expect([one, two, three].map(({ outcome }) => outcome)).toEqual(['completed', 'completed', 'completed']);
    expect(rooms.runner.violations).toEqual([]);
  });

  test('shrinks when the present run goes on for so long that it would break a deadline', async () => {
    const rooms = await openRooms({ models: [b] });
    rooms.teach(100);
    rooms.teach(180, { rows: 2 });
    rooms.come();
    await rooms.settle();
    const [two, three] = [rooms.come({ patienceMs: 350 }), rooms.come()];
    await rooms.settle();
    expect(rooms.runner.told.at(-1)).toBe(`plan ${two.id},${three.id}`);
    rooms.clock.advance(169);
    expect(rooms.runner.told.at(-1)).toBe(`plan ${two.id},${three.id}`);
    rooms.clock.advance(1);
    expect(rooms.runner.told.at(-1)).toBe(`plan ${two.id}`);
    await rooms.finish();
    expect(rooms.running).toEqual([two.id]);
    await rooms.finish(100);
    expect(two.outcome).toBe('completed');
  });
});

describe('deadlines', () => {
  test('one that passes in the queue takes the prediction out', async () => {
    const rooms = await openRooms();
    rooms.come();
    await rooms.settle();
    const two = rooms.come({ patienceMs: 500 });
    await rooms.settle();
    rooms.clock.advance(500);
    expect((await failureOf(two)).code).toBe('expired_in_queue');
    await rooms.finish();
    expect(rooms.runner.runs).toHaveLength(1);
    expect(rooms.runner.staged.size).toBe(0);
  });

  test('one that passes during the run settles the answer, and not the slot', async () => {
    const rooms = await openRooms();
    const one = rooms.come({ patienceMs: 500 });
    await rooms.settle();
    rooms.clock.advance(500);
    expect((await failureOf(one)).code).toBe('deadline_exceeded');
    expect(rooms.running).toEqual([one.id]);
  });

  test('whoever could not end in time any more is out before its deadline', async () => {
    const rooms = await openRooms();
    rooms.teach(300);
    rooms.come();
    await rooms.settle();
    const two = rooms.come({ patienceMs: 1_000 });
    await rooms.settle();
    rooms.clock.advance(699);
    expect(two.phase).toBe('queued');
    rooms.clock.advance(1);
    const { code, message } = await failureOf(two);
    expect(code).toBe('expired_in_queue');
    expect(message).toBe(
      'it waited 0.700 s of the 1.000 s that its caller has, and its run would take 0.300 s; it never ran',
    );
  });

  test('are looked at again when the turn comes: timers may be late', async () => {
    const rooms = await openRooms();
    rooms.come();
    await rooms.settle();
    const two = rooms.come({ patienceMs: 500 });
    const three = rooms.come();
    // The run ends after the deadline of two, and is heard of before any timer fires.
    rooms.runner.finish();
    rooms.clock.jump(600);
    await rooms.settle();
    expect((await failureOf(two)).code).toBe('expired_in_queue');
    expect(rooms.running).toEqual([three.id]);
    expect(rooms.runner.told).not.toContain(`stage ${two.id}`);
  });

  test('are looked at again with what has been learned since', async () => {
    const rooms = await openRooms();
    rooms.come();
    await rooms.settle();
    rooms.clock.advance(800);
    const two = rooms.come({ patienceMs: 500 });
    // Ended before the runner has read of two; until it is heard of, nobody knows that two takes 800 ms as well.
    rooms.runner.finish();
    rooms.runner.hear();
    await turn();
    expect((await failureOf(two)).code).toBe('expired_in_queue');
    await rooms.settle();
    expect(rooms.slot.run).toBeUndefined();
  });

  test('a whole line that is late at once is cleared at once', async () => {
    const rooms = await openRooms({ limits: { queueLimit: 10_000 } });
    rooms.come();
    await rooms.settle();
    const [staged, ...late] = Array.from({ length: 1_000 }, () => rooms.come({ patienceMs: 500 }));
    await rooms.settle();
    rooms.runner.finish();
    rooms.clock.jump(600);
    const last = rooms.come();
    await rooms.settle();
    expect(late.every(({ outcome }) => outcome === 'expired')).toBe(true);
    expect(rooms.running).toEqual([staged!.id]);
    await rooms.finish();
    expect(rooms.running).toEqual([last.id]);
  });
});
