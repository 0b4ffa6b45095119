// Which process the kernel ends when memory is short: the runner, whose end costs one run, and not the server, whose end
// costs everyone their place.

import { readFileSync, writeFileSync } from 'node:fs';

/** Of 1000: as if it held half of all memory more than it does. What the platform has set for both stays the base. */
const ABOVE_SERVER = 500;
const MOST = 1000;

/** Puts this process before the server, from which it has inherited its score. Without effect where there is no such file. */
export function goBeforeServer(file = '/proc/self/oom_score_adj'): void {
  try {
    const inherited = Number(readFileSync(file, 'utf8'));
    writeFileSync(file, String(Math.min(MOST, inherited + ABOVE_SERVER)));
  } catch {
    // Not Linux, or /proc is read-only: the kernel then decides by size alone, and mostly for the runner too.
  }
}
