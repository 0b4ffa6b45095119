// Debian's HAProxy and nginx, with the configurations that deploy/ ships, before three real replicas.

import { installDebian } from '../support/programs/packages.js';
import { startHaproxy, startNginx } from './balancing/balancers.js';
import { checkDemand } from './balancing/check-demand.js';
import { checkHaproxy } from './balancing/check-haproxy.js';
import { checkNginx } from './balancing/check-nginx.js';
import { checkRestart } from './balancing/check-restart.js';
import { Replicas } from './balancing/replicas.js';
import type { Context, Part } from './part.js';

export const part: Part = { name: 'balancing', run };

async function run(context: Context): Promise<void> {
  await installDebian({ haproxy: 'haproxy', nginx: 'nginx', prometheus: 'prometheus' });
  const { report } = context;
  const replicas = await Replicas.start(context);
  const haproxy = await startHaproxy(context, replicas.addresses);
  const nginx = await startNginx(context, replicas.addresses);
  await checkHaproxy(report, haproxy, replicas);
  await checkDemand(context, haproxy, replicas);
  await checkNginx(report, nginx, replicas);
  await checkRestart(report, { haproxy, nginx, replicas });
}
