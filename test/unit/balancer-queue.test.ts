// What a balancer says of its queue in readiness checks.

import { expect, test } from '@jest/globals';
import { BalancerQueue } from '../../src/scaling/balancer-queue.js';
import { ManualClock } from '../support/manual-clock.js';

function setUp() {
  const clock = new ManualClock();
  return { clock, queue: new BalancerQueue(clock) };
}

test('each replica has its share, and the last word of a balancer counts', () => {
  const { queue } = setUp();
  expect(queue.share).toBe(0);
  queue.hear('lb-1; queued=12; replicas=3');
  expect(queue.share).toBe(4);
  queue.hear('lb-1; queued=5; replicas=2');
  expect(queue.share).toBe(2.5);
});

test('several balancers add up, and one without a replica that is up has its whole queue', () => {
  const { queue } = setUp();
  queue.hear('lb-1; queued=12; replicas=3');
  queue.hear('lb-2.example:8080; queued=7; replicas=0');
  expect(queue.share).toBe(11);
});

test('a balancer that falls silent is forgotten after ten seconds', () => {
  const { clock, queue } = setUp();
  queue.hear('lb-1; queued=6; replicas=1');
  clock.advance(9_000);
  queue.hear('lb-2; queued=1; replicas=1');
  expect(queue.share).toBe(7);
  clock.advance(2_000);
  expect(queue.share).toBe(1);
});

test.each([
  '',
  'lb',
  'queued=3; replicas=1',
  'lb; queued=-3; replicas=1',
  'lb; queued=3; replicas=1; more',
  'lb; queued=1e9; replicas=1',
  `lb; queued=${'9'.repeat(400)}; replicas=1`,
  `${'x'.repeat(300)}; queued=3; replicas=1`,
])('what has another form is passed over: %s', (header) => {
  const { queue } = setUp();
  queue.hear(header);
  expect(queue.share).toBe(0);
});

test('however many names are said, few are kept', () => {
  const { queue } = setUp();
  for (let name = 0; name < 10_000; name++) queue.hear(`lb-${name}; queued=1; replicas=1`);
  expect(queue.share).toBe(16);
});
