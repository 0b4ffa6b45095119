// Every process that the benchmark starts, so that none outlives it, whichever way it ends.

import { type ChildProcess, type ForkOptions, fork, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';

export class Processes {
  readonly #children = new Set<ChildProcess>();
  readonly #folders = new Set<string>();
  readonly #groups = new Set<number>();

  spawn(command: string, args: readonly string[], options: SpawnOptions): ChildProcess {
    return this.#keep(spawn(command, args, options));
  }

  fork(script: string, options: ForkOptions): ChildProcess {
    return this.#keep(fork(script, options));
  }

  /** Leads a process group, so that children of its own end with it: see `endGroup`. */
  spawnGroup(command: string, args: readonly string[], options: SpawnOptions): ChildProcess {
    const child = this.#keep(spawn(command, args, { ...options, detached: true }));
    if (child.pid !== undefined) this.#groups.add(child.pid);
    return child;
  }

  /** Kills all that is left of the child's group, and resolves when the child is gone. */
  async endGroup(child: ChildProcess): Promise<void> {
    if (child.pid !== undefined) {
      killGroup(child.pid);
      this.#groups.delete(child.pid);
    }
    await end(child);
  }

  /** A temporary folder that is removed at the end. */
  keepFolder(path: string): void {
    this.#folders.add(path);
  }

  /** Kills what is left and removes the temporary folders; synchronous, so that it can be the last act. */
  endAll(): void {
    for (const child of this.#children) child.kill('SIGKILL');
    for (const group of this.#groups) killGroup(group);
    for (const folder of this.#folders) rmSync(folder, { recursive: true, force: true });
  }

  #keep(child: ChildProcess): ChildProcess {
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    child.on('error', () => this.#children.delete(child));
    return child;
  }
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nobody of it is left.
  }
}

/** Kills it, and resolves when it is gone. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}
