// A container of an image, started by runc: an OCI bundle made from the image's own configuration, with the root file
// system read-only, no capability left, and the host's loopback for its network.

import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { type Finished, finish, run, track } from '../support/programs/command.js';
import type { ImageConfig } from './buildah.js';

export interface ContainerOptions {
  readonly id: string;
  /** Where the bundle, runc's state and the log go. */
  readonly folder: string;
  readonly rootfs: string;
  readonly image: ImageConfig;
  readonly variables: Readonly<Record<string, string>>;
}

/** The parts of an OCI runtime configuration that are changed here. */
interface RuntimeConfig {
  process: Record<string, unknown>;
  root: Record<string, unknown>;
  mounts: Record<string, unknown>[];
  linux: { namespaces: { type: string }[] };
}

const NO_CAPABILITIES = { bounding: [], effective: [], permitted: [], inheritable: [], ambient: [] };

const TMP = {
  destination: '/tmp',
  type: 'tmpfs',
  source: 'tmpfs',
  options: ['nosuid', 'nodev', 'noexec', 'mode=1777', 'size=64m'],
};

export class Container {
  readonly #runc: readonly string[];
  readonly #id: string;
  readonly #image: ImageConfig;
  readonly #process: ChildProcess;
  readonly logFile: string;
  /** Its exit code, once it has ended. */
  readonly ended: Promise<number | null>;
  #hasEnded = false;

  private constructor({ id, folder, image }: ContainerOptions) {
    this.#runc = ['--root', join(folder, 'state')];
    this.#id = id;
    this.#image = image;
    this.logFile = join(folder, 'log');
    this.#process = spawn('runc', [...this.#runc, 'run', '--bundle', folder, id], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    track(this.#process);
    const log = createWriteStream(this.logFile);
    this.#process.stdout!.pipe(log, { end: false });
    this.#process.stderr!.pipe(log, { end: false });
    this.ended = new Promise((resolve, reject) => {
      this.#process.on('error', reject);
      this.#process.on('close', (code) => {
        this.#hasEnded = true;
        log.end(() => resolve(code));
      });
    });
  }

  static async start(options: ContainerOptions): Promise<Container> {
    await run('runc', ['spec', '--bundle', options.folder]);
    const file = join(options.folder, 'config.json');
    const config = JSON.parse(await readFile(file, 'utf8')) as RuntimeConfig;
    adapt(config, options);
    await writeFile(file, JSON.stringify(config));
    return new Container(options);
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Runs a command beside the service, as its user unless `flags` says otherwise. */
  exec(command: readonly string[], flags: readonly string[] = []): Promise<Finished> {
    return finish('runc', [...this.#runc, 'exec', ...flags, this.#id, ...command]);
  }

  /** What an engine does to find out whether it is healthy. */
  checkHealth(flags: readonly string[] = []): Promise<Finished> {
    const [kind, ...command] = this.#image.Healthcheck.Test;
    return this.exec(kind === 'CMD-SHELL' ? ['/bin/sh', '-c', ...command] : command, flags);
  }

  /** What an engine does to stop it: the image's own signal, to the first process. */
  async stop(): Promise<void> {
    await run('runc', [...this.#runc, 'kill', this.#id, this.#image.StopSignal]);
  }

  /** The host's number of its first process. */
  async pid(): Promise<number> {
    return (JSON.parse(await run('runc', [...this.#runc, 'state', this.#id])) as { pid: number }).pid;
  }

  /** Ends it, if it has not ended, and removes what is left of it. */
  async remove(): Promise<void> {
    await finish('runc', [...this.#runc, 'delete', '--force', this.#id]);
    await this.ended;
  }
}

/** A port that nobody listens on. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

function adapt(config: RuntimeConfig, { image, rootfs, variables }: ContainerOptions): void {
  const [uid, gid] = image.User.split(':').map(Number);
  Object.assign(config.process, {
    terminal: false,
    user: { uid, gid },
    args: [...image.Entrypoint, ...image.Cmd],
    env: [...image.Env, ...Object.entries(variables).map(([name, value]) => `${name}=${value}`)],
    cwd: image.WorkingDir,
    capabilities: NO_CAPABILITIES,
    noNewPrivileges: true,
  });
  config.root = { path: rootfs, readonly: true };
  config.mounts.push(TMP);
  config.linux.namespaces = config.linux.namespaces.filter(({ type }) => type !== 'network');
}
