// Memory for answers: what the runner may send, when a run may begin, and who gives way.

import { expect, test } from '@jest/globals';
import { AnswerRoom } from '../../src/runner/answer-room.js';
import { ManualClock } from '../support/manual-clock.js';

function roomOf({ maxAnswerBytes = 25, answerBytes = 100, isWanted = (): boolean => true } = {}) {
  const clock = new ManualClock();
  const room = new AnswerRoom({ maxAnswerBytes, answerBytes, clock, isWanted });
  const told: number[] = [];
  room.runnerStarted((bytes) => told.push(bytes));
  const send = (bytes: number): void => {
    room.hold(bytes);
    room.runnerSent(bytes);
  };
  return { clock, room, told, send };
}

test('a runner is told at its start how much it may send', () => {
  const { room, told } = roomOf();
  expect(told).toEqual([100]);
  room.hold(30);
  room.runnerStarted((bytes) => told.push(bytes));
  expect(told).toEqual([100, 70]);
});

test('small answers that are taken need a word only now and then', () => {
  const { room, told, send } = roomOf({ answerBytes: 1000 });
  for (let count = 0; count < 500; count++) {
    send(1);
    room.release(1);
  }
  expect(told.length).toBeLessThan(6);
  expect(told.at(-1)! - 500).toBeGreaterThan(800);
});

test('a runner that may be held up is told of all room at once', () => {
  const { room, told, send } = roomOf();
  send(25);
  send(25);
  send(25);
  send(25);
  expect([room.hasRoom, told]).toEqual([false, [100]]);
  room.release(25);
  expect([room.hasRoom, told]).toEqual([true, [100, 125]]);
  room.release(1);
  expect(told).toEqual([100, 125]);
});

test('an answer that nobody took because its caller had left takes no room', () => {
  const { room, told } = roomOf();
  for (let count = 0; count < 8; count++) room.runnerSent(25);
  expect(told.at(-1)).toBeGreaterThanOrEqual(8 * 25 + 25);
});

test('where the largest answer is larger than all may be, one has the room for itself', () => {
  const { room } = roomOf({ maxAnswerBytes: 200 });
  expect(room.hasRoom).toBe(true);
  room.hold(1);
  expect(room.hasRoom).toBe(false);
});

test('the one that has been sent longest is given up when others have waited for it', () => {
  let isWanted = false;
  const { clock, room } = roomOf({ isWanted: () => isWanted });
  const gone: string[] = [];
  const over = room.slow(() => gone.push('first'));
  clock.advance(3000);
  room.slow(() => gone.push('second'));
  room.hold(80);
  clock.advance(20_000);
  expect(gone).toEqual([]);
  isWanted = true;
  clock.advance(500);
  expect(gone).toEqual(['first']);
  over();
  room.release(40);
  clock.advance(20_000);
  expect(gone).toEqual(['first']);
  room.release(40);
  clock.advance(1000);
  expect(clock.pending).toBe(0);
});

test('nobody is given up before some time has passed', () => {
  const { clock, room } = roomOf();
  const gone: string[] = [];
  room.slow(() => gone.push('one'));
  room.hold(80);
  clock.advance(9_000);
  expect(gone).toEqual([]);
  clock.advance(1_500);
  expect(gone).toEqual(['one']);
});
