// `npm run test:deploy`: what lies in deploy/ is checked and run by the real programs that it is made for.
// `-- --only NAME,NAME` runs some of its parts; kubernetes-api, which compiles an API server for ten minutes,
// and loop-haproxy, which wants a machine of its own, only so.

import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Checks, runChecks } from '../support/programs/run-checks.js';
import { part as balancing } from './balancing.js';
import { part as compose } from './compose.js';
import { part as ecs } from './ecs.js';
import { part as grafana } from './grafana.js';
import { part as kubernetes, apiPart as kubernetesApi } from './kubernetes.js';
import { part as loop } from './loop.js';
import { part as loopHaproxy } from './loop-haproxy.js';
import type { Part } from './part.js';
import { part as prometheus } from './prometheus.js';

const PARTS: readonly Part[] = [prometheus, grafana, kubernetes, ecs, balancing, compose, loop];
const ON_DEMAND: readonly Part[] = [kubernetesApi, loopHaproxy];

const PROJECT = fileURLToPath(new URL('../../../', import.meta.url));

await runChecks(main);

async function main({ report, cleanup }: Checks): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'oneslot-deploy-'));
  // Balancers run as nobody.
  await chmod(folder, 0o755);
  cleanup.add(() => rm(folder, { recursive: true, force: true }));
  for (const part of chosen()) {
    console.log(`\n${part.name}`);
    const own = join(folder, part.name);
    await mkdir(own);
    await part.run({ report, cleanup, project: PROJECT, folder: own });
  }
}

function chosen(): readonly Part[] {
  const { values } = parseArgs({ options: { only: { type: 'string' } } });
  const names = values.only?.split(',') ?? PARTS.map(({ name }) => name);
  return names.map((name) => {
    const all = [...PARTS, ...ON_DEMAND];
    const part = all.find((each) => each.name === name);
    if (part !== undefined) return part;
    throw new Error(`there is no part ${name}; there are ${all.map((each) => each.name).join(', ')}`);
  });
}
