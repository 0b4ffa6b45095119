// Starts a load in a process of its own and hands back its answers.

import type { ChildProcess } from 'node:child_process';
import { setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import { end, type Processes } from '../processes.js';
import type { Progress } from '../progress.js';
import type { Answer, FromLoad, LoadPlan, ToLoad } from './plan.js';

const LOAD_PROCESS = fileURLToPath(new URL('./load-process.js', import.meta.url));

export class Load {
  readonly #child: ChildProcess;
  /** When the first call was due; ms of the monotonic clock. Rejects where the process ends too soon. */
  readonly startedMs: Promise<number>;
  /** Every call's answer, in the order in which they came. */
  readonly answers: Promise<readonly Answer[]>;
  sent = 0;
  answered = 0;

  constructor(child: ChildProcess, progress: Progress | undefined) {
    this.#child = child;
    const died = new Promise<never>((_, reject) => {
      child.once('exit', (code, signal) => {
        const tell = () => reject(new Error(`the load generator ended with ${code ?? signal}`));
        // Its last words may still be on their way; the channel closes behind them.
        if (child.connected) child.once('disconnect', () => setImmediate(tell));
        else setImmediate(tell);
      });
      child.once('error', reject);
    });
    const told = <Kind extends FromLoad['kind']>(kind: Kind): Promise<Extract<FromLoad, { kind: Kind }>> =>
      new Promise((resolve) => {
        child.on('message', (message: FromLoad) => {
          if (message.kind === kind) resolve(message as Extract<FromLoad, { kind: Kind }>);
        });
      });
    child.on('message', (message: FromLoad) => {
      if (message.kind !== 'progress') return;
      this.sent = message.sent;
      this.answered = message.answered;
      progress?.at(`${message.sent} sent, ${message.answered} answered`);
    });
    this.startedMs = Promise.race([told('started').then(({ atMs }) => atMs), died]);
    this.answers = Promise.race([told('done').then(({ answers }) => answers), died]);
    // Whoever does not look at one of them has not overlooked its failure.
    this.startedMs.catch(() => {});
    this.answers.catch(() => {});
  }

  /** Sends nothing more; `answers` follows when the last call is answered. */
  stop(): void {
    if (this.#child.connected) this.#child.send({ kind: 'stop' } satisfies ToLoad);
  }

  /** Leaves all that is under way, as callers do who have gone. */
  async abandon(): Promise<void> {
    await end(this.#child);
  }
}

export interface LoadOptions {
  readonly processes: Processes;
  /** Where it shows how far it is. */
  readonly progress?: Progress;
  /** Above 0 it gives way to all others, as a load from another machine would. @default 0 */
  readonly niceness?: number;
}

export function startLoad(plan: LoadPlan, { processes, progress, niceness = 0 }: LoadOptions): Load {
  const child = processes.fork(LOAD_PROCESS, { serialization: 'advanced', execArgv: [] });
  if (niceness > 0 && child.pid !== undefined) setPriority(child.pid, niceness);
  const load = new Load(child, progress);
  child.send({ kind: 'start', plan } satisfies ToLoad);
  return load;
}

/** The answers of a load that ends by itself. */
export async function runLoad(plan: LoadPlan, options: LoadOptions): Promise<readonly Answer[]> {
  return await startLoad(plan, options).answers;
}
