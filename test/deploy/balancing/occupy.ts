// Replicas kept busy for as long as a check needs.

import type { Oneslot } from '../../support/oneslot.js';
import { until } from '../../support/until.js';
import { type Leavable, leavable } from './calls.js';
import { QUEUE_LIMIT } from './replicas.js';

/** Past every balancer: one runs, the others take all places. Resolves when it refuses. */
export async function fillDirectly(replica: Oneslot): Promise<readonly Leavable[]> {
  const calls = [leavable(replica.url)];
  await replica.running();
  for (let place = 0; place < QUEUE_LIMIT; place++) calls.push(leavable(replica.url));
  await until(async () => (await replica.metric('oneslot_queue_depth')) === QUEUE_LIMIT);
  return calls;
}

/** Who waits before who runs: none is begun in between. */
export async function leaveAll(calls: readonly Leavable[]): Promise<void> {
  for (const { leave } of calls.toReversed()) await leave();
}

export const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
