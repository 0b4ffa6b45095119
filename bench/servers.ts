// The servers that are measured: each a child process on a free port of the loopback.

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Bench, BenchProvider } from './experiment.js';
import { end } from './processes.js';

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

  /**
   * Resolves as soon as a GET of this path is answered with 200; rejects where the process ends before.
   * @param look at each other answer; may throw, where waiting is in vain
   */
  async answers(path: string, look: (answer: Response) => Promise<void> = async () => {}): Promise<void> {
    const giveUp = AbortSignal.timeout(READY_WITHIN_MS);
    for (;;) {
      const answer = await fetch(this.url + path).catch(() => undefined);
      if (answer?.ok) return;
      if (answer !== undefined) await look(answer);
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
  /** The model repository. @default the shipped models */
  readonly models?: string;
  readonly args?: readonly string[];
  readonly name?: string;
}

/** Starts `oneslot serve`; resolves when it is ready. */
export async function startOneslot(
  { processes, provider }: Pick<Bench, 'processes' | 'provider'>,
  options: OneslotOptions,
): Promise<Oneslot> {
  const { models = `${PROJECT}models`, name = 'oneslot' } = options;
  const args = [...(options.args ?? []), ...onProvider(provider)];
  const port = await freePort();
  const where = ['--host', '127.0.0.1', '--port', String(port), '--models', models];
  const child = processes.spawn(process.execPath, [MAIN, 'serve', ...where, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: withoutOurs(process.env),
  });
  const oneslot = new Oneslot({ name, child, commandLine: ['oneslot serve', ...args].join(' ') });
  oneslot.url = `http://127.0.0.1:${port}`;
  try {
    await oneslot.answers('/readyz', throwIfModelFailed);
  } catch (error) {
    await end(child);
    throw error;
  }
  return oneslot;
}

async function throwIfModelFailed(answer: Response): Promise<void> {
  const { reasons } = (await answer.json()) as { reasons: readonly string[] };
  const failed = reasons.find((reason) => /model .*provider|GPU is required/s.test(reason));
  if (failed !== undefined) throw new Error(failed);
}

function onProvider(provider: BenchProvider): readonly string[] {
  return provider === 'cpu' ? [] : ['--provider', provider, '--require-gpu'];
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
