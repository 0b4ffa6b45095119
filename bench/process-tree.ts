// What /proc says of a process and of all that it has started: who they are, what they hold and what they have used.

import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

/** Linux counts processor time in these. */
const TICK_MS = 10;

/** These processes and all that descend from them; gone ones are left out. */
export async function treeOf(roots: readonly number[]): Promise<readonly number[]> {
  const found: number[] = [];
  for (const pid of roots) {
    if ((await statOf(pid)) === undefined) continue;
    found.push(pid, ...(await treeOf(await childrenOf(pid))));
  }
  return found;
}

/** Of any of its threads: each has a list of its own. */
async function childrenOf(pid: number): Promise<readonly number[]> {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => []);
  const lists = await Promise.all(
    threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/children`, 'utf8').catch(() => '')),
  );
  return lists.flatMap((list) => list.split(' ').filter((word) => word.trim() !== '')).map(Number);
}

/**
 * Memory in bytes: what is shared among several processes counts once, in shares (PSS).
 * A process that is gone counts nothing.
 */
export async function memoryOf(pids: readonly number[]): Promise<number> {
  const sizes = await Promise.all(
    pids.map(async (pid) => {
      const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
      return Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1] ?? 0) * 1024;
    }),
  );
  return sizes.reduce((total, bytes) => total + bytes, 0);
}

/** Processor time that they have used so far, those of them that are gone not counted. */
export async function processorMs(pids: readonly number[]): Promise<number> {
  const times = await Promise.all(pids.map(async (pid) => (await statOf(pid)) ?? 0));
  return times.reduce((total, ms) => total + ms, 0);
}

/** The one that has used most of the processor in that time. */
export async function busiest(pids: readonly number[], withinMs: number): Promise<number | undefined> {
  const before = await Promise.all(pids.map(statOf));
  await delay(withinMs);
  const after = await Promise.all(pids.map(statOf));
  const used = pids.map((pid, index) => ({ pid, ms: (after[index] ?? 0) - (before[index] ?? 0) }));
  const [most] = used.toSorted((a, b) => b.ms - a.ms);
  return most !== undefined && most.ms > 0 ? most.pid : undefined;
}

/** Processor time of one process, in user and system mode; undefined where it is gone, a zombie included. */
async function statOf(pid: number): Promise<number | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return processorMsIn(text);
}

/** Of a line of /proc/PID/stat. */
export function processorMsIn(stat: string): number | undefined {
  // The command's name stands in brackets and may hold anything, brackets and spaces too.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state] = fields;
  if (stat === '' || state === 'Z') return undefined;
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}
