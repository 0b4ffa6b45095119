// What can't be had here, made up: the CUDA provider and the CUDA libraries that it links, as empty libraries of the
// same names. With them the way of PROVIDER=cuda through the Dockerfile is walked, both to its end and to its refusal.

import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../support/programs/command.js';
import type { Buildah } from './buildah.js';
import { imageName, type StandIns } from './stand-ins.js';

/** Any small library that needs nothing but the C library. */
const EMPTY_LIBRARY = 'lib/x86_64-linux-gnu/libdl.so.2';

/** What the CUDA provider of ONNX Runtime 1.30 links; the second is the driver's, which no image has. */
const LINKED = ['libcublasLt.so.13', 'libcuda.so.1'];

/** What a CUDA base image has of it, and cuDNN, which is loaded on demand. */
const IN_BASE_IMAGE = ['libcublasLt.so.13', 'libcudnn.so.9'];

const NUGET_SCRIPT = fileURLToPath(new URL('../../../test/image/made-up-nuget.cjs', import.meta.url));
const NUGET_FOLDER = 'opt/made-up-nuget';

/** A Node image whose install scripts find a CUDA provider, and a runtime image that has the libraries for it. */
export async function makeUpCuda(buildah: Buildah, standIns: StandIns): Promise<StandIns> {
  const ingredients = [standIns, LINKED, IN_BASE_IMAGE, await readFile(NUGET_SCRIPT, 'utf8')];
  const runtime = imageName('runtime-cuda', ingredients);
  const node = imageName('node-cuda', ingredients);
  if (!(await buildah.has(runtime))) {
    await buildah.derive(standIns.runtime, runtime, (name, root) => addCudaLibraries(buildah, name, root));
  }
  if (!(await buildah.has(node))) {
    await buildah.derive(standIns.node, node, (name, root) => addNuget(buildah, name, root));
  }
  return { runtime, node };
}

async function addCudaLibraries(buildah: Buildah, name: string, root: string): Promise<void> {
  const folder = join(root, 'usr/local/cuda/lib64');
  await mkdir(folder, { recursive: true });
  for (const library of IN_BASE_IMAGE) await makeUpLibrary(root, join(folder, library), []);
  await writeFile(join(root, 'etc/ld.so.conf.d/cuda.conf'), '/usr/local/cuda/lib64\n');
  await buildah.run('run', name, '--', 'ldconfig');
}

async function addNuget(buildah: Buildah, name: string, root: string): Promise<void> {
  const folder = join(root, NUGET_FOLDER);
  await mkdir(folder);
  await makeUpLibrary(root, join(folder, 'libonnxruntime_providers_cuda.so'), LINKED);
  await makeUpLibrary(root, join(folder, 'libonnxruntime_providers_shared.so'), []);
  await makeUpLibrary(root, join(folder, 'libonnxruntime_providers_tensorrt.so'), ['libnvinfer.so.10']);
  await cp(NUGET_SCRIPT, join(folder, 'nuget.cjs'));
  await buildah.run('config', `--env=NODE_OPTIONS=--require=/${NUGET_FOLDER}/nuget.cjs`, name);
}

async function makeUpLibrary(root: string, file: string, linked: readonly string[]): Promise<void> {
  await cp(join(root, EMPTY_LIBRARY), file, { dereference: true });
  // One change a call: patchelf 0.14 mixes up the names when it makes several.
  await run('patchelf', ['--set-soname', basename(file), file]);
  for (const library of linked) await run('patchelf', ['--add-needed', library, file]);
}
