// Programs that tests need and npm does not have: Debian's packages, PyPI's into a folder of ours, Go's modules.

import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { finish, run } from './command.js';

const PROJECT = fileURLToPath(new URL('../../../../', import.meta.url));

/** What is made here is kept from run to run. */
export const BUILD = join(PROJECT, '.build');

/**
 * Installs those of Debian's packages whose program is missing; needs root.
 * @param packages program → package, e.g. `{ promtool: 'prometheus' }`
 */
export async function installDebian(packages: Readonly<Record<string, string>>): Promise<void> {
  const missing = new Set<string>();
  for (const [program, name] of Object.entries(packages))
    if (!(await isInstalled(program))) missing.add(name);
  if (missing.size === 0) return;
  if (process.getuid?.() !== 0)
    throw new Error(`install ${[...missing].join(', ')} first, or run this as root`);
  console.log(`installing ${[...missing].join(', ')}`);
  await run('apt-get', ['update']);
  // A package's own service would take its port; tests start the program themselves.
  const env = { DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  await run('apt-get', ['install', '--yes', '--no-install-recommends', ...missing], env);
}

async function isInstalled(program: string): Promise<boolean> {
  const path = `${process.env.PATH}:/usr/sbin:/sbin`;
  return (await finish('sh', ['-c', `command -v ${program}`], { PATH: path })).code === 0;
}

/**
 * A virtual environment with these packages.
 * @param requirements pinned, e.g. `cfn-lint==1.40.0`
 * @returns the folder of its programs
 */
export async function installPython(name: string, requirements: readonly string[]): Promise<string> {
  const folder = join(BUILD, `python-${name}`);
  const programs = join(folder, 'bin');
  if (!existsSync(programs)) await run('python3', ['-m', 'venv', folder]);
  await run(join(programs, 'pip'), ['install', '--quiet', '--disable-pip-version-check', ...requirements]);
  return programs;
}

/**
 * A Go program, compiled from its module.
 * @param module with its version, e.g. `sigs.k8s.io/kustomize/kustomize/v5@v5.7.1`
 * @returns the program's file
 */
export async function installGo(program: string, module: string): Promise<string> {
  const folder = join(BUILD, 'go', module.replaceAll(/[^\w.@-]/g, '_'));
  const file = join(folder, program);
  if (existsSync(file)) return file;
  await mkdir(folder, { recursive: true });
  console.log(`compiling ${module}`);
  await run('go', ['install', module], { GOBIN: folder });
  return file;
}
