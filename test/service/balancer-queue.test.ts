// A balancer's readiness checks say what waits in it; a server believes them only where it is told to.

import { expect, test } from '@jest/globals';
import { startOneslot } from '../support/oneslot.js';

const CHECK = { headers: { 'oneslot-balancer': 'lb-1; queued=9; replicas=2' } };

async function demandWith(...args: string[]) {
  await using oneslot = await startOneslot({ args });
  expect((await fetch(`${oneslot.url}/readyz`, CHECK)).status).toBe(200);
  const { demand, balancerQueued } = (await oneslot.get('/scaling')).body;
  const gauges = ['oneslot_balancer_queue', 'oneslot_demand'].map((name) => oneslot.metric(name));
  return [demand, balancerQueued, ...(await Promise.all(gauges))];
}

test('with --balancer-queue trust its share is demand', async () => {
  expect(await demandWith('--balancer-queue', 'trust')).toEqual([4.5, 4.5, 4.5, 0]);
});

test('by default nobody is believed', async () => {
  expect(await demandWith()).toEqual([0, 0, 0, 0]);
});
