// `npm run test:image`: builds the image for real, shows what it holds, runs it and asks it, on one machine and
// without a container engine. docs/image.md says how.

import { mkdirSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Checks, runChecks } from '../support/programs/run-checks.js';
import { Buildah, type ImageConfig } from './buildah.js';
import { checkContents } from './check-contents.js';
import { checkCuda } from './check-cuda.js';
import { checkRunning } from './check-running.js';
import { Container, freePort } from './container.js';
import { makeStandIns } from './stand-ins.js';
import { installTools } from './tools.js';

const PROJECT = fileURLToPath(new URL('../../../', import.meta.url));

/** Part of every name, so that two of these on one machine do not meet. */
const ID = `oneslot-test-${process.pid}`;

/** How much of the log of a container that failed is worth reading. */
const SHOWN_LINES = 40;

await runChecks(main);

async function main({ report, cleanup }: Checks): Promise<void> {
  await installTools();
  const cache = cacheFolder();
  const buildah = new Buildah(cache);
  const standIns = await makeStandIns(buildah, cache);
  const build = { context: PROJECT, file: join(PROJECT, 'Dockerfile.gpu'), tag: `localhost/${ID}` };

  cleanup.add(() => buildah.remove(build.tag));
  await report.check('PROVIDER=cpu: the image is built', async () => {
    const args = { NODE_IMAGE: standIns.node, RUNTIME_IMAGE: standIns.runtime, PROVIDER: 'cpu' };
    await buildah.build({ ...build, args: { ...args, VERSION: await version() } });
  });
  const image = await buildah.configOf(build.tag);
  const rootfs = await buildah.open(build.tag, cleanup);
  await checkContents(report, { image, rootfs, project: PROJECT });
  await checkContainer({ report, cleanup }, image, rootfs);
  await checkCuda(report, { buildah, cleanup, standIns, build: { ...build, tag: `${build.tag}-cuda` } });
}

/** Base images and npm's cache, kept from run to run. */
function cacheFolder(): string {
  const folder = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'oneslot-image');
  mkdirSync(folder, { recursive: true });
  return folder;
}

async function version(): Promise<string> {
  return JSON.parse(await readFile(join(PROJECT, 'package.json'), 'utf8')).version;
}

async function checkContainer(
  { report, cleanup }: Checks,
  image: ImageConfig,
  rootfs: string,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), `${ID}-`));
  cleanup.add(() => rm(folder, { recursive: true, force: true }));
  const port = await freePort();
  const variables = { ONESLOT_HOST: '127.0.0.1', ONESLOT_PORT: String(port), ONESLOT_DRAIN_DELAY: '0' };
  const container = await Container.start({ id: ID, folder, rootfs, image, variables });
  cleanup.add(() => container.remove());
  const samplesFile = join(PROJECT, 'models/digits/samples.json');
  const running = { container, image, url: `http://127.0.0.1:${port}`, samplesFile };
  await checkRunning(report, running).catch(async (error: Error) => {
    await container.remove();
    const lines = (await readFile(container.logFile, 'utf8')).trimEnd().split('\n');
    throw new Error(`${error.message}\nIt had logged:\n${lines.slice(-SHOWN_LINES).join('\n')}`);
  });
}
