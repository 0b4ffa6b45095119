// The books: who is where, with how many bytes.

import { expect, test } from '@jest/globals';
import { Ledger } from '../../src/ledger.js';
import { ManualClock } from '../support/manual-clock.js';
import { RecordingObserver } from '../support/observers.js';
import { receiving, workFor } from '../support/predictions.js';
import { turn } from '../support/rooms.js';

function books() {
  const clock = new ManualClock();
  const observer = new RecordingObserver();
  const ledger = new Ledger(observer, clock);
  const come = (setup: { bytes?: number; client?: string } = {}) =>
    receiving({ clock, watcher: ledger, ...setup });
  const counts = () => [ledger.receiving, ledger.queued, ledger.running, ledger.open.length];
  return { clock, observer, ledger, come, counts };
}

test('count each prediction in its phase', () => {
  const { ledger, come, counts } = books();
  const [one, two] = [come(), come()];
  expect(counts()).toEqual([2, 0, 0, 2]);
  one.queued(workFor(one.model));
  expect(counts()).toEqual([1, 1, 0, 2]);
  one.started(0);
  expect(counts()).toEqual([1, 0, 1, 2]);
  one.leave();
  expect(counts()).toEqual([1, 0, 1, 2]);
  one.ended();
  expect(counts()).toEqual([1, 0, 0, 1]);
  expect(ledger.open).toEqual([two]);
  two.leave();
  expect(counts()).toEqual([0, 0, 0, 0]);
});

test('count the bytes of inputs until the run has ended, and of answers until they are handed over', () => {
  const { ledger, come } = books();
  const one = come({ bytes: 100 });
  const two = come({ bytes: 50 });
  const bytes = () => [ledger.bytes, ledger.answerBytes];
  one.resize(10);
  expect(bytes()).toEqual([60, 0]);
  two.leave();
  one.queued(workFor(one.model));
  one.started(0);
  one.complete({ y: { type: 'uint8', dims: [7], bytes: new Uint8Array(7) } });
  expect(bytes()).toEqual([10, 7]);
  one.ended();
  expect(bytes()).toEqual([0, 7]);
  one.holdAnswer(20);
  expect(bytes()).toEqual([0, 27]);
  one.answered();
  one.leave();
  expect(bytes()).toEqual([0, 0]);
});

test('count the places of each API key, receiving and queued, and forget keys that hold none', () => {
  const { ledger, come } = books();
  const one = come({ client: 'ann' });
  const two = come({ client: 'ann' });
  come({ client: 'bob' });
  come();
  expect([ledger.waitingOf('ann'), ledger.waitingOf('bob'), ledger.waitingOf('eve')]).toEqual([2, 1, 0]);
  one.queued(workFor(one.model));
  expect(ledger.waitingOf('ann')).toBe(2);
  one.started(0);
  expect(ledger.waitingOf('ann')).toBe(1);
  one.leave();
  one.ended();
  two.leave();
  expect(ledger.waitingOf('ann')).toBe(0);
});

test('tell the observer how each ended and how long it was here', () => {
  const { clock, observer, come } = books();
  const one = come();
  one.queued(workFor(one.model));
  clock.advance(1_500);
  one.leave();
  expect(observer.of('ended')).toEqual([['m', 'cancelled', 1.5]]);
});

test('tell once that one is settled, after it was moved', () => {
  const { ledger, come } = books();
  const heard: unknown[] = [];
  ledger.onSettled((prediction, phase) =>
    heard.push([prediction.id, phase, prediction.phase, ledger.queued]),
  );
  const one = come();
  one.queued(workFor(one.model));
  one.leave();
  one.leave();
  expect(heard).toEqual([[one.id, 'queued', 'over', 0]]);
});

test('are idle when the last is over, for all who wait for that', async () => {
  const { ledger, come } = books();
  await ledger.idle();
  const one = come();
  const idle: string[] = [];
  void ledger.idle().then(() => idle.push('first'));
  void ledger.idle().then(() => idle.push('second'));
  await turn();
  expect(idle).toEqual([]);
  one.leave();
  await turn();
  expect(idle).toEqual(['first', 'second']);
});
