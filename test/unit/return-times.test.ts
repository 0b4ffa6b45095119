// Those who are refused together do not come back together.

import { describe, expect, test } from '@jest/globals';
import { ReturnTimes } from '../../src/admission/return-times.js';
import { ManualClock } from '../support/manual-clock.js';
import { batchableModel } from '../support/predictions.js';
import { seededRandom } from '../support/random.js';
import { playReturns } from '../support/return-play.js';
import { type Coming, openRooms, type Rooms, refusalOf } from '../support/rooms.js';

const REFUSED = 200;
const READS = ['milliseconds', 'whole seconds'] as const;

/** Runs that take up to 5 % more or less than they are known to. */
const about = (ms: number) => {
  const random = seededRandom(3);
  return () => ms * (0.95 + 0.1 * random.unit());
};

/** One runs, and the queue is full. */
async function fullRooms(options: { queueLimit: number; runMs?: number; free?: number }): Promise<Rooms> {
  const { queueLimit, runMs, free = 0 } = options;
  const rooms = await openRooms({ limits: { queueLimit } });
  if (runMs !== undefined) rooms.teach(runMs);
  rooms.come();
  await rooms.settle();
  for (let place = free; place < queueLimit; place++) rooms.come();
  await rooms.settle();
  return rooms;
}

const told = (rooms: Rooms, coming?: Coming): number =>
  refusalOf(() => rooms.come(coming)).details.retryAfterMs!;

describe.each(READS)('200 refused at once who obey, and read %s,', (reads) => {
  const runs = [5, 50, 500, 5_000, 660_000].flatMap((runMs) =>
    [1, 8, 64].map((queueLimit) => [runMs, queueLimit]),
  );

  test.each(runs)('find a place when they come back: runs of %d ms, %d places', async (runMs, queueLimit) => {
    const rooms = await openRooms({ limits: { queueLimit } });
    rooms.teach(runMs);
    const callers = REFUSED + queueLimit + 1;
    const played = await playReturns({ rooms, callers, runMs: about(runMs), reads });
    expect(played.refused).toBeGreaterThanOrEqual(REFUSED);
    expect(played.refusedAgain).toBeLessThanOrEqual(played.refused / 10);
  });

  test('find a place where nothing is known of their runs, and these are short', async () => {
    const rooms = await openRooms({ limits: { queueLimit: 8 } });
    const played = await playReturns({ rooms, callers: REFUSED + 9, runMs: about(5), reads });
    expect(played.refused).toBeGreaterThanOrEqual(REFUSED);
    expect(played.refusedAgain).toBeLessThanOrEqual(played.refused / 10);
  });

  test('find a place though one run in line is long and all others are short', async () => {
    const rooms = await openRooms({ limits: { queueLimit: 8 } });
    rooms.teach(10);
    rooms.teach(60_000, { rows: 1024 });
    rooms.come();
    rooms.come({ rows: 1024 });
    let runs = 0;
    const runMs = () => (runs++ === 1 ? 60_000 : 10);
    const played = await playReturns({ rooms, callers: REFUSED + 7, runMs, reads });
    expect(played.refused).toBeGreaterThanOrEqual(REFUSED);
    expect(played.refusedAgain).toBeLessThanOrEqual(played.refused / 10);
  });
});

test('who shares runs is told that many places free at a time', async () => {
  const model = batchableModel('b', 8);
  const rooms = await openRooms({ limits: { queueLimit: 16 }, models: [model] });
  for (let rows = 1; rows <= 8; rows++) rooms.teach(1000, { rows });
  const played = await playReturns({ rooms, callers: 81, runMs: () => 1000, reads: 'milliseconds' });
  expect(played.refused).toBeGreaterThan(60);
  expect(played.refusedAgain).toBeLessThanOrEqual(played.refused / 10);
  expect(Math.max(...played.toldMs)).toBeLessThan(15_000);
});

describe('one who is refused', () => {
  test('alone is told when the present run ends, and not much later', async () => {
    const rooms = await fullRooms({ queueLimit: 8, runMs: 5_000 });
    rooms.clock.advance(2_000);
    const ms = told(rooms);
    expect(ms).toBeGreaterThanOrEqual(3_000);
    expect(ms).toBeLessThanOrEqual(3_500);
  });

  test('after all others is told the first place that is not theirs', async () => {
    const rooms = await fullRooms({ queueLimit: 4, runMs: 1_000 });
    const times = Array.from({ length: 10 }, () => told(rooms));
    expect([...times].sort((one, other) => one - other)).toEqual(times);
    times.forEach((ms, index) => {
      expect(ms).toBeGreaterThanOrEqual(1_000 * (index + 1));
      expect(ms).toBeLessThanOrEqual(1_100 * (index + 1) + 500);
    });
  });

  test('does not wait for those whose time has passed', async () => {
    const rooms = await fullRooms({ queueLimit: 4, runMs: 1_000 });
    for (let refused = 0; refused < 50; refused++) told(rooms);
    rooms.clock.advance(60_000);
    // The run is overdue by far; a place frees when it ends.
    expect(told(rooms)).toBeLessThan(10_000);
  });

  test('does not wait for those who come later than places free, because runs became shorter', async () => {
    const rooms = await fullRooms({ queueLimit: 4, runMs: 600_000 });
    for (let refused = 0; refused < 50; refused++) told(rooms);
    for (let run = 0; run < 200; run++) rooms.teach(1_000);
    await rooms.finish(1_000);
    rooms.come();
    expect(told(rooms)).toBeLessThan(3_000);
  });

  test('is asked for a second where nothing is known, and for longer the longer the unknown run goes on', async () => {
    const rooms = await fullRooms({ queueLimit: 1 });
    expect(told(rooms)).toBeLessThanOrEqual(1_500);
    rooms.clock.advance(100_000);
    const ms = told(rooms);
    expect(ms).toBeGreaterThanOrEqual(100_000);
    expect(ms).toBeLessThanOrEqual(101_000);
  });

  test('while bodies take all places and nothing runs is told a time too', async () => {
    const rooms = await openRooms({ limits: { queueLimit: 2 } });
    rooms.teach(1_000);
    // They are whole, and are being decoded.
    for (const each of [rooms.admit(), rooms.admit()]) rooms.admission.whole(each);
    expect(told(rooms)).toBeGreaterThanOrEqual(1_000);
  });
});

test('whose deadline is too near is told when the wait has shrunk for it, after those who come before', async () => {
  const rooms = await fullRooms({ queueLimit: 65, runMs: 1_000, free: 1 });
  const times = Array.from({ length: 20 }, () => told(rooms, { patienceMs: 30_000 }));
  // 65 s of waiting and 1 s of its own, times 1.2, less 30 s of patience.
  expect(times[0]).toBeGreaterThanOrEqual(49_000);
  expect(times[0]).toBeLessThanOrEqual(50_000);
  for (let index = 1; index < times.length; index++) {
    expect(times[index]! - times[index - 1]!).toBeGreaterThan(400);
  }
  expect(times.at(-1)).toBeGreaterThanOrEqual(68_000);
});

test('whose quota is used up is told its own turns, whatever others were told', async () => {
  const rooms = await openRooms();
  rooms.teach(1_000);
  const mine = { client: { name: 'mine', maxWaiting: 2 } };
  const yours = { client: { name: 'yours', maxWaiting: 1 } };
  for (const coming of [{}, {}, mine, yours, {}, mine]) {
    rooms.come(coming);
    await rooms.settle();
  }
  const times = [told(rooms, mine), told(rooms, mine), told(rooms, mine)];
  // One runs, one waits before the first of mine, three before the second.
  expect(times[0]).toBeGreaterThanOrEqual(2_000);
  expect(times[0]).toBeLessThan(3_500);
  expect(times[1]).toBeGreaterThanOrEqual(5_000);
  expect(times[1]).toBeLessThan(6_500);
  expect(times[2]).toBeGreaterThan(times[1]!);
  const ms = told(rooms, yours);
  expect(ms).toBeGreaterThanOrEqual(3_000);
  expect(ms).toBeLessThan(4_500);
});

test('who is refused for good is sent no time, and takes no place', async () => {
  const rooms = await fullRooms({ queueLimit: 4, runMs: 1_000, free: 1 });
  for (let refused = 0; refused < 20; refused++) {
    const { details } = refusalOf(() => rooms.come({ patienceMs: 10 }));
    expect(details.retryAfterMs).toBeUndefined();
  }
  rooms.come();
  expect(told(rooms)).toBeLessThan(1_600);
});

test('while it drains all are sent elsewhere, not all at the same moment', async () => {
  const rooms = await openRooms();
  rooms.admission.drain(rooms.clock.nowMs());
  const times = Array.from(
    { length: 20 },
    () => refusalOf(() => rooms.admission.open(undefined)).details.retryAfterMs!,
  );
  expect(new Set(times).size).toBeGreaterThan(10);
  expect(Math.min(...times)).toBeGreaterThanOrEqual(1_000);
  expect(Math.max(...times)).toBeLessThanOrEqual(2_000);
});

test('a hundred thousand refusals of callers who do not obey are bounded in memory, time and what they tell', () => {
  const clock = new ManualClock();
  const random = seededRandom(1);
  const returns = new ReturnTimes({ clock, random: () => random.unit() });
  let longestMs = 0;
  for (let refused = 0; refused < 100_000; refused++) {
    if (refused % 100 === 0) clock.advance(10);
    const knownMs = [clock.nowMs() + 500];
    const { afterMs, afterSeconds } = returns.next({ knownMs, paceMs: 1_000, room: 8 });
    longestMs = Math.max(longestMs, afterMs, afterSeconds * 1_000);
  }
  expect(longestMs).toBeGreaterThan(1_000_000);
  expect(longestMs).toBeLessThan(1_100_000);
});
