// What a peer is: a way to serve models that can be measured beside the others, and how its work is asked for.

import type { Bench } from '../experiment.js';
import type { RequestForm } from '../load/plan.js';
import { memoryOf, treeOf } from '../process-tree.js';
import type { Processes } from '../processes.js';
import type { Server } from '../servers.js';

export interface StartOptions {
  /** A repository with the models digits, burn and weigh. */
  readonly models: string;
  /** ONNX Runtime's threads for one run of burn and weigh. */
  readonly threads: number;
  /** Where a server has a bounded queue. @default 64 */
  readonly queueLimit?: number;
  /** Where a server has a limit of its own on waiting; seconds. @default none */
  readonly patience?: number;
  /** The server is to take large tensors, in the best form that it has, and need not take anything else. */
  readonly raw?: boolean;
}

/** How work is asked for; the same work everywhere, in the form that the server takes. */
export interface Forms {
  /** A second of waiting, without computing. Undefined where the server can only run models. */
  readonly wait: ((seconds: number) => RequestForm) | undefined;
  burn(iterations: number, seed?: number, headers?: Readonly<Record<string, string>>): RequestForm;
  /** The body is JSON as oneslot takes it: `{"inputs": …}`. */
  digits(body: string): RequestForm;
  weigh(input: Uint8Array): RequestForm;
}

/** One way into a server; FastAPI has two, `def` and `async def`. */
export interface Route {
  /** Added to the server's title, or nothing. */
  readonly name: string;
  readonly forms: Forms;
}

export interface Peer {
  /** For `--servers`. */
  readonly name: string;
  /** For tables. */
  readonly title: string;
  readonly routes: readonly Route[];
  readonly hasMetrics: boolean;
  /** What the measurement had to change or add, so that all can be asked the same. */
  readonly shimmed: string;
  /** Versions of what serves. */
  versions(): Promise<string>;
  /** Installs what is missing. @throws Error that says why it can't be measured here */
  prepare(bench: Bench): Promise<void>;
  /** Resolves when it answers /healthz. */
  start(bench: Bench, options: StartOptions): Promise<PeerServer>;
}

/** A peer that runs; disposing of it ends all its processes. */
export class PeerServer implements AsyncDisposable {
  readonly peer: Peer;
  readonly #servers: readonly Server[];
  readonly #processes: Processes;

  /** @param servers the one that is asked first; those that stand behind it follow */
  constructor(peer: Peer, servers: readonly Server[], processes: Processes) {
    this.peer = peer;
    this.#servers = servers;
    this.#processes = processes;
  }

  /** The one that callers talk to. */
  get front(): Server {
    return this.#servers[0]!;
  }

  get url(): string {
    return this.front.url;
  }

  /** As a reader would type it. */
  get commandLine(): string {
    return this.#servers.map(({ commandLine }) => commandLine).join(' → ');
  }

  /** Whether the process that was started is gone. */
  get isGone(): boolean {
    return this.#servers.some(({ child }) => child.exitCode !== null || child.signalCode !== null);
  }

  /** All its processes. */
  async pids(): Promise<readonly number[]> {
    return await treeOf(this.#servers.map(({ pid }) => pid));
  }

  /** Bytes of all its processes. */
  async memory(): Promise<number> {
    return await memoryOf(await this.pids());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#servers.map(({ child }) => this.#processes.endGroup(child)));
  }
}
