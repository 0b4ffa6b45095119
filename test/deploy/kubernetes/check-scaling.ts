// Scaling by HorizontalPodAutoscaler and by KEDA: both ask for what the rules record or the server answers, and what
// they ask for is what the load was.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Snapshot } from '../../../src/observer.js';
import { SHIPPED_BEHAVIOR, SHIPPED_TARGETS } from '../../../src/plan/shipped.js';
import { scalingReport } from '../../../src/scaling/scaling.js';
import type { Context } from '../part.js';
import { checkFallback } from './check-fallback.js';
import { containerOf } from './check-meaning.js';
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
import { JOB, LOAD, NAMESPACE, testQueries } from './queries.js';
import { KEDA_MODULE } from './schemas.js';
import { goModule, type Rendered, readYaml } from './sources.js';

type Objects = readonly KubernetesObject[];

const METRIC_QUERIES = ['oneslot_demand', 'oneslot_backlog_seconds', 'oneslot_offered_load'] as const;

export async function checkScaling(context: Context, rendered: readonly Rendered[]): Promise<void> {
  const { report, project } = context;
  const objectsOf = (name: string): Objects => rendered.find((each) => each.name === name)!.objects;
  const autoscaler = theOnly('HorizontalPodAutoscaler', objectsOf('hpa'));
  const prometheus = theOnly('ScaledObject', objectsOf('keda'));
  const replicas = theOnly('ScaledObject', objectsOf('keda-metrics-api'));

  await report.check(
    'prometheus-adapter gives the autoscaler what it asks for, and gets it from the rules',
    () => checkAdapter(context, autoscaler),
  );
  await report.check('KEDA gets the same from the rules', () => checkQueries(context, prometheus));
  await report.check('KEDA finds what it asks the replicas for', async () => {
    checkReplicaCalls(objectsOf('keda-metrics-api'), replicas);
  });
  await report.check('KEDA knows all that its triggers say', async () => {
    for (const [type, object] of [['prometheus', prometheus] as const, ['metrics_api', replicas] as const])
      await checkTriggers(type, object);
  });
  await report.check('whoever scales, it is by the same targets and at the same speed', async () =>
    checkSame(autoscaler, [prometheus, replicas]),
  );
  await report.check('targets and speed are those that the simulator is tested with', async () =>
    checkShipped(autoscaler),
  );
  await report.check('the PodMonitors scrape the pods, under the job that queries name, and HAProxy', () =>
    checkPodMonitors(project, objectsOf('prometheus-operator')),
  );
  await checkFallback(context, [prometheus, replicas]);
}

/** The adapter itself is in no registry: what its templates become is what Prometheus is asked. */
async function checkAdapter(context: Context, autoscaler: KubernetesObject): Promise<void> {
  const [values] = await readYaml([
    join(context.project, 'deploy/kubernetes/prometheus-adapter/values.yaml'),
  ]);
  const rules = listAt(values!, 'rules.external');
  const wanted = listAt(autoscaler, 'spec.metrics').map((metric) => fieldsAt(metric, 'external.metric'));
  assert.deepEqual(
    wanted.map(({ name }) => name),
    METRIC_QUERIES,
  );
  const queries = wanted.map((metric) => {
    const rule = rules.find((each) => valueAt(each, 'name.as') === metric.name);
    assert.ok(rule, `the adapter has no ${String(metric.name)}`);
    return adapterQuery(rule, fieldsAt(metric, 'selector.matchLabels'));
  });
  await testQueries(context, 'adapter', queries);
}

/** As docs/config.md of prometheus-adapter has it: the namespace asked for and the selector become matchers. */
function adapterQuery(rule: Fields, matchLabels: Fields): string {
  const [, series] = /^\{__name__="([^"]+)",namespace!=""\}$/.exec(textAt(rule, 'seriesQuery')) ?? [];
  assert.ok(series, 'the adapter would not find the series');
  assert.deepEqual(valueAt(rule, 'resources.overrides'), { namespace: { resource: 'namespace' } });
  const labels = Object.entries({ namespace: NAMESPACE, ...matchLabels });
  const matchers = labels.map(([name, value]) => `${name}="${String(value)}"`).join(',');
  return textAt(rule, 'metricsQuery')
    .replaceAll('<<.Series>>', series)
    .replaceAll('<<.LabelMatchers>>', matchers);
}

async function checkQueries(context: Context, scaledObject: KubernetesObject): Promise<void> {
  const queries = listAt(scaledObject, 'spec.triggers').map((trigger) => textAt(trigger, 'metadata.query'));
  assert.equal(queries.length, LOAD.length);
  await testQueries(context, 'keda', queries);
}

function checkReplicaCalls(objects: Objects, scaledObject: KubernetesObject): void {
  const { name, namespace } = theOnly('Service', objects).metadata;
  const port = String(valueAt(containerOf(objects), 'ports.0.containerPort'));
  const answer = Object.keys(scalingReport({} as Snapshot));
  for (const trigger of listAt(scaledObject, 'spec.triggers')) {
    const { url, valueLocation } = fieldsAt(trigger, 'metadata');
    assert.equal(url, `http://${String(name)}.${String(namespace)}.svc.cluster.local:${port}/scaling`);
    assert.ok(answer.includes(String(valueLocation)), `/scaling has no ${String(valueLocation)}`);
  }
}

/** KEDA passes over what it does not know; its scalers name what they do in the tags of their own types. */
async function checkTriggers(type: string, scaledObject: KubernetesObject): Promise<void> {
  const source = join(await goModule(KEDA_MODULE), `pkg/scalers/${type}_scaler.go`);
  const tags = (await readFile(source, 'utf8')).matchAll(/`keda:"name=(\w+)/g);
  const known = new Set([...tags].map(([, name]) => name));
  for (const trigger of listAt(scaledObject, 'spec.triggers')) {
    assert.equal(trigger.type, type.replace('_', '-'));
    for (const name of Object.keys(fieldsAt(trigger, 'metadata')))
      assert.ok(known.has(name), `${name} is unknown`);
  }
}

function checkSame(autoscaler: KubernetesObject, scaledObjects: readonly KubernetesObject[]): void {
  const targets = listAt(autoscaler, 'spec.metrics').map((metric) => fieldsAt(metric, 'external.target'));
  for (const target of targets) assert.equal(target.type, 'AverageValue');
  const wanted = targets.map(({ averageValue }) => quantity(averageValue!));
  for (const object of scaledObjects) {
    const triggers = listAt(object, 'spec.triggers');
    const thresholds = triggers.map(({ metadata }) => targetOf(metadata as Fields));
    assert.deepEqual(thresholds, wanted.slice(0, thresholds.length));
    for (const { metricType } of triggers) assert.equal(metricType, 'AverageValue');
    assert.deepEqual(
      valueAt(object, 'spec.advanced.horizontalPodAutoscalerConfig.behavior'),
      valueAt(autoscaler, 'spec.behavior'),
    );
    assert.equal(valueAt(object, 'spec.minReplicaCount'), valueAt(autoscaler, 'spec.minReplicas'));
    assert.equal(valueAt(object, 'spec.maxReplicaCount'), valueAt(autoscaler, 'spec.maxReplicas'));
    assert.equal(
      valueAt(object, 'spec.scaleTargetRef.name'),
      valueAt(autoscaler, 'spec.scaleTargetRef.name'),
    );
  }
}

const targetOf = ({ threshold, targetValue }: Fields): number => Number(threshold ?? targetValue);

const quantity = (value: Json): number => {
  const text = String(value);
  return text.endsWith('m') ? Number(text.slice(0, -1)) / 1000 : Number(text);
};

function checkShipped(autoscaler: KubernetesObject): void {
  const targets = listAt(autoscaler, 'spec.metrics').map((metric) =>
    quantity(valueAt(metric, 'external.target.averageValue')!),
  );
  const { demand, backlogSeconds, offeredLoad } = SHIPPED_TARGETS;
  assert.deepEqual(targets, [demand, backlogSeconds, offeredLoad]);
  assert.deepEqual(valueAt(autoscaler, 'spec.behavior'), SHIPPED_BEHAVIOR);
}

async function checkPodMonitors(project: string, objects: Objects): Promise<void> {
  const [scrape] = await readYaml([join(project, 'deploy/prometheus/prometheus-kubernetes.yml')]);
  const monitors = objects.filter(({ kind }) => kind === 'PodMonitor');
  const [replicas, haproxy, ...others] = monitors;
  assert.deepEqual(others, []);
  const labels = fieldsAt(theOnly('Deployment', objects), 'spec.template.metadata.labels');
  assert.deepEqual(valueAt(replicas!, 'spec.selector.matchLabels'), labels);
  assert.equal(labels[textAt(replicas!, 'spec.jobLabel')], JOB);
  assert.equal(
    valueAt(replicas!, 'spec.podMetricsEndpoints.0.port'),
    valueAt(containerOf(objects), 'ports.0.name'),
  );
  for (const [index, job] of listAt(scrape!, 'scrape_configs').entries()) {
    const monitor = [replicas, haproxy][index]!;
    const chosen = fieldsAt(monitor, 'spec.selector.matchLabels');
    assert.equal(chosen[textAt(monitor, 'spec.jobLabel')], job.job_name);
    const [[name, value], ...more] = Object.entries(chosen) as [[string, Json], ...unknown[]];
    assert.deepEqual(more, []);
    assert.equal(valueAt(job, 'kubernetes_sd_configs.0.selectors.0.label'), `${name}=${String(value)}`);
    const [endpoint] = listAt(monitor, 'spec.podMetricsEndpoints');
    assert.equal(endpoint?.port, valueAt(job, 'relabel_configs.0.regex'));
    assert.equal(endpoint?.path, '/metrics');
    assert.equal(endpoint?.interval, valueAt(scrape!, 'global.scrape_interval'));
  }
}
