// One prediction's life: its phases, its one settlement, its deadline.

import { describe, expect, test } from '@jest/globals';
import { ServiceError } from '../../src/errors.js';
import type { Phase, Prediction, Watcher } from '../../src/prediction.js';
import { ManualClock } from '../support/manual-clock.js';
import { type PredictionSetup, receiving, workFor } from '../support/predictions.js';

/** Writes down what a watcher is told. */
class Notes implements Watcher {
  readonly moves: (Phase | undefined)[] = [];
  readonly settlements: Phase[] = [];
  bytes = 0;

  moved({ phase, bytes }: { phase: Phase; bytes: number }, from: Phase | undefined): void {
    if (from === undefined) this.bytes += bytes;
    this.moves.push(phase);
  }

  settled(_: unknown, phase: Phase): void {
    this.settlements.push(phase);
  }

  answerGrew(): void {}

  resized(_: unknown, byBytes: number): void {
    this.bytes += byBytes;
  }
}

function born(setup: Partial<PredictionSetup> = {}) {
  const clock = new ManualClock();
  const notes = new Notes();
  const prediction = receiving({ clock, watcher: notes, ...setup });
  const work = workFor(prediction.model);
  return { clock, notes, prediction, work };
}

const error = new ServiceError('invalid_input', 'no');

describe('a life', () => {
  test('goes from receiving by queued, running and sending to over', async () => {
    const { clock, notes, prediction, work } = born();
    prediction.queued(work);
    clock.advance(20);
    prediction.started(clock.nowMs());
    prediction.complete({});
    expect(prediction.phase).toBe('running');
    prediction.ended();
    expect(prediction.phase).toBe('sending');
    prediction.answered();
    expect(notes.moves).toEqual(['receiving', 'queued', 'running', 'sending', 'over']);
    expect(notes.settlements).toEqual(['running']);
    expect(prediction.times.queue).toBe(20);
    expect(await prediction.settlement).toEqual({ kind: 'completed', outputs: {} });
    expect(prediction.outcome).toBe('completed');
  });

  test.each(['receiving', 'queued'] as const)('ends where it is settled while %s', (phase) => {
    const { notes, prediction, work } = born();
    if (phase === 'queued') prediction.queued(work);
    prediction.leave();
    expect([prediction.phase, prediction.outcome]).toEqual(['over', 'cancelled']);
    expect(notes.settlements).toEqual([phase]);
  });

  test('goes on in the slot after it is settled while it runs', () => {
    const { notes, prediction, work } = born();
    prediction.queued(work);
    prediction.started(0);
    prediction.leave();
    expect([prediction.phase, prediction.isSettled]).toEqual(['running', true]);
    prediction.ended();
    expect(notes.moves.at(-1)).toBe('over');
  });

  test.each([
    ['is completed when its answer is handed over', (one: Prediction) => one.answered(), 'completed'],
    ['is cancelled when its caller leaves before', (one: Prediction) => one.leave(), 'cancelled'],
    [
      'is what its error says when the answer can not be made',
      (one: Prediction) => one.fail(error),
      'invalid',
    ],
  ])('%s', async (_what, end, outcome) => {
    const { notes, prediction, work } = born();
    prediction.queued(work);
    prediction.started(0);
    prediction.answered();
    prediction.complete({});
    prediction.ended();
    expect(notes.moves.at(-1)).toBe('sending');
    end(prediction);
    prediction.answered();
    prediction.leave();
    expect([prediction.phase, prediction.outcome]).toEqual(['over', outcome]);
    expect(notes.moves.filter((phase) => phase === 'over')).toHaveLength(1);
    expect((await prediction.settlement).kind).toBe('completed');
  });

  test('is settled once: the first counts', async () => {
    const { notes, prediction } = born();
    prediction.fail(error);
    prediction.complete({});
    prediction.leave();
    expect(await prediction.settlement).toEqual({ kind: 'failed', error });
    expect(notes.settlements).toHaveLength(1);
    expect(prediction.outcome).toBe('invalid');
  });

  test('has no way back and no short cut', () => {
    const { prediction, work } = born();
    expect(() => prediction.started(0)).toThrow(/this is a bug/);
    prediction.queued(work);
    expect(() => prediction.queued(work)).toThrow(/this is a bug/);
    prediction.started(0);
    expect(() => prediction.ended()).toThrow(/without a settlement: this is a bug/);
  });

  test('keeps its work until it is over, and no longer', () => {
    const { prediction, work } = born();
    expect(() => prediction.work).toThrow(/not decoded/);
    prediction.queued(work);
    expect(prediction.work).toBe(work);
    prediction.leave();
    expect(() => prediction.work).toThrow();
  });

  test('tells once that its run begins', () => {
    const { prediction, work } = born();
    let begun = 0;
    prediction.onStarted(() => {
      begun += 1;
    });
    prediction.queued(work);
    expect(begun).toBe(0);
    prediction.started(0);
    expect(begun).toBe(1);
  });

  test('may change its urgency until it is queued', () => {
    const { prediction, work } = born();
    prediction.urgency = 6;
    prediction.queued(work);
    expect(prediction.urgency).toBe(6);
    expect(() => {
      prediction.urgency = 0;
    }).toThrow(/this is a bug/);
  });

  test('tells by how much the bytes it holds have changed, as long as it holds any', () => {
    const { notes, prediction } = born({ bytes: 100 });
    prediction.resize(30);
    expect([prediction.bytes, notes.bytes]).toEqual([30, 30]);
    prediction.leave();
    prediction.resize(500);
    expect(notes.bytes).toBe(30);
  });
});

describe('a deadline', () => {
  test.each(['receiving', 'queued'] as const)(
    'that passes while %s says that it never ran',
    async (phase) => {
      const { clock, prediction, work } = born({ patienceMs: 1_500 });
      if (phase === 'queued') prediction.queued(work);
      clock.advance(1_499);
      expect(prediction.isSettled).toBe(false);
      clock.advance(1);
      const settlement = await prediction.settlement;
      expect(settlement).toMatchObject({ kind: 'failed', error: { code: 'expired_in_queue' } });
      expect(prediction.outcome).toBe('expired');
      expect(clock.pending).toBe(0);
    },
  );

  test('that passes during the run says so', async () => {
    const { clock, prediction, work } = born({ patienceMs: 1_500 });
    prediction.queued(work);
    prediction.started(clock.nowMs());
    clock.advance(1_500);
    expect(await prediction.settlement).toMatchObject({
      error: { code: 'deadline_exceeded', message: 'the deadline of 1.500 s passed during the run' },
    });
    expect(prediction.phase).toBe('running');
  });

  test('passes in the queue as soon as the run could not end in time', () => {
    const { clock, prediction, work } = born({ patienceMs: 1_500 });
    prediction.estimate = { meanMs: 900, sdMs: 0, leastMs: 500 };
    prediction.queued(work);
    clock.advance(999);
    expect(prediction.phase).toBe('queued');
    clock.advance(1);
    expect(prediction.outcome).toBe('expired');
  });

  test('counts whole again once the run has begun', () => {
    const { clock, prediction, work } = born({ patienceMs: 1_500 });
    prediction.estimate = { meanMs: 500, sdMs: 0, leastMs: 500 };
    prediction.queued(work);
    clock.advance(900);
    prediction.started(clock.nowMs());
    clock.advance(599);
    expect(prediction.isSettled).toBe(false);
    clock.advance(1);
    expect(prediction.isSettled).toBe(true);
  });

  test('is the shorter of two, counted from the arrival', () => {
    const { clock, prediction } = born({ patienceMs: 1_500 });
    clock.advance(100);
    prediction.limitPatience(9_000);
    expect(prediction.deadlineMs).toBe(prediction.receivedMs + 1_500);
    prediction.limitPatience(200);
    expect(prediction.deadlineMs).toBe(prediction.receivedMs + 200);
    clock.advance(100);
    expect(prediction.outcome).toBe('expired');
  });

  test('is forgotten once there is an answer', () => {
    const { clock, prediction } = born({ patienceMs: 1_500 });
    prediction.fail(error);
    expect(clock.pending).toBe(0);
    clock.advance(9_000);
    expect(prediction.outcome).toBe('invalid');
  });

  test('makes it late from the moment at which it could not end in time', () => {
    const { prediction } = born({ patienceMs: 1_500 });
    const { receivedMs } = prediction;
    expect(prediction.isLate(receivedMs + 1_499, 0)).toBe(false);
    expect(prediction.isLate(receivedMs + 1_500, 0)).toBe(true);
    expect(prediction.isLate(receivedMs + 1_000, 500)).toBe(true);
    expect(born().prediction.isLate(1e12, 1e12)).toBe(false);
  });
});
