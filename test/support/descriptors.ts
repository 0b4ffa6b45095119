// What a process holds open, as Linux tells it.

import { readdirSync } from 'node:fs';

/** How many file descriptors a process has. */
export function descriptorsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}
