// Time-outs that only mean something together: those of ECS and of the load balancer, and the replica's own.

import { strict as assert } from 'node:assert';
import type { Report } from '../../support/programs/report.js';
import { secondsOf } from '../server-options.js';
import { containerOf, environmentOf, type Stack } from './stack.js';

/** What a run of this service may last, in seconds: eleven minutes, as docs/ecs.md says. */
const LONG_RUN = 660;

export async function checkTimes(report: Report, stack: Stack): Promise<void> {
  const { loadBalancerAttributes, targetGroupAttributes, targetGroup, serviceAsked, userData } = stack;
  const environment = environmentOf(stack);
  const option = (variable: string) => secondsOf(variable, environment);
  const idle = Number(loadBalancerAttributes['idle_timeout.timeout_seconds']);
  const deregistration = Number(targetGroupAttributes['deregistration_delay.timeout_seconds']);
  const drain = option('ONESLOT_DRAIN_DELAY') + option('ONESLOT_DRAIN_TIMEOUT');

  await report.check('ECS waits longer than a replica takes to drain', async () => {
    assert.ok(containerOf(stack).stopTimeout > drain);
    const [, agent] = /ECS_CONTAINER_STOP_TIMEOUT=(\d+)s/.exec(userData) ?? [];
    assert.ok(Number(agent) > drain);
  });
  await report.check('a caller may wait through one run of eleven minutes and have another', async () => {
    assert.ok(option('ONESLOT_RUN_TIMEOUT') > LONG_RUN);
    assert.ok(option('ONESLOT_MAX_WAIT') >= 2 * LONG_RUN * option('ONESLOT_MARGIN'));
  });
  await report.check('the load balancer waits longer than any caller who states no patience', async () =>
    assert.ok(idle > option('ONESLOT_MAX_WAIT') && idle <= 4000),
  );
  await report.check('a replica keeps connections longer than the load balancer', async () =>
    assert.ok(option('ONESLOT_KEEP_ALIVE_TIMEOUT') > idle),
  );
  await report.check('a run keeps its caller when its replica leaves the load balancer', async () =>
    assert.ok(deregistration >= option('ONESLOT_RUN_TIMEOUT') && deregistration <= 3600),
  );
  await report.check('ECS lets models load, and a runner be replaced, before it stops a task', async () => {
    assert.ok(serviceAsked.healthCheckGracePeriodSeconds >= option('ONESLOT_LOAD_TIMEOUT'));
    assert.ok(targetGroup.HealthCheckIntervalSeconds * targetGroup.UnhealthyThresholdCount >= 120);
  });
}
