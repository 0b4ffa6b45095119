// The CloudFormation template of deploy/ecs: linted, created on moto, and held against what oneslot does.

import { strict as assert } from 'node:assert';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run as runProgram } from '../support/programs/command.js';
import { installPython } from '../support/programs/packages.js';
import { checkChoices } from './ecs/check-choices.js';
import { checkReplica } from './ecs/check-replica.js';
import { checkStack } from './ecs/check-stack.js';
import { checkTimes } from './ecs/check-times.js';
import { createStack, type Stack } from './ecs/stack.js';
import type { Context, Part } from './part.js';

export const part: Part = { name: 'ecs', run };

const PACKAGES = [
  'cfn-lint==1.58.0',
  'moto[cloudformation,ecs,ec2,elbv2,autoscaling,acm,servicediscovery]==5.2.5',
  'boto3==1.44.8',
];

const REQUIRED = { ImageUri: 'ghcr.io/OWNER/oneslot:0.1.0', ClientCidr: '172.31.0.0/16' };

/** moto's CloudFormation makes none of these; they are made by calls to their services instead. */
const NOT_MADE_BY_MOTO = {
  CapacityProvider: 'AWS::ECS::CapacityProvider',
  CapacityProviderAssociation: 'AWS::ECS::ClusterCapacityProviderAssociations',
  ScalableTarget: 'AWS::ApplicationAutoScaling::ScalableTarget',
  BacklogPolicy: 'AWS::ApplicationAutoScaling::ScalingPolicy',
  BusyPolicy: 'AWS::ApplicationAutoScaling::ScalingPolicy',
};

async function run({ report, project }: Context): Promise<void> {
  const programs = await installPython('ecs', PACKAGES);
  const template = join(project, 'deploy/ecs/oneslot.yaml');
  const create = (parameters = {}) =>
    createStack({ project, programs, template }, { ...REQUIRED, ...parameters });

  await report.check('cfn-lint finds nothing in the template, its advice included', async () => {
    await runProgram(join(programs, 'cfn-lint'), ['--include-checks', 'I', '--', template]);
  });
  let stack: Stack | undefined;
  await report.check('moto makes the stack, and boto3 accepts what moto does not make', async () => {
    stack = await create();
    assert.equal(stack.status, 'CREATE_COMPLETE');
    assert.deepEqual(stack.notMadeByMoto, NOT_MADE_BY_MOTO);
  });
  await report.check('docs/ecs.md tells of every parameter', async () => {
    const page = await readFile(join(project, 'docs/ecs.md'), 'utf8');
    const untold = Object.keys(stack!.parameters).filter((name) => !page.includes(`\`${name}\``));
    assert.deepEqual(untold, []);
  });
  await checkStack(report, stack!);
  await checkTimes(report, stack!);
  await checkReplica(report, stack!);
  await checkChoices(report, create);
}
