// The processes of a container, as the host's /proc shows them.

import { readFile, readlink } from 'node:fs/promises';

export interface Process {
  readonly pid: number;
  /** Its number in its own container. */
  readonly innerPid: number;
  /** The program's file, as it is called in its own container. */
  readonly program: string;
  readonly arguments: readonly string[];
  readonly uid: number;
  readonly capabilities: bigint;
  readonly children: readonly Process[];
}

/** A process with all that came from it. */
export async function processTree(pid: number): Promise<Process> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const field = (name: string): string[] =>
    new RegExp(`^${name}:\\s+(.*)$`, 'm').exec(status)![1]!.split(/\s+/);
  const children = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).split(' ').filter(Boolean);
  return {
    pid,
    innerPid: Number(field('NSpid').at(-1)),
    program: await readlink(`/proc/${pid}/exe`),
    arguments: (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0').slice(1, -1),
    uid: Number(field('Uid')[1]),
    capabilities: BigInt(`0x${field('CapEff')[0]}`),
    children: await Promise.all(children.map((child) => processTree(Number(child)))),
  };
}

export const allOf = (process: Process): readonly Process[] => [process, ...process.children.flatMap(allOf)];

/** One line a process, those that came from it below and further in. */
export function drawn(process: Process, depth = 0): string {
  const line = `${'  '.repeat(depth)}${process.innerPid} ${process.program} ${process.arguments.join(' ')}`;
  return [line, ...process.children.map((child) => drawn(child, depth + 1))].join('\n');
}
