// The programs that build and run an image without a container engine.

import { installDebian } from '../support/programs/packages.js';

/** Installs what is missing. */
export async function installTools(): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error('building and running an image without an engine needs root');
  await installDebian({ buildah: 'buildah', debootstrap: 'debootstrap', patchelf: 'patchelf', runc: 'runc' });
}
