// What a process holds, as the kernel counts it.

import { readFileSync, writeFileSync } from 'node:fs';

/** Memory that it has now. */
export const residentBytes = (pid: number): number => statusBytes(pid, 'VmRSS');

/** The most that it has had since `forgetPeak`. */
export const peakBytes = (pid: number): number => statusBytes(pid, 'VmHWM');

export function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

function statusBytes(pid: number, name: string): number {
  const [, kib] = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(
    readFileSync(`/proc/${pid}/status`, 'utf8'),
  )!;
  return 1024 * Number(kib);
}
