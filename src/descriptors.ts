// File descriptors: how many this process may have, and how many it has. Linux tells; elsewhere nobody asks.

import { readdirSync, readFileSync } from 'node:fs';

/** The soft limit (`ulimit -n`), which may be changed from outside while the process runs. */
export function descriptorLimit(): number | undefined {
  const value = read(() => /^Max open files\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1]);
  return value === undefined || value === 'unlimited' ? undefined : Number(value);
}

export function openDescriptors(): number | undefined {
  return read(() => readdirSync('/proc/self/fd').length);
}

/** Undefined on other systems, and where no descriptor is left to ask with. */
function read<Value>(ask: () => Value): Value | undefined {
  try {
    return ask();
  } catch {
    return undefined;
  }
}
