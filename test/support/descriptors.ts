// What a process holds open, as Linux tells it.

import { execFileSync } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';

/** How many file descriptors a process has. */
export function descriptorsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** How many of them are sockets: its connections, and what leads to its runner. */
export function socketsOf(pid: number): number {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).filter((fd) => isSocket(`${folder}/${fd}`)).length;
}

function isSocket(path: string): boolean {
  try {
    return readlinkSync(path).startsWith('socket:');
  } catch {
    // Closed meanwhile.
    return false;
  }
}

/** As `ulimit -n`, of a process that runs already. */
export function setDescriptorLimit(pid: number, limit: number): void {
  execFileSync('prlimit', ['--pid', String(pid), `--nofile=${limit}:`]);
}
