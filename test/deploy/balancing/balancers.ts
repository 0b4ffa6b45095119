// A real HAProxy or nginx with the configuration that deploy/ ships, before replicas on the loopback.
//
// Changed in the configuration are only addresses (replicas, listeners) and the folder for temporary files.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, open, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { track } from '../../support/programs/command.js';
import { until } from '../../support/until.js';
import type { Context } from '../part.js';

/** Of the balancers alone: no outgoing connection takes one of its ports meanwhile. */
const ADDRESS = '127.0.0.10';

/** nobody's, which owns nothing: what runs as it needs no root. */
const UNPRIVILEGED = 65_534;

/** Of util-linux; it becomes what it runs. */
const UNPRIVILEGED_COMMAND = [
  'setpriv',
  `--reuid=${UNPRIVILEGED}`,
  `--regid=${UNPRIVILEGED}`,
  '--clear-groups',
  '--',
];

const SHOWN_LINES = 40;

interface Program {
  readonly name: string;
  /** In deploy/. */
  readonly configFile: string;
  command(configFile: string): readonly string[];
  readonly reloadSignal: NodeJS.Signals;
}

const HAPROXY: Program = {
  name: 'haproxy',
  configFile: 'haproxy/haproxy.cfg',
  command: (file) => ['/usr/sbin/haproxy', '-W', '-f', file],
  reloadSignal: 'SIGUSR2',
};

const NGINX: Program = {
  name: 'nginx',
  configFile: 'nginx/nginx.conf',
  command: (file) => ['/usr/sbin/nginx', '-e', 'stderr', '-g', 'daemon off;', '-c', file],
  reloadSignal: 'SIGHUP',
};

export interface Surroundings {
  readonly env?: Readonly<Record<string, string>>;
  /** A command that runs the one which is put behind it, in place of itself. */
  readonly through?: readonly string[];
  /** Changes the configuration further. */
  readonly edit?: (config: string) => string;
}

export const startHaproxy = (context: Context, replicas: readonly string[], surroundings?: Surroundings) =>
  Balancer.start(HAPROXY, context, replicas, surroundings);
export const startNginx = (context: Context, replicas: readonly string[]) =>
  Balancer.start(NGINX, context, replicas);

export class Balancer {
  private constructor(
    readonly name: string,
    /** Where predictions go. */
    readonly url: string,
    /** Where operators look. */
    readonly operatorsUrl: string,
    readonly logFile: string,
    readonly child: ChildProcess,
    readonly reloadSignal: NodeJS.Signals,
  ) {}

  /** Resolves when it answers. @param replicas their addresses, `host:port`, in the place of oneslot-1, -2, -3 */
  static async start(
    program: Program,
    context: Context,
    replicas: readonly string[],
    surroundings: Surroundings = {},
  ): Promise<Balancer> {
    const folder = await folderFor(program.name, context);
    const [port, operatorsPort] = [await freePort(), await freePort()];
    const shipped = await readFile(join(context.project, 'deploy', program.configFile), 'utf8');
    const configFile = join(folder, 'config');
    const { edit = (config) => config } = surroundings;
    await writeFile(configFile, edit(onLoopback(shipped, { replicas, port, operatorsPort, folder })));
    const logFile = join(folder, 'log');
    const child = await spawnUnprivileged(program.command(configFile), logFile, surroundings);
    const [url, operatorsUrl] = [`http://${ADDRESS}:${port}`, `http://${ADDRESS}:${operatorsPort}`];
    const balancer = new Balancer(program.name, url, operatorsUrl, logFile, child, program.reloadSignal);
    context.cleanup.add(() => balancer.stop());
    await until(() => balancer.#answers());
    return balancer;
  }

  /** New processes take over; the old ones end what they have begun. */
  reload(): void {
    this.child.kill(this.reloadSignal);
  }

  async log(): Promise<string> {
    return await readFile(this.logFile, 'utf8');
  }

  async stop(): Promise<void> {
    if (this.#hasEnded) return;
    const ended = once(this.child, 'close');
    this.child.kill('SIGTERM');
    await ended;
  }

  get #hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  async #answers(): Promise<boolean> {
    if (this.#hasEnded) {
      const lines = (await this.log()).trimEnd().split('\n');
      throw new Error(`${this.name} ended:\n${lines.slice(-SHOWN_LINES).join('\n')}`);
    }
    return await fetch(`${this.url}/readyz`).then(
      ({ status }) => status === 200,
      () => false,
    );
  }
}

interface Places {
  readonly replicas: readonly string[];
  readonly port: number;
  readonly operatorsPort: number;
  readonly folder: string;
}

function onLoopback(shipped: string, { replicas, port, operatorsPort, folder }: Places): string {
  return shipped
    .replaceAll(/\boneslot-(\d):8080\b/g, (_name, number) => replicas[Number(number) - 1]!)
    .replaceAll(/\b(bind|listen) :?8080\b/g, `$1 ${ADDRESS}:${port}`)
    .replaceAll(/\b(bind|listen) :?8404\b/g, `$1 ${ADDRESS}:${operatorsPort}`)
    .replaceAll('/tmp/', `${folder}/`);
}

async function folderFor(name: string, { folder }: Context): Promise<string> {
  const own = join(folder, name);
  await mkdir(own, { recursive: true });
  if (process.getuid?.() !== 0) return own;
  await chmod(folder, 0o755);
  await chown(own, UNPRIVILEGED, UNPRIVILEGED);
  return own;
}

async function spawnUnprivileged(
  command: readonly string[],
  logFile: string,
  { env = {}, through = [] }: Surroundings,
): Promise<ChildProcess> {
  const log = await open(logFile, 'a');
  const isRoot = process.getuid?.() === 0;
  // nginx opens its standard output by name.
  if (isRoot) await log.chown(UNPRIVILEGED, UNPRIVILEGED);
  const [program, ...args] = [...through, ...(isRoot ? UNPRIVILEGED_COMMAND : []), ...command];
  const child = spawn(program!, args, {
    stdio: ['ignore', log.fd, log.fd],
    env: { ...process.env, ...env },
  });
  await once(child, 'spawn');
  await log.close();
  track(child);
  return child;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => void server.listen(0, ADDRESS, resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
