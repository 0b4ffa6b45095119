// Images, built and kept by buildah in a folder of ours: no daemon, no registry.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Cleanup } from '../support/programs/cleanup.js';
import { finish, run } from '../support/programs/command.js';

/** What an image says about how it wants to be run; the part of the Docker format that is read here. */
export interface ImageConfig {
  readonly User: string;
  readonly Env: readonly string[];
  readonly Entrypoint: readonly string[];
  readonly Cmd: readonly string[];
  readonly WorkingDir: string;
  readonly StopSignal: string;
  readonly Labels: Readonly<Record<string, string>>;
  readonly ExposedPorts: Readonly<Record<string, object>>;
  readonly Healthcheck: { readonly Test: readonly string[] };
}

export interface BuildOptions {
  readonly context: string;
  readonly file: string;
  readonly tag: string;
  readonly target?: string;
  readonly args: Readonly<Record<string, string>>;
}

export class Buildah {
  readonly #storage: readonly string[];
  readonly #env: NodeJS.ProcessEnv;

  constructor(folder: string) {
    const temporary = join(folder, 'tmp');
    mkdirSync(temporary, { recursive: true });
    this.#storage = [
      '--storage-driver=vfs',
      `--root=${join(folder, 'storage')}`,
      `--runroot=${join(folder, 'run')}`,
    ];
    // The cache mounts of a Dockerfile lie in the temporary folder: here they last.
    this.#env = { TMPDIR: temporary, BUILDAH_ISOLATION: 'chroot' };
  }

  run(...args: readonly string[]): Promise<string> {
    return run('buildah', [...this.#storage, ...args], this.#env);
  }

  async has(image: string): Promise<boolean> {
    const { code } = await finish('buildah', [...this.#storage, 'inspect', '--type=image', image], this.#env);
    return code === 0;
  }

  /** Does nothing where there is none. */
  async remove(image: string): Promise<void> {
    if (await this.has(image)) await this.run('rmi', image);
  }

  /** The Docker format, since the OCI format has no health check. */
  async build({ context, file, tag, target, args }: BuildOptions): Promise<void> {
    const buildArgs = Object.entries(args).map(([name, value]) => `--build-arg=${name}=${value}`);
    const stage = target === undefined ? [] : [`--target=${target}`];
    const fixed = [
      '--format=docker',
      '--pull=never',
      '--no-cache',
      '--force-rm',
      `--file=${file}`,
      `--tag=${tag}`,
    ];
    await this.run('build', ...fixed, ...stage, ...buildArgs, context);
  }

  /** The folder with the image's file system, there until cleaning up. */
  async open(image: string, cleanup: Cleanup): Promise<string> {
    const name = await this.run('from', '--pull=never', image);
    cleanup.add(() => this.run('rm', name));
    return await this.run('mount', name);
  }

  /**
   * A new image: `base`, changed by `change`, which gets the name of a working container and its file system's folder.
   */
  async derive(
    base: string,
    tag: string,
    change: (name: string, root: string) => Promise<void>,
  ): Promise<void> {
    const name = await this.run('from', '--pull=never', base);
    try {
      await change(name, await this.run('mount', name));
      await this.run('commit', '--format=docker', name, tag);
    } finally {
      await this.run('rm', name);
    }
  }

  async configOf(image: string): Promise<ImageConfig> {
    const inspected = JSON.parse(await this.run('inspect', '--type=image', image));
    return inspected.Docker.config as ImageConfig;
  }
}
