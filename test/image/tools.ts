// The programs, from Debian's packages, that build and run an image without a container engine.

import { finish, run } from '../support/programs/command.js';

const TOOLS = ['buildah', 'debootstrap', 'patchelf', 'runc'] as const;

/** Installs what is missing. */
export async function installTools(): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error('building and running an image without an engine needs root');
  const missing: string[] = [];
  for (const tool of TOOLS) if (!(await isInstalled(tool))) missing.push(tool);
  if (missing.length === 0) return;
  console.log(`installing ${missing.join(', ')}`);
  await run('apt-get', ['update']);
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  await run('apt-get', ['install', '--yes', '--no-install-recommends', ...missing], env);
}

async function isInstalled(tool: string): Promise<boolean> {
  const { code } = await finish('sh', ['-c', `command -v ${tool}`]);
  return code === 0;
}
