// What lies in a folder of the repository.

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

export interface Listing {
  readonly folders: readonly string[];
  readonly files: readonly string[];
  /** Whatever is neither: links that lead nowhere or round and round, FIFOs and such. */
  readonly others: readonly string[];
}

/** Made by the file system on every ext4 volume, and readable by root alone. */
const VOLUME_FOLDER = 'lost+found';

/** Hidden entries are left out, links followed; in the order of names. */
export async function list(folder: string): Promise<Listing> {
  const names = (await readdir(folder)).filter((name) => !name.startsWith('.') && name !== VOLUME_FOLDER);
  names.sort();
  const kinds = await Promise.all(names.map((name) => kindOf(join(folder, name))));
  return {
    folders: names.filter((_, index) => kinds[index] === 'folder'),
    files: names.filter((_, index) => kinds[index] === 'file'),
    others: names.filter((_, index) => kinds[index] === undefined),
  };
}

/** @returns undefined where there is nothing, a link that leads nowhere, or a socket or such. */
export async function kindOf(path: string): Promise<'file' | 'folder' | undefined> {
  try {
    const found = await stat(path);
    if (found.isDirectory()) return 'folder';
    return found.isFile() ? 'file' : undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') return undefined;
    throw error;
  }
}

export const isOnnx = (name: string): boolean => name.endsWith('.onnx');
