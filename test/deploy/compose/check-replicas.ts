// What the replicas' services ask for: GPUs, times that fit each other, and options that the server has.

import { strict as assert } from 'node:assert';
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Report } from '../../support/programs/report.js';
import { secondsOf, unknownVariables } from '../server-options.js';
import { hostPath, type Project, replicasOf, secondsIn } from './project.js';

/** What a run may last, in seconds: eleven minutes. */
const LONG_RUN = 660;

export async function checkReplicas(report: Report, project: Project): Promise<void> {
  await report.check('each replica has one GPU, and no two have the same', async () => checkGpus(project));
  await report.check('a replica may drain, a run of eleven minutes included, before it is killed', async () =>
    checkTimes(project),
  );
  await report.check('HAProxy is stopped before the replicas, and may end its queue', () =>
    checkBalancerTimes(project),
  );
  await report.check('every variable of a replica is an option of the server', async () => {
    for (const name of replicasOf(project)) assert.deepEqual(unknownVariables(optionsOf(project, name)), []);
  });
  await report.check('the image is built from the checkout, and models are where it looks', async () => {
    const { build, ...replica } = project.services['oneslot-1']!;
    const file = await readFile(join(build!.context, build!.dockerfile), 'utf8');
    const [, models] = /ONESLOT_MODELS=(\S+)/.exec(file) ?? [];
    await access(join(hostPath(replica, models!), 'burn/model.json'));
    assert.deepEqual(replica.tmpfs, ['/tmp']);
  });
}

const optionsOf = ({ services }: Project, name: string) => services[name]!.environment ?? {};

function checkGpus(project: Project): void {
  const gpus = replicasOf(project).map((name) => {
    const { devices } = project.services[name]?.deploy?.resources.reservations ?? assert.fail(name);
    assert.deepEqual(
      devices.map(({ driver, capabilities }) => ({ driver, capabilities })),
      [{ driver: 'nvidia', capabilities: ['gpu'] }],
      name,
    );
    assert.equal(devices[0]!.device_ids.length, 1, name);
    return devices[0]!.device_ids[0]!;
  });
  assert.deepEqual(gpus.sort(), ['0', '1', '2']);
}

function checkTimes(project: Project): void {
  for (const name of replicasOf(project)) {
    const seconds = (variable: string) => secondsOf(variable, optionsOf(project, name));
    const drain = seconds('ONESLOT_DRAIN_TIMEOUT');
    assert.ok(seconds('ONESLOT_RUN_TIMEOUT') > LONG_RUN, name);
    assert.ok(drain >= seconds('ONESLOT_RUN_TIMEOUT'), name);
    const grace = secondsIn(project.services[name]!.stop_grace_period);
    assert.ok(grace > seconds('ONESLOT_DRAIN_DELAY') + drain, `${name} is killed after ${grace} s`);
  }
}

async function checkBalancerTimes(project: Project): Promise<void> {
  const haproxy = project.services.haproxy!;
  const config = await readFile(hostPath(haproxy, '/usr/local/etc/haproxy/haproxy.cfg'), 'utf8');
  const [, hardStop] = /^ +hard-stop-after (\d+)s$/m.exec(config) ?? [];
  assert.ok(secondsIn(haproxy.stop_grace_period) > Number(hardStop), `hard-stop-after ${hardStop}`);
  assert.deepEqual(Object.keys(haproxy.depends_on ?? {}).sort(), [...replicasOf(project)].sort());
}
