// A real replica with the environment of the task: what ECS, the load balancer and CloudWatch ask it for is there.

import { strict as assert } from 'node:assert';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Oneslot, startOneslot } from '../../support/oneslot.js';
import { finish } from '../../support/programs/command.js';
import type { Report } from '../../support/programs/report.js';
import { until } from '../../support/until.js';
import { unknownVariables } from '../server-options.js';
import { containerOf, environmentOf, type Stack } from './stack.js';

/** A line of CloudWatch's embedded metric format. */
interface MetricsLine {
  readonly _aws: {
    readonly CloudWatchMetrics: readonly {
      readonly Namespace: string;
      readonly Dimensions: readonly (readonly string[])[];
      readonly Metrics: readonly { readonly Name: string }[];
    }[];
  };
}

export async function checkReplica(report: Report, stack: Stack): Promise<void> {
  await report.check('every variable of the task is an option of the server', async () => {
    assert.deepEqual(unknownVariables(environmentOf(stack)), []);
  });
  const metadata = await startMetadata(stack);
  try {
    await using oneslot = await startReplica(stack, metadata);
    await report.check('a replica with that environment is healthy for ECS and for the load balancer', () =>
      isHealthy(stack, oneslot),
    );
    await report.check('it writes every metric that the policies read, with their dimensions', () =>
      writesMetrics(stack, oneslot),
    );
    await oneslot.signal('SIGKILL');
    await report.check('the health check of the task fails where nothing answers', async () =>
      assert.equal(await healthOf(stack, oneslot), 1),
    );
  } finally {
    metadata.close();
  }
}

/** The agent's task metadata endpoint, as far as the replica reads it. */
async function startMetadata({ outputs, physical }: Stack): Promise<Server> {
  const task = {
    Cluster: outputs.ClusterName,
    ServiceName: outputs.ServiceName,
    TaskARN: `arn:aws:ecs:eu-west-1:123456789012:task/${physical.Cluster}/0123456789abcdef`,
    LaunchType: 'EC2',
  };
  const server = createServer((request, response) => {
    response.statusCode = request.url === '/v4/task' ? 200 : 404;
    response.end(JSON.stringify(task));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

/** The task's environment, but on the CPU, on a free port, and with a line of metrics each second. */
async function startReplica(stack: Stack, metadata: Server): Promise<Oneslot> {
  const { port } = metadata.address() as AddressInfo;
  const changes = { ONESLOT_PROVIDER: 'cpu', ONESLOT_CLOUDWATCH_PERIOD: '1' };
  const agent = `http://127.0.0.1:${port}`;
  const platform = { ECS_CONTAINER_METADATA_URI_V4: `${agent}/v4`, ECS_AGENT_URI: `${agent}/api` };
  return await startOneslot({ env: { ...environmentOf(stack), ...platform, ...changes } });
}

async function isHealthy(stack: Stack, oneslot: Oneslot): Promise<void> {
  assert.equal(await healthOf(stack, oneslot), 0);
  const { status } = await oneslot.get(stack.targetGroup.HealthCheckPath);
  assert.equal(status, 200);
}

/** How the container's health check ends. */
async function healthOf(stack: Stack, oneslot: Oneslot): Promise<number | null> {
  const [kind, program, ...args] = containerOf(stack).healthCheck.command;
  assert.deepEqual([kind, program], ['CMD', 'node']);
  const { code } = await finish(process.execPath, args, { ONESLOT_PORT: new URL(oneslot.url).port });
  return code;
}

async function writesMetrics(stack: Stack, oneslot: Oneslot): Promise<void> {
  const line = await until(() => oneslot.log.find((each) => '_aws' in each));
  const [directive] = (line as unknown as MetricsLine)._aws.CloudWatchMetrics;
  const written = directive?.Metrics.map(({ Name }) => Name);
  for (const { TargetTrackingScalingPolicyConfiguration } of stack.scalingPolicies) {
    const metric = TargetTrackingScalingPolicyConfiguration.CustomizedMetricSpecification;
    assert.equal(metric.Namespace, directive?.Namespace);
    assert.ok(written?.includes(metric.MetricName), metric.MetricName);
    assert.deepEqual([metric.Dimensions.map(({ Name }) => Name)], directive?.Dimensions);
    for (const { Name, Value } of metric.Dimensions) assert.equal(line[Name], Value);
  }
}
