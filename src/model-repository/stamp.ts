// A stamp of all files of a model: another one as soon as any of them is another, is written again, comes or goes.
// Content is not read: weights may be many gigabytes.

import { createHash } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isVersion } from './version.js';

/** What a walk takes at most; a link may lead to its own folder, or to a whole disk. */
const MAX_DEPTH = 8;
const MAX_ENTRIES = 4096;

/** What is said about a model changes nothing of it. */
const IGNORED = /^\.|^lost\+found$|\.md$/i;

/**
 * Of model.json and whatever lies beside it, and of the served version's folder; links are followed.
 * Rejects with an error of the file system where the folder can't be read.
 */
export async function stampOf(folder: string, version?: string): Promise<string> {
  return (await lookOver(folder, version)).stamp;
}

/** What a look over a model's files tells. */
export interface Overlook {
  readonly stamp: string;
  /** When the youngest of them changed, in milliseconds of the wall clock. */
  readonly changedAtMs: number;
}

/** The stamp, and how young the files are. Rejects as `stampOf` does. */
export async function lookOver(folder: string, version?: string): Promise<Overlook> {
  const walk: Walk = { hash: createHash('sha256'), left: MAX_ENTRIES, youngestNs: 0n };
  const isOther = (name: string): boolean => version !== undefined && isVersion(name) && name !== version;
  const names = (await namesIn(folder)).filter((name) => !isOther(name));
  // Should there be too many entries, those of the version count.
  names.sort((a, b) => Number(b === version) - Number(a === version));
  await addAll(names, folder, MAX_DEPTH, walk);
  const changedAtMs = Number(walk.youngestNs / 1_000_000n);
  return { stamp: walk.hash.digest('hex').slice(0, 32), changedAtMs };
}

/** Whoever copies a model writes for a while. */
const WRITING_MS = 2_000;

/** Whether files that changed then may still be about to be written: what is wrong with them may be right in a moment. */
export function mayBeInWriting(changedAtMs: number | undefined): boolean {
  return changedAtMs !== undefined && Math.abs(Date.now() - changedAtMs) < WRITING_MS;
}

interface Walk {
  youngestNs: bigint;
  readonly hash: ReturnType<typeof createHash>;
  left: number;
}

async function namesIn(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => !IGNORED.test(name)).sort();
}

async function addAll(names: readonly string[], folder: string, depth: number, walk: Walk): Promise<void> {
  for (const name of names) {
    walk.left -= 1;
    if (walk.left < 0) return;
    await add(join(folder, name), depth, walk);
  }
}

async function add(path: string, depth: number, walk: Walk): Promise<void> {
  const found = await statOf(path);
  if (found !== undefined && found.ctimeNs > walk.youngestNs) walk.youngestNs = found.ctimeNs;
  if (found?.isDirectory()) {
    walk.hash.update(`${path}/\n`);
    if (depth > 0) await addAll(await namesIn(path), path, depth - 1, walk);
    return;
  }
  // The time of the last change of the inode tells a file that was replaced by one of the same size and age.
  walk.hash.update(
    `${path} ${found === undefined ? 'none' : `${found.size} ${found.mtimeNs} ${found.ctimeNs}`}\n`,
  );
}

async function statOf(path: string): Promise<BigIntStats | undefined> {
  try {
    return await stat(path, { bigint: true });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') return undefined;
    throw error;
  }
}
