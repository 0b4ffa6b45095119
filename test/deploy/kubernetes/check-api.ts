// A real API server: it takes all that kustomize makes, admits the pods, and gives a replica the one right it has.

import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../../src/clock.js';
import type { CallResult, Snapshot } from '../../../src/observer.js';
import { PlatformCalls } from '../../../src/scaling/platform-calls.js';
import { PodDeletionCost } from '../../../src/scaling/pod-deletion-cost.js';
import { until } from '../../support/until.js';
import type { Context } from '../part.js';
import type { Api, ApiAnswer } from './api.js';
import { containerOf } from './check-meaning.js';
import { type ControlPlane, startControlPlane } from './control-plane.js';
import { fieldsAt, type KubernetesObject, listAt, textAt, theOnly, valueAt } from './objects.js';
import { customResourceFiles, KUBERNETES } from './schemas.js';
import { type Rendered, readYaml } from './sources.js';

const NAMESPACE = '/api/v1/namespaces/oneslot';
const POD = 'oneslot-of-the-test';

/** What a replica in trouble, or in bad hands, could try. */
const REFUSED = [
  ['GET', `${NAMESPACE}/pods`],
  ['GET', `${NAMESPACE}/pods/${POD}`],
  ['DELETE', `${NAMESPACE}/pods/${POD}`],
  ['GET', `${NAMESPACE}/secrets`],
  ['PATCH', '/apis/apps/v1/namespaces/oneslot/deployments/oneslot'],
  ['PATCH', '/api/v1/namespaces/mine/pods/any'],
] as const;

export async function checkApi(context: Context, rendered: readonly Rendered[]): Promise<void> {
  const { report } = context;
  let plane: ControlPlane | undefined;
  await report.check(`an API server of Kubernetes ${KUBERNETES} starts`, async () => {
    plane = await startControlPlane(context);
    const { body } = await plane.admin.ask('GET', '/version');
    assert.equal(body.gitVersion, `v${KUBERNETES}`);
  });
  const { admin } = plane!;
  await report.check('it takes the definitions of KEDA and the Prometheus Operator', () => define(admin));
  for (const { name, objects } of rendered)
    await report.check(`it takes ${name}, without a warning`, () => applyAll(admin, objects));
  const { objects } = rendered[0]!;
  await report.check('applied once more, the same changes nothing', () => checkSettled(admin, objects));
  await report.check('it refuses a field that is misspelt', () => checkMisspelt(admin, objects));
  await report.check('it admits the pod under `restricted`, and not one that may do more', () =>
    checkAdmission(admin, objects),
  );
  await report.check('a replica may write what its deletion would cost', () => checkCost(context, plane!));
  await report.check('and may do nothing else', () => checkRefused(admin));
}

async function define(admin: Api): Promise<void> {
  for (const definition of (await readYaml(await customResourceFiles())) as readonly KubernetesObject[]) {
    done(await admin.apply(definition));
    const { group, kind, version } = definedBy(definition);
    await until(async () => {
      const { status, body } = await admin.ask('GET', `/apis/${group}/${version}`);
      return status === 200 && listAt(body, 'resources').some((resource) => resource.kind === kind);
    });
  }
}

function definedBy(definition: KubernetesObject): { group: string; kind: string; version: string } {
  const { group, names, versions } = fieldsAt(definition, 'spec');
  const version = textAt(versions!, '0.name');
  return { group: String(group), kind: textAt(names!, 'kind'), version };
}

async function applyAll(admin: Api, objects: readonly KubernetesObject[]): Promise<string> {
  for (const object of objects) {
    const answer = done(await admin.apply(object));
    assert.equal(answer.warnings, undefined);
  }
  return `${objects.length} objects`;
}

function done(answer: ApiAnswer): ApiAnswer {
  assert.ok(answer.status < 300, JSON.stringify(answer.body));
  return answer;
}

async function checkSettled(admin: Api, objects: readonly KubernetesObject[]): Promise<void> {
  for (const object of objects) {
    const path = await admin.pathOf(object);
    const versionOf = async (): Promise<unknown> =>
      valueAt((await admin.ask('GET', path)).body, 'metadata.resourceVersion');
    done(await admin.apply(object));
    const before = await versionOf();
    assert.ok(before !== undefined);
    done(await admin.apply(object));
    assert.equal(await versionOf(), before, `${object.kind} has changed`);
  }
}

async function checkMisspelt(admin: Api, objects: readonly KubernetesObject[]): Promise<void> {
  const budget = theOnly('PodDisruptionBudget', objects);
  const spec = { ...fieldsAt(budget, 'spec'), maxUnavailabel: 2 };
  const { status, body } = await admin.apply({ ...budget, spec });
  assert.notEqual(status, 200);
  assert.match(textAt(body, 'message'), /maxUnavailabel/);
}

/** The pod is made from the Deployment's template, as its controller would; none runs here. */
async function checkAdmission(admin: Api, objects: readonly KubernetesObject[]): Promise<void> {
  const pod = podOf(objects);
  done(await admin.ask('POST', `${NAMESPACE}/pods`, pod));
  const { body } = await admin.ask('GET', `${NAMESPACE}/pods/${POD}`);
  assert.match(JSON.stringify(valueAt(body, 'spec.volumes')), /"serviceAccountToken"/);
  const container = { ...containerOf(objects), securityContext: {} };
  const spec = { ...fieldsAt(pod, 'spec'), containers: [container] };
  const refused = await admin.ask('POST', `${NAMESPACE}/pods`, {
    ...pod,
    metadata: { name: 'another' },
    spec,
  });
  assert.equal(refused.status, 403);
  assert.match(textAt(refused.body, 'message'), /violates PodSecurity "restricted:latest"/);
}

function podOf(objects: readonly KubernetesObject[]): KubernetesObject {
  const template = fieldsAt(theOnly('Deployment', objects), 'spec.template');
  const metadata = { ...fieldsAt(template, 'metadata'), name: POD, namespace: 'oneslot' };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: template.spec! };
}

/** What the server itself does every ten seconds, with a token as the kubelet would put it into the pod. */
async function checkCost({ folder }: Context, { address, ca, admin }: ControlPlane): Promise<void> {
  const accountFolder = join(folder, 'account');
  await mkdir(accountFolder);
  const files = { token: await tokenOf(admin), 'ca.crt': ca, namespace: 'oneslot' };
  for (const [name, content] of Object.entries(files)) await writeFile(join(accountFolder, name), content);
  const results: CallResult[] = [];
  const log = { warn: (bindings: object) => console.log(JSON.stringify(bindings)) };
  const cost = new PodDeletionCost({
    clock: systemClock,
    calls: new PlatformCalls({ clock: systemClock, log, count: (_call, result) => results.push(result) }),
    apiServer: address,
    podName: POD,
    namespace: undefined,
    accountFolder,
    snapshot: () => BUSY,
  });
  await cost.tick();
  assert.deepEqual(results, ['ok']);
  const { body } = await admin.ask('GET', `${NAMESPACE}/pods/${POD}`);
  const annotations = fieldsAt(body, 'metadata.annotations');
  assert.equal(annotations['controller.kubernetes.io/pod-deletion-cost'], '250');
}

/** 100 for a pod that always has work, 100 s that have run, and 50 s ahead. */
const BUSY = { queued: 1, running: 1, runningSeconds: 100, backlogSeconds: 50, busyRatio: 1 } as Snapshot;

async function tokenOf(admin: Api): Promise<string> {
  const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} };
  const { body } = done(await admin.ask('POST', `${NAMESPACE}/serviceaccounts/oneslot/token`, request));
  return textAt(body, 'status.token');
}

async function checkRefused(admin: Api): Promise<void> {
  const replica = admin.as(await tokenOf(admin));
  for (const [method, path] of REFUSED) {
    const body = method === 'PATCH' ? { metadata: { annotations: { any: 'thing' } } } : undefined;
    const { status } = await replica.ask(method, path, body, 'application/merge-patch+json');
    assert.equal(status, 403, `${method} ${path}`);
  }
}
