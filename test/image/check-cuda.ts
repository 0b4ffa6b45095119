// PROVIDER=cuda, with made-up libraries: the provider is installed, and a base image that does not fit is refused.

import { strict as assert } from 'node:assert';
import { access, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cleanup } from '../support/programs/cleanup.js';
import type { Report } from '../support/programs/report.js';
import type { Buildah, BuildOptions } from './buildah.js';
import { makeUpCuda } from './made-up-cuda.js';
import type { StandIns } from './stand-ins.js';

export interface CudaOptions {
  readonly buildah: Buildah;
  readonly cleanup: Cleanup;
  readonly standIns: StandIns;
  readonly build: Pick<BuildOptions, 'context' | 'file' | 'tag'>;
}

const BINARIES = 'app/node_modules/onnxruntime-node/bin/napi-v6/linux/x64';

export async function checkCuda(report: Report, options: CudaOptions): Promise<void> {
  const images = await makeUpCuda(options.buildah, options.standIns);
  const unfit = { ...images, runtime: options.standIns.runtime };
  options.cleanup.add(() => options.buildah.remove(options.build.tag));
  await report.check('PROVIDER=cuda: a base image without the CUDA libraries ends the build', async () => {
    const message = await build(options, unfit).then(String, (error: Error) => error.message);
    assert.match(message, /libcublasLt\.so\.13 => not found/);
    assert.match(message, /libcudnn\.so\.9 is not installed/);
    assert.doesNotMatch(message, /libcuda\.so\.1 => not found/, "the driver's library is in no image");
  });
  await report.check('PROVIDER=cuda: on one that has them the provider is installed', async () => {
    await build(options, images);
    await holdsProvider(await options.buildah.open(options.build.tag, options.cleanup));
  });
}

/** Up to the stage that holds the provider and the check: what follows does not depend on them. */
function build(options: CudaOptions, { node, runtime }: StandIns): Promise<void> {
  const args = { NODE_IMAGE: node, RUNTIME_IMAGE: runtime, PROVIDER: 'cuda' };
  return options.buildah.build({ ...options.build, target: 'system', args });
}

async function holdsProvider(rootfs: string): Promise<void> {
  const { mode } = await stat(join(rootfs, BINARIES, 'libonnxruntime_providers_cuda.so'));
  assert.equal(mode & 0o022, 0, 'writable by its owner only');
  await assert.rejects(access(join(rootfs, BINARIES, 'libonnxruntime_providers_tensorrt.so')));
}
