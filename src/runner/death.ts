// How a runner's process ended, and whether what it ran may be to blame.

import { readFileSync } from 'node:fs';

/** How the process ended. */
export interface Death {
  /** Without what it wrote, so that it may be told to anyone: `died of SIGSEGV`, `ended with exit code 1`. */
  readonly how: string;
  /** Someone else ended it: what it ran is not to blame. */
  readonly isFromOutside: boolean;
}

/** @param before what `oomKills` gave when it was started */
export function deathOf(
  code: number | null,
  signal: NodeJS.Signals | null,
  before: number | undefined,
): Death {
  if (signal === null) return { how: `ended with exit code ${code}`, isFromOutside: false };
  const now = signal === 'SIGKILL' ? oomKills() : undefined;
  if (now === undefined || before === undefined) return { how: `died of ${signal}`, isFromOutside: false };
  if (now === before) return { how: `died of ${signal}`, isFromOutside: true };
  return { how: `died of ${signal}, for want of memory,`, isFromOutside: false };
}

/**
 * How often the kernel has killed a process for want of memory, on this machine, since it started: a SIGKILL does not say
 * who sent it. Undefined where the kernel does not tell.
 */
export function oomKills(): number | undefined {
  try {
    const [, count] = /^oom_kill (\d+)$/m.exec(readFileSync('/proc/vmstat', 'latin1')) ?? [];
    return count === undefined ? undefined : Number(count);
  } catch {
    return undefined;
  }
}
