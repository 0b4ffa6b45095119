// The order of the line.

import { describe, expect, test } from '@jest/globals';
import type { Prediction } from '../../src/prediction.js';
import { Line } from '../../src/queue/line.js';
import { ManualClock } from '../support/manual-clock.js';
import { queued } from '../support/predictions.js';
import { seededRandom } from '../support/random.js';

const AGE_MS = 1_000;

function lineOf() {
  const clock = new ManualClock();
  let taken: readonly Prediction[] = [];
  const line: Line = new Line({
    ageMs: AGE_MS,
    nowMs: clock.nowMs,
    compose: () => [...line.inOrder()].slice(0, 1),
    onTake: (batch) => {
      taken = batch;
    },
  });
  const come = (urgency = 3): Prediction => {
    const prediction = queued({ clock, urgency });
    line.enqueue(async () => prediction.id, { prediction });
    return prediction;
  };
  const order = () => [...line.inOrder()].map(({ id }) => id);
  return { clock, line, come, order, taken: () => taken };
}

describe('the order', () => {
  test('is urgency first, then arrival', () => {
    const { clock, come, order } = lineOf();
    const late = come(7);
    const [one, two] = [come(), come()];
    clock.advance(1);
    const urgent = come(0);
    expect(order()).toEqual([urgent.id, one.id, two.id, late.id]);
  });

  test('raises whoever waits by a level each time, and at equal level the older goes first', () => {
    const { clock, come, order } = lineOf();
    const old = come(5);
    clock.advance(2 * AGE_MS - 1);
    const young = come(3);
    expect(order()).toEqual([young.id, old.id]);
    clock.advance(1);
    expect(order()).toEqual([old.id, young.id]);
  });

  test('lets nobody starve: the least urgent passes a stream of the most urgent', () => {
    const { clock, line, come, order } = lineOf();
    const least = come(7);
    for (let urgent = come(0); order()[0] !== least.id; urgent = come(0)) {
      expect(order()[0]).toBe(urgent.id);
      line.leave(urgent);
      clock.advance(100);
      if (clock.nowMs() - least.queuedMs > 7 * AGE_MS) throw new Error('it starves');
    }
    expect(clock.nowMs() - least.queuedMs).toBe(7 * AGE_MS);
  });

  test('agrees with a plain sort, whoever comes, leaves and ages', () => {
    const { clock, line, come, order } = lineOf();
    const random = seededRandom(7);
    const present = new Set<Prediction>();
    for (let step = 0; step < 600; step++) {
      present.add(come(random.below(8)));
      if (random.unit() < 0.45) {
        const leaver = random.pick([...present]);
        line.leave(leaver);
        present.delete(leaver);
      }
      clock.advance(random.below(300));
      const level = (each: Prediction) => each.urgency - Math.floor((clock.nowMs() - each.queuedMs) / AGE_MS);
      const sorted = [...present].sort(
        (a, b) => level(a) - level(b) || a.queuedMs - b.queuedMs || a.id - b.id,
      );
      expect(order()).toEqual(sorted.map(({ id }) => id));
    }
  });
});

describe('the moment at which age may change the order', () => {
  test('is when the first of an urgency gains a level', () => {
    const { clock, line, come, order } = lineOf();
    come(5);
    clock.advance(300);
    come(4);
    expect(line.holdsForMs([])).toBe(700);
    const before = order();
    clock.advance(line.holdsForMs([]) - 1);
    expect(order()).toEqual(before);
    clock.advance(1);
    expect(order()).toEqual([before[1], before[0]]);
    expect(line.holdsForMs([])).toBe(300);
  });

  test('counts whoever is looked at beside the firsts', () => {
    const { clock, line, come } = lineOf();
    come(5);
    clock.advance(100);
    const second = come(5);
    clock.advance(700);
    come(4);
    expect(line.holdsForMs([])).toBe(200);
    clock.advance(200);
    expect(line.holdsForMs([])).toBe(800);
    expect(line.holdsForMs([second])).toBe(100);
  });

  test('never comes where all have the same urgency', () => {
    const { line, come } = lineOf();
    expect(line.holdsForMs([])).toBe(Number.POSITIVE_INFINITY);
    come();
    come();
    expect(line.holdsForMs([])).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('an entry', () => {
  test('is taken by p-queue as its run is asked for, and told of as it is begun', async () => {
    const { line, come, taken } = lineOf();
    const [one, two] = [come(), come()];
    const run = line.dequeue();
    expect([line.size, line.has(one), taken()]).toEqual([1, false, []]);
    expect(await run()).toEqual([one.id]);
    expect(taken()).toEqual([one]);
    expect(line.has(two)).toBe(true);
  });

  test('that has left is not there', () => {
    const { line, come } = lineOf();
    const one = come();
    expect(line.leave(one)).toBe(true);
    expect(line.leave(one)).toBe(false);
    expect(line.size).toBe(0);
  });

  test('that comes back takes its old place', () => {
    const { clock, line, come, order } = lineOf();
    const [one, two, three] = [come(), come(), come()];
    clock.advance(10);
    void line.take([one, two])();
    for (const prediction of [two, one]) line.enqueue(async () => {}, { prediction, isBack: true });
    expect(order()).toEqual([one.id, two.id, three.id]);
    expect(line.size).toBe(3);
  });

  test('has no priority that could be set from outside', () => {
    const { line } = lineOf();
    expect(() => line.setPriority('1')).toThrow(/set when it enters/);
    expect(line.filter()).toEqual([]);
  });
});
