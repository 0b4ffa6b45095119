// The servers that are measured: each a child process on a free port of the loopback.

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { end, type Processes } from './processes.js';

const MAIN = fileURLToPath(new URL('../src/main.js', import.meta.url));
/** From dist/bench to the top of the repository. */
export const PROJECT = fileURLToPath(new URL('../../', import.meta.url));

const READY_WITHIN_MS = 60_000;
const POLL_MS = 20;

export interface ServerOptions {
  readonly name: string;
  readonly child: ChildProcess;
  /** As a reader would type it. */
  readonly commandLine: string;
}

/** A child process that answers HTTP. */
export class Server implements AsyncDisposable {
  readonly name: string;
  readonly commandLine: string;
  readonly child: ChildProcess;
  url = '';
  #errors = '';

  constructor({ name, child, commandLine }: ServerOptions) {
    this.name = name;
    this.child = child;
    this.commandLine = commandLine;
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#errors = (this.#errors + text).slice(-4000);
    });
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** Resolves as soon as a GET of this path is answered with 200; rejects where the process ends before. */
  async answers(path: string): Promise<void> {
    const giveUp = AbortSignal.timeout(READY_WITHIN_MS);
    while (
      !(await fetch(this.url + path).then(
        ({ ok }) => ok,
        () => false,
      ))
    ) {
      if (this.child.exitCode !== null || giveUp.aborted) {
        throw new Error(`${this.name} does not answer ${path}: ${this.#errors}`);
      }
      await delay(POLL_MS);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await end(this.child);
  }
}

/** oneslot itself, as the command that users start. */
export class Oneslot extends Server {
  /** The present runner's process id, also of one that still loads; undefined between two. */
  async runnerPid(): Promise<number | undefined> {
    const children = await readFile(`/proc/${this.pid}/task/${this.pid}/children`, 'utf8');
    return Number(children.trim().split(' ').at(-1)) || undefined;
  }
}

export interface OneslotOptions {
  readonly processes: Processes;
  /** The model repository. @default the shipped models */
  readonly models?: string;
  readonly args?: readonly string[];
  readonly name?: string;
}

/** Starts `oneslot serve`; resolves when it is ready. */
export async function startOneslot(options: OneslotOptions): Promise<Oneslot> {
  const { processes, models = `${PROJECT}models`, args = [], name = 'oneslot' } = options;
  const port = await freePort();
  const where = ['--host', '127.0.0.1', '--port', String(port), '--models', models];
  const child = processes.spawn(process.execPath, [MAIN, 'serve', ...where, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: withoutOurs(process.env),
  });
  const oneslot = new Oneslot({ name, child, commandLine: ['oneslot serve', ...args].join(' ') });
  oneslot.url = `http://127.0.0.1:${port}`;
  await oneslot.answers('/readyz');
  return oneslot;
}

/** Options come from the command line alone, so that it tells all. */
function withoutOurs(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('ONESLOT_')));
}

/** A port that nobody uses now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  return port;
}

/** Resident memory of a process in bytes; 0 where it is gone. */
export async function residentBytes(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
}
