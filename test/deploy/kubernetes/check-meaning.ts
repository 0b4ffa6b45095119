// What no schema can say: that the numbers and names in the objects fit each other, the image and the server.

import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { commandOptions, optionRows } from '../../../src/config.js';
import type { Context } from '../part.js';
import {
  type Fields,
  fieldsAt,
  type Json,
  type KubernetesObject,
  listAt,
  textAt,
  theOnly,
  valueAt,
} from './objects.js';
import type { Rendered } from './sources.js';

type Objects = readonly KubernetesObject[];

/** That what was still being answered at the end of the drain time-out is answered. */
const SPARE_SECONDS = 30;

export async function checkMeaning(
  { report, project }: Context,
  rendered: readonly Rendered[],
): Promise<void> {
  const each = (check: (objects: Objects) => void) => async () => {
    for (const { name, objects } of rendered) within(name, () => check(objects));
  };
  await report.check(
    'every variable is an option of the server, of a value that it takes',
    each(checkOptions),
  );
  await report.check('a pod has the time to drain, and a roll-out the time to replace it', each(checkTimes));
  await report.check('a full pool of GPUs does not keep a roll-out from going on', each(checkStrategy));
  await report.check('the server’s port is the one that pods, probes and Service name', each(checkPorts));
  await report.check(
    'every selector means the pods, and every name an object that is there',
    each(checkNames),
  );
  await report.check('a pod has one GPU and no right that it does not need', async () => {
    const user = await imageUser(project);
    for (const { name, objects } of rendered) within(name, () => checkPod(objects, user));
  });
  await report.check(
    'the service account may patch pods of its namespace, and nothing else',
    each(checkRole),
  );
  await report.check('the image is set in one place', () => checkImage(project, rendered));
}

function within(name: string, check: () => void): void {
  try {
    check();
  } catch (error) {
    throw new Error(`${name}: ${(error as Error).message}`, { cause: error });
  }
}

function checkOptions(objects: Objects): void {
  const options = commandOptions();
  const known = new Map(optionRows().map(({ variable }, index) => [variable, options[index]!]));
  for (const [variable, value] of Object.entries(variablesOf(objects))) {
    if (['POD_NAME', 'POD_NAMESPACE'].includes(variable)) continue;
    const option = known.get(variable);
    assert.ok(option, `${variable} is no option`);
    assert.equal(option.envVar, variable);
    option.parseArg?.(value, undefined);
  }
}

function checkTimes(objects: Objects): void {
  const { spec } = theOnly('Deployment', objects);
  const variables = variablesOf(objects);
  const seconds = (variable: string): number => Number(variables[variable] ?? defaultOf(variable));
  const preStop = Number(valueAt(containerOf(objects), 'lifecycle.preStop.sleep.seconds') ?? 0);
  const draining = seconds('ONESLOT_DRAIN_DELAY') + seconds('ONESLOT_DRAIN_TIMEOUT');
  const grace = Number(valueAt(spec!, 'template.spec.terminationGracePeriodSeconds'));
  assert.ok(grace >= preStop + draining + SPARE_SECONDS, `${grace} s of grace, ${draining} s of draining`);
  const deadline = Number(valueAt(spec!, 'progressDeadlineSeconds'));
  const replacing = grace + seconds('ONESLOT_LOAD_TIMEOUT');
  assert.ok(deadline >= replacing, `${deadline} s to progress, ${replacing} s to replace a pod`);
}

function checkStrategy(objects: Objects): void {
  const { spec } = theOnly('Deployment', objects);
  assert.deepEqual(valueAt(spec!, 'strategy.rollingUpdate'), { maxSurge: 0, maxUnavailable: 1 });
  assert.equal(valueAt(spec!, 'replicas'), undefined, 'an autoscaler’s choice would be undone');
  const budget = theOnly('PodDisruptionBudget', objects);
  assert.equal(valueAt(budget, 'spec.maxUnavailable'), 1, 'a single replica could not be evicted');
}

function checkPorts(objects: Objects): void {
  const container = containerOf(objects);
  const [port] = listAt(container, 'ports');
  assert.deepEqual(port, { containerPort: Number(variablesOf(objects).ONESLOT_PORT), name: 'http' });
  for (const [probe, path] of Object.entries(PROBES))
    assert.deepEqual(valueAt(container, `${probe}.httpGet`), { path, port: 'http' });
  const service = theOnly('Service', objects);
  assert.equal(valueAt(service, 'spec.ports.0.targetPort'), 'http');
  assert.equal(valueAt(theOnly('NetworkPolicy', objects), 'spec.ingress.0.ports.0.port'), 'http');
}

const PROBES = { startupProbe: '/healthz', livenessProbe: '/healthz', readinessProbe: '/readyz' };

function checkNames(objects: Objects): void {
  const deployment = theOnly('Deployment', objects);
  const labels = fieldsAt(deployment, 'spec.template.metadata.labels');
  const selectors = [
    fieldsAt(deployment, 'spec.selector.matchLabels'),
    fieldsAt(theOnly('Service', objects), 'spec.selector'),
    fieldsAt(theOnly('PodDisruptionBudget', objects), 'spec.selector.matchLabels'),
    fieldsAt(theOnly('NetworkPolicy', objects), 'spec.podSelector.matchLabels'),
  ];
  for (const selector of selectors) assert.deepEqual(selector, labels);
  const configMap = theOnly('ConfigMap', objects).metadata.name;
  assert.equal(valueAt(containerOf(objects), 'envFrom.0.configMapRef.name'), configMap);
  const namespace = theOnly('Namespace', objects).metadata.name;
  for (const { kind, metadata } of objects)
    if (kind !== 'Namespace') assert.equal(metadata.namespace, namespace, `the namespace of ${kind}`);
}

function checkPod(objects: Objects, user: number): void {
  const pod = fieldsAt(theOnly('Deployment', objects), 'spec.template.spec');
  assert.deepEqual(pod.securityContext, {
    runAsNonRoot: true,
    runAsUser: user,
    runAsGroup: user,
    seccompProfile: { type: 'RuntimeDefault' },
  });
  const container = containerOf(objects);
  assert.deepEqual(container.securityContext, {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  });
  assert.equal(valueAt(container, 'volumeMounts.0.mountPath'), '/tmp');
  assert.equal(valueAt(pod, 'volumes.0.name'), valueAt(container, 'volumeMounts.0.name'));
  assert.equal(fieldsAt(container, 'resources.limits')['nvidia.com/gpu'], 1);
  assert.equal(pod.enableServiceLinks, false);
}

async function imageUser(project: string): Promise<number> {
  const dockerfile = await readFile(join(project, 'Dockerfile.gpu'), 'utf8');
  const [, user, group] = /^USER (\d+):(\d+)$/m.exec(dockerfile) ?? [];
  assert.ok(user !== undefined && user === group);
  return Number(user);
}

function checkRole(objects: Objects): void {
  const role = theOnly('Role', objects);
  assert.deepEqual(role.rules, [{ apiGroups: [''], resources: ['pods'], verbs: ['patch'] }]);
  const { name, namespace } = theOnly('ServiceAccount', objects).metadata;
  const binding = theOnly('RoleBinding', objects);
  assert.deepEqual(binding.subjects, [{ kind: 'ServiceAccount', name, namespace } as Json]);
  assert.equal(valueAt(binding, 'roleRef.name'), role.metadata.name);
  assert.equal(valueAt(theOnly('Deployment', objects), 'spec.template.spec.serviceAccountName'), name);
}

async function checkImage(project: string, rendered: readonly Rendered[]): Promise<void> {
  const source = join(project, 'deploy/kubernetes');
  const files = await readdir(source, { recursive: true, withFileTypes: true });
  const texts = await Promise.all(
    files.filter((file) => file.isFile()).map((file) => readFile(join(file.parentPath, file.name), 'utf8')),
  );
  assert.equal(texts.join('').split('ghcr.io/OWNER/oneslot').length - 1, 1);
  const { version } = JSON.parse(await readFile(join(project, 'package.json'), 'utf8'));
  for (const { name, objects } of rendered) {
    const expected = name === 'own' ? 'registry.example/oneslot:0.1.1' : `ghcr.io/OWNER/oneslot:${version}`;
    assert.equal(textAt(containerOf(objects), 'image'), expected);
  }
}

export function containerOf(objects: Objects): Fields {
  const containers = listAt(theOnly('Deployment', objects), 'spec.template.spec.containers');
  assert.equal(containers.length, 1);
  return containers[0]!;
}

/** What the server finds in its environment; a variable of the container itself wins over the ConfigMap's. */
export function variablesOf(objects: Objects): Readonly<Record<string, string>> {
  const own = listAt(containerOf(objects), 'env').map(({ name, value = '' }) => [name, value]);
  return { ...fieldsAt(theOnly('ConfigMap', objects), 'data'), ...Object.fromEntries(own) };
}

export function defaultOf(variable: string): string | undefined {
  return optionRows().find((row) => row.variable === variable)?.fallback;
}
