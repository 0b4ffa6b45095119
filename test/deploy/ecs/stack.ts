// The stack of deploy/ecs/oneslot.yaml, created on moto, as AWS's own interfaces then describe it.

import { join } from 'node:path';
import { run } from '../../support/programs/command.js';

export interface Metric {
  readonly Namespace: string;
  readonly MetricName: string;
  readonly Statistic: string;
  readonly Dimensions: readonly { readonly Name: string; readonly Value: string }[];
}

export interface ScalingPolicy {
  readonly PolicyName: string;
  readonly PolicyType: string;
  readonly ResourceId: string;
  readonly TargetTrackingScalingPolicyConfiguration: {
    readonly TargetValue: number;
    readonly ScaleInCooldown: number;
    readonly ScaleOutCooldown: number;
    readonly CustomizedMetricSpecification: Metric;
  };
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly memory: number;
  readonly user: string;
  readonly privileged: boolean;
  readonly readonlyRootFilesystem: boolean;
  readonly stopTimeout: number;
  readonly environment: readonly { readonly name: string; readonly value: string }[];
  readonly resourceRequirements: readonly { readonly type: string; readonly value: string }[];
  readonly portMappings: readonly { readonly containerPort: number }[];
  readonly healthCheck: { readonly command: readonly string[] };
  readonly linuxParameters: {
    readonly initProcessEnabled: boolean;
    readonly capabilities: { readonly drop: readonly string[] };
    readonly tmpfs: readonly { readonly containerPath: string }[];
  };
  readonly logConfiguration: {
    readonly logDriver: string;
    readonly options: Readonly<Record<string, string>>;
  };
}

interface SecurityGroup {
  readonly GroupId: string;
  readonly IpPermissions: readonly {
    readonly FromPort: number;
    readonly ToPort: number;
    readonly IpRanges: readonly { readonly CidrIp: string }[];
    readonly UserIdGroupPairs: readonly { readonly GroupId: string }[];
  }[];
}

interface Rule {
  readonly Conditions: readonly { readonly PathPatternConfig: { readonly Values: readonly string[] } }[];
  readonly Actions: readonly {
    readonly Type: string;
    readonly FixedResponseConfig?: { readonly StatusCode: string };
  }[];
}

/** What test/deploy/ecs/moto_stack.py prints. */
export interface Stack {
  readonly status: string;
  readonly outputs: Readonly<Record<string, string>>;
  readonly parameters: Readonly<Record<string, { readonly AllowedPattern?: string }>>;
  /** Types by logical id; made with calls of their own, from the template's properties. */
  readonly notMadeByMoto: Readonly<Record<string, string>>;
  readonly physical: Readonly<Record<string, string>>;
  readonly userData: string;
  readonly launchTemplate: {
    readonly ImageId: string;
    readonly InstanceType: string;
    readonly MetadataOptions: { readonly HttpTokens: string };
  };
  readonly autoScalingGroup: {
    readonly MinSize: number;
    readonly MaxSize: number;
    readonly NewInstancesProtectedFromScaleIn: boolean;
    readonly MixedInstancesPolicy: {
      readonly LaunchTemplate: { readonly Overrides: readonly { readonly InstanceType: string }[] };
      readonly InstancesDistribution: { readonly OnDemandPercentageAboveBaseCapacity: number };
    };
  };
  readonly capacityProvider: {
    readonly name: string;
    readonly autoScalingGroupProvider: {
      readonly autoScalingGroupArn: string;
      readonly managedDraining: string;
      readonly managedTerminationProtection: string;
      readonly managedScaling: { readonly status: string; readonly targetCapacity: number };
    };
  };
  readonly cluster: { readonly clusterName: string; readonly capacityProviders: readonly string[] };
  readonly loadBalancer: { readonly Scheme: string; readonly Type: string };
  readonly loadBalancerAttributes: Readonly<Record<string, string>>;
  readonly targetGroup: {
    readonly TargetType: string;
    readonly Port: number;
    readonly HealthCheckPath: string;
    readonly HealthCheckIntervalSeconds: number;
    readonly UnhealthyThresholdCount: number;
  };
  readonly targetGroupAttributes: Readonly<Record<string, string>>;
  readonly listeners: readonly {
    readonly Port: number;
    readonly Protocol: string;
    readonly SslPolicy?: string;
    readonly Certificates?: readonly { readonly CertificateArn: string }[];
  }[];
  readonly rules: readonly Rule[];
  readonly securityGroups: Readonly<
    Record<'LoadBalancerSecurityGroup' | 'TaskSecurityGroup' | 'InstanceSecurityGroup', SecurityGroup>
  >;
  readonly taskDefinition: {
    readonly networkMode: string;
    readonly requiresCompatibilities: readonly string[];
    readonly taskRoleArn: string;
    readonly executionRoleArn: string;
    readonly containerDefinitions: readonly Container[];
  };
  readonly service: { readonly loadBalancers: readonly { readonly targetGroupArn: string }[] };
  /** moto keeps only a part of a service: this is what was asked for, and accepted by boto3. */
  readonly serviceAsked: {
    readonly desiredCount?: number;
    readonly availabilityZoneRebalancing: string;
    readonly healthCheckGracePeriodSeconds: number;
    readonly capacityProviderStrategy: readonly { readonly capacityProvider: string }[];
    readonly serviceRegistries?: readonly { readonly registryArn: string }[];
    readonly deploymentConfiguration: {
      readonly minimumHealthyPercent: number;
      readonly maximumPercent: number;
      readonly deploymentCircuitBreaker: { readonly enable: boolean; readonly rollback: boolean };
    };
  };
  readonly taskRolePolicies: readonly {
    readonly Statement: readonly { readonly Action: readonly string[]; readonly Resource: string }[];
  }[];
  readonly discovered: {
    readonly namespaces: readonly { readonly Name: string; readonly Type: string }[];
    readonly services: readonly {
      readonly Name: string;
      readonly Arn: string;
      readonly DnsConfig: {
        readonly RoutingPolicy: string;
        readonly DnsRecords: readonly { readonly Type: string }[];
      };
    }[];
  };
  readonly logGroups: readonly { readonly logGroupName: string; readonly retentionInDays: number }[];
  readonly scalableTargets: readonly {
    readonly ResourceId: string;
    readonly MinCapacity: number;
    readonly MaxCapacity: number;
  }[];
  readonly scalingPolicies: readonly ScalingPolicy[];
  readonly alarms: readonly (Metric & {
    readonly AlarmName: string;
    readonly AlarmActions: readonly string[];
  })[];
}

export interface StackOptions {
  readonly project: string;
  /** Where Python with moto is. */
  readonly programs: string;
  readonly template: string;
}

/** @param parameters of the template; its VPC and subnets are moto's */
export async function createStack(
  { project, programs, template }: StackOptions,
  parameters: Readonly<Record<string, string>>,
): Promise<Stack> {
  const script = join(project, 'test/deploy/ecs/moto_stack.py');
  const args = [script, template, 'oneslot', JSON.stringify(parameters)];
  const env = { PYTHONDONTWRITEBYTECODE: '1' };
  return JSON.parse(await run(join(programs, 'python'), args, env)) as Stack;
}

export function containerOf({ taskDefinition }: Stack): Container {
  const [container] = taskDefinition.containerDefinitions;
  if (container === undefined) throw new Error('the task has no container');
  return container;
}

export function environmentOf(stack: Stack): Readonly<Record<string, string>> {
  return Object.fromEntries(containerOf(stack).environment.map(({ name, value }) => [name, value]));
}
