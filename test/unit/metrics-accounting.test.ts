// Law 3 on the page: received = ended + receiving + queued + running + sending, whatever happens while it is made.

import { expect, test } from '@jest/globals';
import type { Outcome } from '../../src/errors.js';
import { OUTCOMES } from '../../src/metrics/definitions.js';
import { createMetrics } from '../../src/metrics/metrics.js';
import type { Observer } from '../../src/observer.js';
import { type MetricsPage, readMetricsPage, sampleValue, sumOf } from '../support/prometheus-text.js';
import { snapshotOf } from '../support/snapshots.js';

type Counts = Record<'receiving' | 'queued' | 'running' | 'sending', number>;

/** A server boiled down to its books: each step moves one prediction and tells the observer in the same moment. */
class Books {
  steps = 0;
  observer: Observer | undefined;
  readonly #counts: Counts = { receiving: 0, queued: 0, running: 0, sending: 0 };
  #seed = 1;

  snapshot = () => snapshotOf({ ...this.#counts });

  step(): void {
    this.steps += 1;
    const counts = this.#counts;
    const dice = this.#random(9);
    if (dice < 3) this.#receive();
    else if (dice < 5 && counts.receiving > 0) this.#move('receiving', 'queued');
    else if (dice < 6 && counts.queued > 0) this.#move('queued', 'running');
    else if (dice < 7 && counts.running > 0) this.#move('running', 'sending');
    else if (dice < 8 && counts.sending > 0) this.#end('sending');
    else if (counts.receiving > 0) this.#end('receiving');
  }

  #receive(): void {
    this.#counts.receiving += 1;
    this.observer!.received('digits');
  }

  #move(from: keyof Counts, to: keyof Counts): void {
    this.#counts[from] -= 1;
    this.#counts[to] += 1;
  }

  #end(from: keyof Counts): void {
    this.#counts[from] -= 1;
    const model = this.#random(2) === 0 ? 'digits' : '';
    this.observer!.ended(model, OUTCOMES[this.#random(OUTCOMES.length)] as Outcome, this.#random(100) / 100);
  }

  /** The same steps in every run of the test. */
  #random(below: number): number {
    this.#seed = (this.#seed * 1103515245 + 12345) % 2 ** 31;
    return Math.floor((this.#seed / 2 ** 31) * below);
  }
}

function open(page: MetricsPage): number {
  const gauges = ['oneslot_receiving', 'oneslot_queue_depth', 'oneslot_running', 'oneslot_sending'];
  return gauges.reduce((sum, name) => sum + sampleValue(page, name)!, 0);
}

/** Steps in a chain of microtasks, so that some run between any two of those that make the page. */
function stepInMicrotasks(books: Books, times: number): void {
  if (times === 0) return;
  books.step();
  queueMicrotask(() => stepInMicrotasks(books, times - 1));
}

function busyServer() {
  const books = new Books();
  const metrics = createMetrics({ snapshot: books.snapshot, models: ['digits'] });
  books.observer = metrics.observer;
  return { books, metrics };
}

function expectClosed(page: MetricsPage): void {
  expect(page.problems).toEqual([]);
  const ended = sumOf(page, 'oneslot_predictions_total');
  expect(ended + open(page)).toBe(sampleValue(page, 'oneslot_predictions_received_total'));
  expect(sumOf(page, 'oneslot_prediction_seconds_count')).toBe(ended);
}

test('the books close on every page, though predictions move while it is made', async () => {
  const { books, metrics } = busyServer();
  for (let scrape = 0; scrape < 100; scrape++) {
    queueMicrotask(() => stepInMicrotasks(books, 300));
    const before = books.steps;
    const text = Buffer.concat(await metrics.render()).toString();
    expect(books.steps).toBeGreaterThan(before);
    expectClosed(readMetricsPage(text));
  }
});

test('the books close on pages that are made at the same time, with turns of the event loop between', async () => {
  const { books, metrics } = busyServer();
  // Bounded, so that a failing test ends.
  const stepInTurns = (turns: number) => {
    stepInMicrotasks(books, 20);
    if (turns > 1) setImmediate(() => stepInTurns(turns - 1));
  };
  stepInTurns(200);
  for (let round = 0; round < 20; round++) {
    const pages = [metrics.render(), Promise.resolve().then(() => metrics.render()), metrics.render()];
    for (const text of await Promise.all(pages))
      expectClosed(readMetricsPage(Buffer.concat(text).toString()));
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(books.steps).toBeGreaterThan(400);
});

test('a page shows the moment at which it was asked for', async () => {
  const { books, metrics } = busyServer();
  for (let step = 0; step < 100; step++) books.step();
  const received = sampleValue(
    readMetricsPage(Buffer.concat(await metrics.render()).toString()),
    'oneslot_predictions_received_total',
  );
  const asked = metrics.render();
  for (let step = 0; step < 100; step++) books.step();
  expect(
    sampleValue(readMetricsPage(Buffer.concat(await asked).toString()), 'oneslot_predictions_received_total'),
  ).toBe(received);
});
