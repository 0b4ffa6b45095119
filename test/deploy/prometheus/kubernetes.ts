// prometheus-kubernetes.yml on a Prometheus that is told of pods by a file: Debian's build can't ask Kubernetes.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Prometheus, startPrometheus } from '../../support/programs/prometheus.js';
import type { Context } from '../part.js';
import { eventually } from './scraped.js';

/** From its own line to the next key beside it. */
const ASKS_KUBERNETES = /^ {4}kubernetes_sd_configs:\n(?: {6}.*\n)+/m;

const READS_FILE = '    file_sd_configs:\n      - files: [pods.json]\n';

/** As Prometheus describes pods: one target for each port that a container declares. */
const pod = (address: string, phase: string, port: string) => ({
  targets: [address],
  labels: {
    __meta_kubernetes_namespace: 'gpu',
    __meta_kubernetes_pod_name: `oneslot-${phase.toLowerCase()}`,
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

/** Only what finds the pods is another; what chooses and names them is as shipped. */
export async function checkKubernetes({ project, folder, cleanup }: Context): Promise<void> {
  const shipped = join(project, 'deploy/prometheus');
  const read = (name: string) => readFile(join(shipped, name), 'utf8');
  const config = (await read('prometheus-kubernetes.yml')).replace(ASKS_KUBERNETES, READS_FILE);
  const prometheus = await startPrometheus({
    folder: join(folder, 'prometheus-kubernetes'),
    config,
    files: {
      'pods.json': JSON.stringify(PODS),
      'oneslot.rules.yml': await read('oneslot.rules.yml'),
      'oneslot.alerts.yml': await read('oneslot.alerts.yml'),
    },
    cleanup,
  });
  const found = await eventually(
    'targets',
    () => labelsOf(prometheus),
    (labels) => labels.length > 0,
  );
  const wanted = { namespace: 'gpu', pod: 'oneslot-running', instance: '127.0.0.1:1', job: 'oneslot' };
  assert.deepEqual(found, [wanted]);
  await prometheus.stop();
}

async function labelsOf(prometheus: Prometheus): Promise<readonly object[]> {
  return (await prometheus.targets()).map(({ labels }) => labels);
}
