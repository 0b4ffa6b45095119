// What lies at a path where a file was expected. Opening a FIFO would wait for its other end for ever, and /dev/zero never ends.

import type { Stats } from 'node:fs';
import { lstat, realpath, stat } from 'node:fs/promises';
import { dirname, sep } from 'node:path';

/** What it is, in words; undefined for a file. */
export function kindWords(found: Stats): string | undefined {
  if (found.isFile()) return undefined;
  if (found.isDirectory()) return 'a folder';
  if (found.isFIFO()) return 'a FIFO';
  if (found.isSocket()) return 'a socket';
  return 'a device';
}

/**
 * Why a path leads to neither a file nor a folder that could be used, in words.
 * @returns undefined where nothing is wrong, or nothing is there.
 */
export async function oddityOf(path: string): Promise<string | undefined> {
  try {
    const found = await stat(path);
    if (found.isFile()) return undefined;
    return found.isDirectory() ? await turnOf(path) : kindWords(found);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ELOOP') return 'a link that leads to itself';
    return code === 'ENOENT' && (await isLink(path)) ? 'a link that leads nowhere' : undefined;
  }
}

/** A folder that is one of those which it lies in would hold itself, without end. */
async function turnOf(folder: string): Promise<string | undefined> {
  if (!(await isLink(folder))) return undefined;
  const [target, place] = await Promise.all([realpath(folder), realpath(dirname(folder))]);
  const inside = target.endsWith(sep) ? target : `${target}${sep}`;
  return `${place}${sep}`.startsWith(inside) ? 'a link to a folder that it lies in' : undefined;
}

async function isLink(path: string): Promise<boolean> {
  return await lstat(path).then(
    (found) => found.isSymbolicLink(),
    () => false,
  );
}
