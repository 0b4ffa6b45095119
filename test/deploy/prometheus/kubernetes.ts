// prometheus-kubernetes.yml on a Prometheus that is told of pods by a file: Debian's build can't ask Kubernetes.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Prometheus, startPrometheus } from '../../support/programs/prometheus.js';
import type { Context } from '../part.js';
import { eventually } from './scraped.js';

/** From its own line to the next key beside it. */
const ASKS_KUBERNETES = /^ {4}kubernetes_sd_configs:\n(?: {6}.*\n)+/gm;
const CHOSEN_LABEL = /label: app\.kubernetes\.io\/name=(\S+)/;

/** One for each label that Kubernetes is asked for. */
const readsFile = (asks: string): string =>
  `    file_sd_configs:\n      - files: [pods-of-${CHOSEN_LABEL.exec(asks)![1]}.json]\n`;

/** As Prometheus describes pods: one target for each port that a container declares. */
const pod = (address: string, phase: string, port: string) => ({
  targets: [address],
  labels: {
    __meta_kubernetes_namespace: 'gpu',
    __meta_kubernetes_pod_name: `pod-${phase.toLowerCase()}`,
    __meta_kubernetes_pod_phase: phase,
    __meta_kubernetes_pod_container_port_name: port,
  },
});

const PODS = [
  pod('127.0.0.1:1', 'Running', 'http'),
  pod('127.0.0.1:2', 'Running', 'debug'),
  pod('127.0.0.1:3', 'Succeeded', 'http'),
  pod('127.0.0.1:4', 'Pending', 'http'),
];

const HAPROXY_PODS = [
  pod('127.0.0.1:5', 'Running', 'http'),
  pod('127.0.0.1:6', 'Running', 'metrics'),
  pod('127.0.0.1:7', 'Failed', 'metrics'),
];

/** Only what finds the pods is another; what chooses and names them is as shipped. */
export async function checkKubernetes({ project, folder, cleanup }: Context): Promise<void> {
  const shipped = join(project, 'deploy/prometheus');
  const read = (name: string) => readFile(join(shipped, name), 'utf8');
  const config = (await read('prometheus-kubernetes.yml')).replaceAll(ASKS_KUBERNETES, readsFile);
  const prometheus = await startPrometheus({
    folder: join(folder, 'prometheus-kubernetes'),
    config,
    files: {
      'pods-of-oneslot.json': JSON.stringify(PODS),
      'pods-of-oneslot-haproxy.json': JSON.stringify(HAPROXY_PODS),
      'oneslot.rules.yml': await read('oneslot.rules.yml'),
      'oneslot.alerts.yml': await read('oneslot.alerts.yml'),
    },
    cleanup,
  });
  const found = await eventually(
    'targets',
    () => labelsOf(prometheus),
    (labels) => labels.length > 1,
  );
  const named = { namespace: 'gpu', pod: 'pod-running' };
  assert.deepEqual(found, [
    { ...named, instance: '127.0.0.1:1', job: 'oneslot' },
    { ...named, instance: '127.0.0.1:6', job: 'oneslot-haproxy' },
  ]);
  await prometheus.stop();
}

async function labelsOf(prometheus: Prometheus): Promise<readonly object[]> {
  const labels = (await prometheus.targets()).map((target) => target.labels);
  return labels.sort((a, b) => String(a.instance).localeCompare(String(b.instance)));
}
