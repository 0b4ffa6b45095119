// The laws, held against chance: thousands of steps, and after each of them the books close.

import { describe, expect, test } from '@jest/globals';
import type { Prediction } from '../../src/prediction.js';
import { brokenAgreements, brokenLaws, leftovers, Play } from '../support/play.js';
import { batchableModel, model } from '../support/predictions.js';
import { seededRandom } from '../support/random.js';
import { openRooms } from '../support/rooms.js';

const SEEDS = Array.from({ length: 10 }, (_, index) => index + 1);

/** Answers of batches that were checked, in all plays. */
let checks = 0;

describe.each(SEEDS)('by chance, seed %i', (seed) => {
  test('the laws hold at every step, and nothing is left at the end', async () => {
    const play = await Play.begin(seed);
    for (let step = 0; step < 2_000; step++) {
      await play.step();
      expect(brokenLaws(play)).toEqual([]);
      if (step % 10 === 0) expect(await brokenAgreements(play)).toEqual([]);
    }
    await play.end();
    expect(brokenLaws(play)).toEqual([]);
    expect(await leftovers(play)).toEqual([]);
    const outcomes = new Set(play.all.map(({ outcome }) => outcome));
    expect([...outcomes].sort()).toEqual(['cancelled', 'completed', 'expired', 'failed', 'refused']);
    expect(play.deaths).toBeGreaterThan(0);
    checks += play.rooms.observer.of('batchChecked').length;
  });
});

test('checks of batches were among what happened', () => {
  expect(checks).toBeGreaterThan(0);
});

const AGE_MS = 100;
const MODELS = [model('long'), batchableModel('small', 4), batchableModel('other', 3)];

/** By what the README says, and nothing else: urgency, less a level for each span waited; then arrival. */
function lineByHand(queued: readonly Prediction[], nowMs: number): Prediction[] {
  const level = ({ urgency, queuedMs }: Prediction) => urgency - Math.floor((nowMs - queuedMs) / AGE_MS);
  return [...queued].sort((a, b) => level(a) - level(b) || a.queuedMs - b.queuedMs || a.id - b.id);
}

/** Whether these make one run: the first in line, and of its kind as many as fit. */
function isNextRun(batch: readonly number[], line: readonly Prediction[]): boolean {
  const [head] = line;
  if (head === undefined) return batch.length === 0;
  const ofItsKind = line.filter(({ id, work }) => id === head.id || work.batchKey === head.work.batchKey);
  const members = ofItsKind.filter(({ id }) => batch.includes(id));
  const free = members.reduce((rows, { work }) => rows - work.rows, head.model.settings.batch?.max ?? 1);
  const left = ofItsKind.filter((each) => !members.includes(each));
  const isFull = head.work.batchKey === undefined || left.every(({ work }) => work.rows > free);
  return (
    batch[0] === head.id && members.length === batch.length && isFull && (free >= 0 || batch.length === 1)
  );
}

describe.each(SEEDS)('by chance, but with nothing left unsaid, seed %i', (seed) => {
  test('the next run is of the first in line and those who may join it', async () => {
    const rooms = await openRooms({ models: MODELS, ageMs: AGE_MS, limits: { queueLimit: 30 } });
    const random = seededRandom(seed);
    const all: Prediction[] = [];
    for (let step = 0; step < 400; step++) {
      for (let coming = random.below(4); coming > 0 && rooms.queue.queued < 25; coming--) {
        all.push(
          rooms.come({ model: random.pick(MODELS), urgency: random.below(8), rows: 1 + random.below(2) }),
        );
        if (random.unit() < 0.5) rooms.clock.advance(random.below(30));
      }
      if (random.unit() < 0.2 && all.length > 0) random.pick(all).leave();
      rooms.clock.advance(random.below(80));
      await rooms.settle();
      if (rooms.runner.present === undefined) continue;
      const line = lineByHand(
        all.filter(({ phase }) => phase === 'queued'),
        rooms.clock.nowMs(),
      );
      expect(rooms.line).toEqual(line.map(({ id }) => id));
      rooms.runner.finish();
      await rooms.settle();
      expect(isNextRun(rooms.running, line)).toBe(true);
    }
    expect(rooms.runner.runs.length).toBeGreaterThan(100);
  });
});
