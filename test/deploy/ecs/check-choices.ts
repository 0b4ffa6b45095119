// What the optional parameters change.

import { strict as assert } from 'node:assert';
import { readFile } from 'node:fs/promises';
import type { Report } from '../../support/programs/report.js';
import { environmentOf, type Stack } from './stack.js';

type Create = (parameters: Readonly<Record<string, string>>) => Promise<Stack>;

const SCRAPE_FILE = new URL('../../../../deploy/prometheus/prometheus-ecs.yml', import.meta.url);
const TOPIC = 'arn:aws:sns:eu-west-1:123456789012:pager';

export async function checkChoices(report: Report, create: Create): Promise<void> {
  await report.check('with two replicas or more, a deployment leaves half of them', async () => {
    const { serviceAsked, scalableTargets } = await create({ MinCapacity: '2', MaxCapacity: '6' });
    const { minimumHealthyPercent, maximumPercent } = serviceAsked.deploymentConfiguration;
    assert.deepEqual([minimumHealthyPercent, maximumPercent], [50, 100]);
    assert.deepEqual([scalableTargets[0]?.MinCapacity, scalableTargets[0]?.MaxCapacity], [2, 6]);
  });
  const stack = await create({
    AlarmTopicArn: TOPIC,
    CertificateArn: 'oneslot.example.com',
    MaxInstances: '8',
    MaxWaitSeconds: '660',
    OnDemandPercentage: '0',
    PrometheusSecurityGroupId: 'prometheus',
    Scheme: 'internet-facing',
    SecondInstanceType: 'g6.xlarge',
    SpareGpuForDeployments: 'true',
    TargetBusyRatio: '0.5',
  });
  const check = (sentence: string, body: (stack: Stack) => unknown) =>
    report.check(sentence, async () => void (await body(stack)));
  await check('with spare GPUs, a deployment starts new replicas first', spareGpu);
  await check('with Spot, a replica may ask for the notice of interruption', spot);
  await check('with a certificate, callers come by HTTPS and no other way', https);
  await check('with a topic, refusals, failures and silence raise alarms', alarms);
  await check('targets of scaling are parameters', targets);
  await check('a Prometheus in the VPC may scrape, and finds the replicas as its file says', scraping);
}

function spareGpu({ serviceAsked, autoScalingGroup }: Stack): void {
  const { minimumHealthyPercent, maximumPercent } = serviceAsked.deploymentConfiguration;
  assert.deepEqual([minimumHealthyPercent, maximumPercent], [100, 200]);
  assert.equal(autoScalingGroup.MaxSize, 8);
}

function spot(stack: Stack): void {
  const { InstancesDistribution, LaunchTemplate } = stack.autoScalingGroup.MixedInstancesPolicy;
  assert.equal(InstancesDistribution.OnDemandPercentageAboveBaseCapacity, 0);
  const types = LaunchTemplate.Overrides.map(({ InstanceType }) => InstanceType);
  assert.deepEqual(types, ['g5.xlarge', 'g6.xlarge']);
  assert.match(stack.userData, /^ECS_AWSVPC_BLOCK_IMDS=false$/m);
  assert.equal(environmentOf(stack).ONESLOT_SPOT_NOTICES, 'on');
}

function https({ listeners, securityGroups, loadBalancer, outputs }: Stack): void {
  assert.equal(listeners.length, 1);
  const [{ Port, Protocol, SslPolicy, Certificates }] = listeners as [(typeof listeners)[0]];
  assert.deepEqual([Port, Protocol, Certificates?.length], [443, 'HTTPS', 1]);
  assert.match(SslPolicy ?? '', /TLS13-1-2/);
  const ports = securityGroups.LoadBalancerSecurityGroup.IpPermissions.map(({ FromPort }) => FromPort);
  assert.deepEqual(ports, [443]);
  assert.equal(loadBalancer.Scheme, 'internet-facing');
  assert.match(outputs.Url ?? '', /^https:/);
}

function alarms({ alarms, outputs }: Stack): void {
  const own = alarms.filter(({ AlarmActions }) => AlarmActions.includes(TOPIC));
  const metrics = own.map(({ Namespace, MetricName, Statistic }) => [Namespace, MetricName, Statistic]);
  assert.deepEqual(metrics.sort(), [
    ['oneslot', 'Demand', 'SampleCount'],
    ['oneslot', 'Failures', 'Sum'],
    ['oneslot', 'Refusals', 'Sum'],
  ]);
  for (const { Dimensions } of own) {
    const values = Dimensions.map(({ Value }) => Value);
    assert.deepEqual(values, [outputs.ClusterName, outputs.ServiceName]);
  }
}

function targets({ scalingPolicies }: Stack): void {
  const values = scalingPolicies.map((each) => each.TargetTrackingScalingPolicyConfiguration.TargetValue);
  assert.deepEqual(values.sort(), [0.5, 660]);
}

async function scraping({ discovered, serviceAsked, outputs, securityGroups }: Stack): Promise<void> {
  const [[namespace], [service]] = [discovered.namespaces, discovered.services];
  assert.deepEqual([namespace?.Type, service?.DnsConfig.RoutingPolicy], ['DNS_PRIVATE', 'MULTIVALUE']);
  assert.deepEqual(
    service?.DnsConfig.DnsRecords.map(({ Type }) => Type),
    ['A'],
  );
  assert.deepEqual(
    serviceAsked.serviceRegistries?.map(({ registryArn }) => registryArn),
    [service?.Arn],
  );
  const name = `${service?.Name}.${namespace?.Name}`;
  assert.equal(outputs.ScrapeTarget, name);
  const scrape = await readFile(SCRAPE_FILE, 'utf8');
  assert.ok(scrape.includes(`names: [${name}]`), name);
  assert.equal(
    securityGroups.TaskSecurityGroup.IpPermissions.flatMap((each) => each.UserIdGroupPairs).length,
    2,
  );
}
