// Who runs together.

import { describe, expect, test } from '@jest/globals';
import { Estimator } from '../../src/estimator/estimator.js';
import type { Prediction } from '../../src/prediction.js';
import { composeBatch } from '../../src/queue/batch.js';
import { ManualClock } from '../support/manual-clock.js';
import { batchableModel, model, type PredictionSetup, queued } from '../support/predictions.js';

const b = batchableModel('b', 4);
const other = model('other');

function lineOf() {
  const clock = new ManualClock();
  const estimator = new Estimator();
  const line: Prediction[] = [];
  const come = (setup: Partial<PredictionSetup> & { rows?: number } = {}): Prediction => {
    const { rows = 1, ...rest } = setup;
    const prediction = queued({ clock, model: b, ...rest }, { rows });
    line.push(prediction);
    return prediction;
  };
  const teach = (runMs: number, rows = 1, name = 'b') => estimator.observe(name, { elements: rows }, runMs);
  const compose = (freeInMs = 0) => composeBatch(line, { nowMs: clock.nowMs(), freeInMs, times: estimator });
  const batch = (freeInMs = 0) => compose(freeInMs).batch.map(({ id }) => id);
  return { clock, line, come, teach, compose, batch };
}

const idsOf = (...predictions: Prediction[]) => predictions.map(({ id }) => id);

describe('a batch', () => {
  test('of an empty line is empty', () => {
    expect(lineOf().batch()).toEqual([]);
  });

  test('is one where the model does not declare that it joins', () => {
    const { come, batch } = lineOf();
    const head = come({ model: other });
    come({ model: other });
    expect(batch()).toEqual(idsOf(head));
  });

  test('is one where nobody else waits: nobody waits for it to fill', () => {
    const { come, batch } = lineOf();
    const head = come();
    expect(batch()).toEqual(idsOf(head));
  });

  test('takes along those of its kind up to the maximum, past others', () => {
    const { come, batch } = lineOf();
    const one = come();
    come({ model: other });
    const [two, three, four] = [come(), come(), come()];
    come();
    expect(batch()).toEqual(idsOf(one, two, three, four));
  });

  test('counts rows, and lets a smaller one take the room that a larger one does not fit in', () => {
    const { come, batch } = lineOf();
    const one = come({ rows: 2 });
    come({ rows: 3 });
    const three = come({ rows: 2 });
    expect(batch()).toEqual(idsOf(one, three));
  });

  test('is one where the head alone has more rows than the maximum', () => {
    const { come, batch } = lineOf();
    const head = come({ rows: 9 });
    come();
    expect(batch()).toEqual(idsOf(head));
  });

  test('reads no more of a long line than it needs', () => {
    const { line, come } = lineOf();
    for (let count = 0; count < 100; count++) come();
    let read = 0;
    function* reading() {
      for (const prediction of line) {
        read += 1;
        yield prediction;
      }
    }
    composeBatch(reading(), { nowMs: 0, freeInMs: 0, times: new Estimator() });
    expect(read).toBe(4);
  });
});

describe('deadlines', () => {
  test('of the batch are kept: nobody joins who would make the run too long for another', () => {
    const { come, teach, batch } = lineOf();
    teach(100);
    teach(150, 2);
    teach(210, 4);
    const [one, two] = [come({ patienceMs: 200 }), come()];
    come();
    expect(batch()).toEqual(idsOf(one, two));
    expect(batch(40)).toEqual(idsOf(one, two));
    expect(batch(51)).toEqual(idsOf(one));
  });

  test('of the one who would join are kept too', () => {
    const { come, teach, batch } = lineOf();
    teach(100);
    teach(150, 2);
    const head = come();
    come({ patienceMs: 149 });
    expect(batch()).toEqual(idsOf(head));
  });

  test('of whoever is passed are kept, with the runs of all who are passed before it', () => {
    const { come, teach, batch } = lineOf();
    teach(100);
    teach(150, 2);
    teach(50, 1, 'other');
    const head = come();
    come({ model: other });
    come({ model: other, patienceMs: 240 });
    come();
    expect(batch()).toEqual(idsOf(head));
  });

  test('of whoever is passed let a batch be that leaves time enough', () => {
    const { come, teach, batch } = lineOf();
    teach(100);
    teach(150, 2);
    teach(50, 1, 'other');
    const head = come();
    come({ model: other, patienceMs: 200 });
    const second = come();
    expect(batch()).toEqual(idsOf(head, second));
    expect(batch(1)).toEqual(idsOf(head));
  });

  test('of whoever comes behind the batch do not matter: it only gains', () => {
    const { come, teach, batch } = lineOf();
    teach(100);
    teach(150, 2);
    const [one, two] = [come({ rows: 2 }), come({ rows: 2 })];
    come({ patienceMs: 1 });
    expect(batch()).toEqual(idsOf(one, two));
  });

  test('stop every join whose run time is unknown', () => {
    const { come, batch } = lineOf();
    const head = come({ patienceMs: 1e6 });
    come();
    expect(batch()).toEqual(idsOf(head));
  });

  test('a size that has never run counts as long as one after the other', () => {
    const { come, teach, batch } = lineOf();
    teach(100);
    const [one, two] = [come({ patienceMs: 200 }), come()];
    expect(batch()).toEqual(idsOf(one, two));
    expect(batch(1)).toEqual(idsOf(one));
  });
});

describe('the moment at which it must be composed anew', () => {
  test('is when it would become too long for the first deadline', () => {
    const { clock, come, teach, compose } = lineOf();
    teach(100);
    teach(150, 2);
    come({ patienceMs: 400 });
    come({ patienceMs: 300 });
    expect(compose().beginByMs).toBe(clock.nowMs() + 150);
  });

  test('counts those who were passed', () => {
    const { clock, come, teach, compose } = lineOf();
    teach(100);
    teach(150, 2);
    teach(50, 1, 'other');
    come();
    come({ model: other, patienceMs: 400 });
    come();
    come({ model: other, patienceMs: 201 });
    expect(compose().beginByMs).toBe(clock.nowMs() + 200);
  });

  test('never comes where nobody has a deadline, or the head is alone', () => {
    const { come, compose } = lineOf();
    come();
    come();
    expect(compose().beginByMs).toBe(Number.POSITIVE_INFINITY);
    const alone = lineOf();
    alone.come({ patienceMs: 5 });
    expect(alone.compose().beginByMs).toBe(Number.POSITIVE_INFINITY);
  });
});
