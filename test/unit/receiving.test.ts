// Bodies on their way: who holds places and bytes, who trickles, and who makes room for whom.

import { describe, expect, test } from '@jest/globals';
import { SWEEP_MS } from '../../src/admission/receiving.js';
import type { ErrorCode } from '../../src/errors.js';
import type { Prediction } from '../../src/prediction.js';
import { openRooms, type Rooms, refusalOf } from '../support/rooms.js';

/** What became of one whose body did not become whole. */
async function codeOf(prediction: Prediction): Promise<ErrorCode | undefined> {
  if (!prediction.isSettled) return undefined;
  const settlement = await prediction.settlement;
  return settlement.kind === 'failed' ? settlement.error.code : undefined;
}

async function messageOf(prediction: Prediction): Promise<string> {
  const settlement = await prediction.settlement;
  return settlement.kind === 'failed' ? settlement.error.message : settlement.kind;
}

/** Some of its body comes at once, and no more. */
function trickle(rooms: Rooms, bytes: number, bodyBytes: number | undefined): Prediction {
  const prediction = rooms.admit({ bodyBytes });
  rooms.admission.receiving.received(prediction, bytes);
  return prediction;
}

/** Its body comes at so many bytes a second, in steps, until it is whole or was ended. */
function send(rooms: Rooms, prediction: Prediction, { bytes, perSecond, stepMs = 50 }: Sending): void {
  for (let sent = 0; sent < bytes && !prediction.isSettled; ) {
    rooms.clock.advance(stepMs);
    const step = Math.min(bytes - sent, Math.floor((perSecond * stepMs) / 1000));
    if (!prediction.isSettled) rooms.admission.receiving.received(prediction, step);
    sent += step;
  }
}

interface Sending {
  readonly bytes: number;
  readonly perSecond: number;
  readonly stepMs?: number;
}

describe('bytes', () => {
  test('are held as they come, not as they are promised, whatever the headers say', async () => {
    const rooms = await openRooms({ limits: { queueBytes: 1000, maxBodyBytes: 1000 } });
    for (const bodyBytes of [1000, undefined, 1000, undefined]) rooms.admit({ bodyBytes });
    expect(rooms.ledger.bytes).toBe(0);
    const one = rooms.admit({ bodyBytes: 900 });
    rooms.admission.receiving.received(one, 300);
    rooms.admission.receiving.received(one, 600);
    expect(rooms.ledger.bytes).toBe(900);
    expect(rooms.enter(one).phase).toBe('queued');
  });

  test('that can not all be had are refused from the headers, if those who promised them send as they should', async () => {
    const rooms = await openRooms({ limits: { queueBytes: 100_000 } });
    const first = trickle(rooms, 30_000, 60_000);
    expect(refusalOf(() => rooms.admit({ bodyBytes: 60_000 }))).toMatchObject({
      code: 'queue_bytes_full',
      message: '60000 bytes do not fit beside 60000 of 100000 held or promised',
      retryable: true,
    });
    // A small one needs little, and its place is found when it comes.
    expect(rooms.come({ bodyBytes: 300 }).phase).not.toBe('over');
    rooms.clock.advance(35_000);
    expect(first.isSettled).toBe(true);
    expect(rooms.admit({ bodyBytes: 60_000 }).phase).toBe('receiving');
  });

  test('that were promised by one who is late are anybody’s', async () => {
    const rooms = await openRooms({ limits: { queueBytes: 100_000 } });
    trickle(rooms, 1, 90_000);
    rooms.clock.advance(1);
    expect(rooms.admit({ bodyBytes: 90_000 }).phase).toBe('receiving');
  });

  test('of one body that is more than all are refused for good', async () => {
    const rooms = await openRooms({ limits: { queueBytes: 1000, maxBodyBytes: 10_000 } });
    expect(refusalOf(() => rooms.admit({ bodyBytes: 1001 }))).toMatchObject({
      code: 'queue_bytes_full',
      retryable: false,
    });
    const chunked = rooms.admit({ bodyBytes: undefined });
    rooms.admission.receiving.received(chunked, 900);
    expect(refusalOf(() => rooms.admission.receiving.received(chunked, 101))).toMatchObject({
      code: 'queue_bytes_full',
      message: expect.stringContaining('1001 bytes never fit'),
      retryable: false,
    });
  });

  test('that run out go to the body that is nearest to its end: large ones do not keep each other from ending', async () => {
    const rooms = await openRooms({ limits: { queueBytes: 1000, maxBodyBytes: 1000 } });
    // Chunked bodies promise nothing, so all of them are let in.
    const all = Array.from({ length: 4 }, () => rooms.admit({ bodyBytes: undefined }));
    for (let round = 0; round < 9; round++) {
      for (const [index, each] of all.entries()) {
        if (!each.isSettled)
          refusalOrNothing(() => rooms.admission.receiving.received(each, 100 - index), each);
      }
    }
    expect(await Promise.all(all.map(codeOf))).toEqual([undefined, ...Array(3).fill('queue_bytes_full')]);
    expect(all[0]!.bytes).toBe(900);
  });

  test('are not taken by one that has just begun from one that is further', async () => {
    const rooms = await openRooms({ limits: { queueBytes: 1000, maxBodyBytes: 1000 } });
    const further = trickle(rooms, 900, undefined);
    const newcomer = rooms.admit({ bodyBytes: undefined });
    expect(refusalOf(() => rooms.admission.receiving.received(newcomer, 200)).code).toBe('queue_bytes_full');
    expect(further.isSettled).toBe(false);
  });

  test('are made free by whoever is late before anyone who is not', async () => {
    const rooms = await openRooms({ limits: { queueBytes: 1000, maxBodyBytes: 1000 } });
    const late = trickle(rooms, 500, 501);
    rooms.clock.advance(600);
    const fast = trickle(rooms, 450, 1000);
    rooms.admission.receiving.received(fast, 100);
    expect(await codeOf(late)).toBe('queue_bytes_full');
    expect(await codeOf(fast)).toBe(undefined);
  });

  test('of a body that is whole go before those of bodies that are not', async () => {
    const rooms = await openRooms({ limits: { queueBytes: 1000, maxBodyBytes: 2000 } });
    const uploads = [trickle(rooms, 500, undefined), trickle(rooms, 400, undefined)];
    const small = trickle(rooms, 4, 4);
    rooms.admission.whole(small);
    // It grows as it is decoded.
    rooms.admission.receiving.grow(small, 200);
    expect(await Promise.all(uploads.map(codeOf))).toEqual([undefined, 'queue_bytes_full']);
    expect(await messageOf(uploads[1]!)).toContain('of which 400 had come, was the furthest from its end');
    expect(rooms.ledger.bytes).toBe(704);
  });

  test('that those hold who wait are taken from nobody', async () => {
    const rooms = await openRooms({ limits: { queueBytes: 1000, maxBodyBytes: 1000 } });
    rooms.come();
    const waiting = rooms.enter(rooms.admit(), { rows: 200 });
    const upload = rooms.admit({ bodyBytes: 190 });
    rooms.admission.receiving.received(upload, 150);
    expect(refusalOf(() => rooms.admission.receiving.received(upload, 60)).code).toBe('queue_bytes_full');
    expect(waiting.phase).toBe('queued');
  });
});

function refusalOrNothing(act: () => void, prediction: Prediction): void {
  try {
    act();
  } catch (refusal) {
    prediction.fail(refusal as never);
  }
}

describe('places in the queue', () => {
  test('are for those who wait: bodies on their way take none', async () => {
    const rooms = await openRooms({ limits: { queueLimit: 3 } });
    for (let count = 0; count < 64; count++) trickle(rooms, 1, 100);
    rooms.come();
    await rooms.settle();
    const waiting = Array.from({ length: 3 }, () => rooms.come());
    await rooms.settle();
    expect(waiting.map(({ phase }) => phase)).toEqual(Array(3).fill('queued'));
    expect(refusalOf(() => rooms.admit())).toMatchObject({
      code: 'queue_full',
      message: '3 of 3 places are taken (--queue-limit)',
    });
  });

  test('are taken by bodies that are whole and not decoded yet, and refused before they are decoded', async () => {
    const rooms = await openRooms({ limits: { queueLimit: 2 } });
    const [one, two, three] = [rooms.admit(), rooms.admit(), rooms.admit()] as const;
    for (const each of [one, two]) rooms.admission.whole(each);
    expect(refusalOf(() => rooms.admission.whole(three)).code).toBe('queue_full');
    three.leave();
    expect(refusalOf(() => rooms.admit()).code).toBe('queue_full');
    two.leave();
    expect(rooms.come().phase).not.toBe('over');
  });
});

describe('a body that trickles', () => {
  test('is ended once it is further behind the lowest rate than the grace, with the rate and the cure', async () => {
    const rooms = await openRooms({ limits: { minUploadRate: 1000, uploadGraceMs: 5000 } });
    const idle = rooms.admit({ bodyBytes: undefined });
    const slow = rooms.admit({ bodyBytes: 90_000 });
    const steady = rooms.admit({ bodyBytes: undefined });
    for (let second = 0; second < 8; second++) {
      for (const [each, bytes] of [
        [slow, 400],
        [steady, 1000],
      ] as const) {
        if (!each.isSettled) rooms.admission.receiving.received(each, bytes);
      }
      rooms.clock.advance(1000);
      if (second === 4) expect(await codeOf(idle)).toBe('upload_timeout');
    }
    rooms.clock.advance(1000);
    expect([await codeOf(slow), await codeOf(steady)]).toEqual(['upload_timeout', undefined]);
    expect(await messageOf(idle)).toBe(
      'the body came too slowly: 0 bytes in 5.000 s, slower than the 1000 bytes a second that are needed; send it over a faster connection, or lower --min-upload-rate',
    );
  });

  test('is let be where there is no lowest rate, until --upload-timeout', async () => {
    const rooms = await openRooms({ limits: { minUploadRate: 0, uploadTimeoutMs: 20_000 } });
    const idle = rooms.admit({ bodyBytes: undefined });
    rooms.clock.advance(19_900);
    expect(idle.isSettled).toBe(false);
    rooms.clock.advance(SWEEP_MS);
    expect(await messageOf(idle)).toContain('did not arrive within 20 s; 0 bytes came');
  });

  test('leaves no timer behind, nor does a body that came', async () => {
    const rooms = await openRooms();
    rooms.admission.whole(rooms.admit());
    const idle = rooms.admit();
    rooms.clock.advance(10_000);
    expect(idle.isSettled).toBe(true);
    expect(rooms.clock.pending).toBe(0);
  });
});

describe('where as many bodies arrive as may', () => {
  test('the one that is latest makes room, and is told why', async () => {
    const rooms = await openRooms({ limits: { uploadLimit: 3 } });
    const all = [trickle(rooms, 500, 1000), trickle(rooms, 1, 1000), trickle(rooms, 50, 1000)];
    rooms.clock.advance(400);
    const newcomer = trickle(rooms, 900, 1000);
    rooms.clock.advance(2 * SWEEP_MS);
    expect(await Promise.all(all.map(codeOf))).toEqual([undefined, 'uploads_full', undefined]);
    expect(newcomer.phase).toBe('receiving');
    expect(await messageOf(all[1]!)).toBe(
      '3 bodies may arrive at once (--upload-limit), and this one was among the slowest or newest: 1 bytes in 0.500 s',
    );
  });

  test('and none is late, a newcomer’s body that is whole at once is taken, and another is refused after a moment', async () => {
    const rooms = await openRooms({ limits: { uploadLimit: 2 } });
    const all = [trickle(rooms, 9000, 10_000), trickle(rooms, 9000, 10_000)];
    const quick = rooms.admit();
    rooms.admission.receiving.received(quick, 4);
    const slow = trickle(rooms, 800, 1000);
    expect(rooms.enter(quick).phase).toBe('queued');
    rooms.clock.advance(2 * SWEEP_MS);
    expect(await Promise.all([...all, slow].map(codeOf))).toEqual([undefined, undefined, 'uploads_full']);
  });

  test('thousands who send a byte and come again do not keep out one who sends steadily', async () => {
    const rooms = await openRooms({ limits: { uploadLimit: 64, queueBytes: 1e9, maxBodyBytes: 1e8 } });
    const attack = () => trickle(rooms, 1, 1e7);
    for (let count = 0; count < 1000; count++) attack();
    const honest = rooms.admit({ bodyBytes: 10_000_000 });
    // Its first bytes come 60 ms after its headers; meanwhile and later two attackers come each ms.
    for (let ms = 1; ms <= 10_000 && !honest.isSettled; ms++) {
      rooms.clock.advance(1);
      attack();
      attack();
      if (ms % 60 === 0) rooms.admission.receiving.received(honest, 60_000);
    }
    expect(await codeOf(honest)).toBe(undefined);
    expect(rooms.enter(honest).phase).toBe('queued');
    expect(rooms.come().phase).toBe('queued');
    rooms.clock.advance(2 * SWEEP_MS);
    expect(rooms.admission.receiving.count).toBeLessThanOrEqual(64);
  });

  test('those who send steadily over a slow line are not ended by those who come', async () => {
    const rooms = await openRooms({ limits: { uploadLimit: 8 } });
    const honest = rooms.admit({ bodyBytes: 60_000 });
    send(rooms, honest, { bytes: 20_000, perSecond: 2000 });
    for (let count = 0; count < 100; count++) trickle(rooms, 1, undefined);
    send(rooms, honest, { bytes: 40_000, perSecond: 2000 });
    expect(honest.isSettled).toBe(false);
  });
});
