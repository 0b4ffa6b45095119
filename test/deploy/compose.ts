// deploy/compose.yaml without a container engine: as Compose's own loader reads it, and the services that it starts as
// processes of this machine.

import { strict as assert } from 'node:assert';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFixtureModels } from '../support/fixture-models.js';
import { installDebian } from '../support/programs/packages.js';
import { checkReplicas } from './compose/check-replicas.js';
import { checkServices } from './compose/check-services.js';
import { checkStack } from './compose/check-stack.js';
import { type Choice, Loader, replicasOf } from './compose/project.js';
import type { Context, Part } from './part.js';

export const part: Part = { name: 'compose', run };

const FILES = ['compose.yaml'];
const CPU_FILES = ['compose.yaml', 'compose.cpu.yaml'];
const REPLICAS = { files: FILES, profiles: ['replicas'] };

const ALONE = ['grafana', 'oneslot-1', 'prometheus'];
const ALL = ['grafana', 'haproxy', 'oneslot-1', 'oneslot-2', 'oneslot-3', 'prometheus'];

async function run(context: Context): Promise<void> {
  await installDebian({ prometheus: 'prometheus', promtool: 'prometheus', haproxy: 'haproxy' });
  const { report, project: checkout, folder } = context;
  const loader = await Loader.compile(checkout);
  await report.check('Compose takes the files, with and without the profile and the GPUs', async () => {
    const namesOf = async (choice: Choice) => Object.keys((await loader.load(choice)).services).sort();
    for (const files of [FILES, CPU_FILES]) {
      assert.deepEqual(await namesOf({ files, profiles: [] }), ALONE);
      assert.deepEqual(await namesOf({ files, profiles: ['replicas'] }), ALL);
    }
  });
  await report.check('for the CPU, no replica asks for a GPU, and the image is another', async () => {
    const project = await loader.load({ files: CPU_FILES, profiles: ['replicas'] });
    for (const name of replicasOf(project)) {
      const { deploy, image } = project.services[name]!;
      assert.deepEqual([deploy, image], [undefined, 'oneslot:cpu'], name);
    }
  });
  await report.check('docs/compose.md tells of every variable and its default', () => checkPage(checkout));
  const project = await loader.load(REPLICAS);
  await checkServices(report, project);
  await checkReplicas(report, project);

  const models = join(folder, 'models');
  await mkdir(models);
  writeFixtureModels(models, ['burn']);
  await checkStack(context, await loader.load({ ...REPLICAS, variables: { HOST_MODELS: models } }));
}

/** A row of its table for each: | `NAME` | `default` | … */
async function checkPage(checkout: string): Promise<string> {
  const read = (path: string) => readFile(join(checkout, path), 'utf8');
  const used = [...(await read('deploy/compose.yaml')).matchAll(/\$\{(\w+):-([^}]+)\}/g)];
  const told = [...(await read('docs/compose.md')).matchAll(/^\| `(HOST_\w+)` \| `([^`]+)` \|/gm)];
  const pairs = (matches: readonly RegExpMatchArray[]) => matches.map(([, ...pair]) => pair.join('=')).sort();
  assert.deepEqual(pairs(told), pairs(used));
  return `${used.length} variables`;
}
