// What the stack consists of when nothing but the required parameters is given.

import { strict as assert } from 'node:assert';
import { SHIPPED_ECS } from '../../../src/plan/shipped.js';
import type { Report } from '../../support/programs/report.js';
import { containerOf, type Stack } from './stack.js';

export async function checkStack(report: Report, stack: Stack): Promise<void> {
  const check = (sentence: string, body: (stack: Stack) => void) =>
    report.check(sentence, async () => body(stack));
  await check('instances come from the GPU image, join the cluster and ask for metadata tokens', instances);
  await check('instance types with several GPUs are refused', instanceTypes);
  await check('the capacity provider owns the size of the group, up to one instance a replica', capacity);
  await check('a task takes one GPU, and no root, capability or writable root file system', task);
  await check('its log goes to the group of the stack and can not block it', logs);
  await check('its role allows scale-in protection of tasks of this cluster, and nothing else', taskRole);
  await check('callers reach the load balancer, only that reaches the tasks, nobody the instances', network);
  await check('metrics and scaling signals are not for callers', operations);
  await check('the least busy replica gets the next request', targets);
  await check('a deployment needs no spare GPU and is rolled back when it fails', deployment);
  await check('the service is scaled from 1 to 4 on backlog and busy time of one replica', scaling);
}

function instances({ launchTemplate, userData, cluster }: Stack): void {
  assert.match(launchTemplate.ImageId, /^ami-/);
  assert.equal(launchTemplate.InstanceType, 'g5.xlarge');
  assert.equal(launchTemplate.MetadataOptions.HttpTokens, 'required');
  assert.ok(userData.startsWith('#!/bin/bash\n'), userData);
  const lines = userData.split('\n');
  for (const setting of [
    `ECS_CLUSTER=${cluster.clusterName}`,
    'ECS_ENABLE_GPU_SUPPORT=true',
    'ECS_ENABLE_SPOT_INSTANCE_DRAINING=true',
    'ECS_AWSVPC_BLOCK_IMDS=true',
  ])
    assert.ok(lines.includes(setting), setting);
}

function instanceTypes({ parameters }: Stack): void {
  for (const name of ['InstanceType', 'SecondInstanceType']) {
    const pattern = new RegExp(parameters[name]?.AllowedPattern ?? assert.fail(name));
    for (const type of ['g4dn.xlarge', 'g5.16xlarge', 'g6.2xlarge', 'g6e.8xlarge'])
      assert.match(type, pattern);
    for (const type of ['g4dn.12xlarge', 'g5.48xlarge', 'g6.metal', 'p5.48xlarge', 'm7i.xlarge'])
      assert.doesNotMatch(type, pattern);
  }
}

function capacity({ autoScalingGroup, capacityProvider, cluster, physical, serviceAsked }: Stack): void {
  assert.deepEqual([autoScalingGroup.MinSize, autoScalingGroup.MaxSize], [0, 4]);
  assert.equal(autoScalingGroup.NewInstancesProtectedFromScaleIn, true);
  const { managedScaling, ...provider } = capacityProvider.autoScalingGroupProvider;
  assert.deepEqual(provider, {
    autoScalingGroupArn: physical.AutoScalingGroup,
    managedDraining: 'ENABLED',
    managedTerminationProtection: 'ENABLED',
  });
  assert.deepEqual([managedScaling.status, managedScaling.targetCapacity], ['ENABLED', 100]);
  assert.deepEqual(cluster.capacityProviders, [capacityProvider.name]);
  const strategy = serviceAsked.capacityProviderStrategy.map((each) => each.capacityProvider);
  assert.deepEqual(strategy, [capacityProvider.name]);
}

function task(stack: Stack): void {
  const { requiresCompatibilities, networkMode } = stack.taskDefinition;
  assert.deepEqual([requiresCompatibilities, networkMode], [['EC2'], 'awsvpc']);
  const container = containerOf(stack);
  assert.equal(container.image, 'ghcr.io/OWNER/oneslot:0.1.0');
  assert.deepEqual(container.resourceRequirements, [{ type: 'GPU', value: '1' }]);
  assert.deepEqual([container.user, container.privileged], ['10001:10001', false]);
  assert.equal(container.readonlyRootFilesystem, true);
  const { initProcessEnabled, capabilities, tmpfs } = container.linuxParameters;
  assert.deepEqual([initProcessEnabled, capabilities.drop], [true, ['ALL']]);
  assert.deepEqual(
    tmpfs.map(({ containerPath }) => containerPath),
    ['/tmp'],
  );
}

function logs(stack: Stack): void {
  const { logDriver, options } = containerOf(stack).logConfiguration;
  assert.equal(logDriver, 'awslogs');
  assert.equal(options['awslogs-group'], stack.physical.LogGroup);
  assert.equal(options.mode, 'non-blocking');
  const group = stack.logGroups.find(({ logGroupName }) => logGroupName === stack.physical.LogGroup);
  assert.equal(group?.retentionInDays, 30);
}

function taskRole({ taskRolePolicies, taskDefinition, outputs, cluster }: Stack): void {
  assert.equal(taskDefinition.taskRoleArn, outputs.TaskRoleArn);
  assert.notEqual(taskDefinition.executionRoleArn, outputs.TaskRoleArn);
  const [statement, ...others] = taskRolePolicies.flatMap(({ Statement }) => Statement);
  assert.equal(others.length, 0);
  assert.deepEqual(statement?.Action, ['ecs:GetTaskProtection', 'ecs:UpdateTaskProtection']);
  assert.equal(statement?.Resource, `arn:aws:ecs:eu-west-1:123456789012:task/${cluster.clusterName}/*`);
}

function network({ securityGroups, loadBalancer }: Stack): void {
  const { LoadBalancerSecurityGroup, TaskSecurityGroup, InstanceSecurityGroup } = securityGroups;
  assert.deepEqual([loadBalancer.Type, loadBalancer.Scheme], ['application', 'internal']);
  const [fromCallers, ...more] = LoadBalancerSecurityGroup.IpPermissions;
  assert.deepEqual([fromCallers?.FromPort, fromCallers?.ToPort, more.length], [80, 80, 0]);
  assert.deepEqual(
    fromCallers?.IpRanges.map(({ CidrIp }) => CidrIp),
    ['172.31.0.0/16'],
  );
  const [fromBalancer, ...others] = TaskSecurityGroup.IpPermissions;
  assert.deepEqual([fromBalancer?.FromPort, fromBalancer?.ToPort, others.length], [8080, 8080, 0]);
  assert.equal(fromBalancer?.IpRanges.length, 0);
  const sources = fromBalancer?.UserIdGroupPairs.map(({ GroupId }) => GroupId);
  assert.deepEqual(sources, [LoadBalancerSecurityGroup.GroupId]);
  assert.equal(InstanceSecurityGroup.IpPermissions.length, 0);
}

function operations({ rules }: Stack): void {
  const fixed = rules.filter(({ Actions }) => Actions[0]?.Type === 'fixed-response');
  const paths = fixed.flatMap(({ Conditions }) => Conditions[0]?.PathPatternConfig.Values);
  assert.deepEqual(paths, ['/metrics', '/scaling']);
  assert.equal(fixed[0]?.Actions[0]?.FixedResponseConfig?.StatusCode, '404');
}

function targets(stack: Stack): void {
  const { targetGroup, targetGroupAttributes, service, physical } = stack;
  assert.deepEqual([targetGroup.TargetType, targetGroup.Port], ['ip', 8080]);
  assert.equal(targetGroupAttributes['load_balancing.algorithm.type'], 'least_outstanding_requests');
  assert.equal(targetGroupAttributes['stickiness.enabled'], 'false');
  const [listening] = containerOf(stack).portMappings;
  assert.equal(listening?.containerPort, targetGroup.Port);
  const groups = service.loadBalancers.map(({ targetGroupArn }) => targetGroupArn);
  assert.deepEqual(groups, [physical.TargetGroup]);
}

function deployment({ serviceAsked }: Stack): void {
  const { minimumHealthyPercent, maximumPercent, deploymentCircuitBreaker } =
    serviceAsked.deploymentConfiguration;
  assert.deepEqual([minimumHealthyPercent, maximumPercent], [0, 100]);
  assert.deepEqual(deploymentCircuitBreaker, { enable: true, rollback: true });
  // ECS refuses it where nothing may be started above the count.
  assert.equal(serviceAsked.availabilityZoneRebalancing, 'DISABLED');
  assert.equal(serviceAsked.desiredCount, undefined);
}

function scaling({ scalableTargets, scalingPolicies, outputs }: Stack): void {
  const resourceId = `service/${outputs.ClusterName}/${outputs.ServiceName}`;
  assert.equal(scalableTargets.length, 1);
  const [{ ResourceId, MinCapacity, MaxCapacity }] = scalableTargets as [(typeof scalableTargets)[0]];
  assert.deepEqual([ResourceId, MinCapacity, MaxCapacity], [resourceId, 1, 4]);
  const policies = scalingPolicies.map((policy) => {
    const { TargetValue, ScaleInCooldown, CustomizedMetricSpecification } =
      policy.TargetTrackingScalingPolicyConfiguration;
    assert.equal(policy.ResourceId, resourceId);
    assert.equal(policy.PolicyType, 'TargetTrackingScaling');
    assert.equal(CustomizedMetricSpecification.Statistic, 'Average');
    return [policy.PolicyName, CustomizedMetricSpecification.MetricName, TargetValue, ScaleInCooldown];
  });
  assert.deepEqual(policies.sort(), [
    ['backlog', 'BacklogSeconds', SHIPPED_ECS.target, SHIPPED_ECS.scaleInCooldown],
    ['busy', 'BusyRatio', SHIPPED_ECS.busyTarget, SHIPPED_ECS.scaleInCooldown],
  ]);
}
