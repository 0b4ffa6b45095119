// What an image holds: how large, of which parts, and for which machine its binaries are.

import { lstat, open, readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';

export interface FoundFile {
  /** From the image's root, without a leading slash. */
  readonly path: string;
  readonly bytes: number;
  /** By others than its owner. */
  readonly isWritable: boolean;
}

export async function filesUnder(root: string): Promise<readonly FoundFile[]> {
  const files: FoundFile[] = [];
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const { size, mode } = await lstat(path);
    files.push({ path: relative(root, path), bytes: size, isWritable: (mode & 0o022) !== 0 });
  }
  return files;
}

/** Bytes a part, the largest first. */
export function partsOf(files: readonly FoundFile[]): readonly (readonly [part: string, bytes: number])[] {
  const parts = new Map<string, number>();
  for (const { path, bytes } of files) parts.set(partOf(path), (parts.get(partOf(path)) ?? 0) + bytes);
  return [...parts].sort(([, a], [, b]) => b - a);
}

export const BASE_SYSTEM = 'the base image, with tini';

function partOf(path: string): string {
  if (path === 'usr/local/bin/node') return path;
  const [part] = /^app\/(node_modules\/(@[^/]+\/)?[^/]+|[^/]+)/.exec(path) ?? [];
  return part ?? BASE_SYSTEM;
}

/** The start of an ELF file for x86-64: magic, 64 bits, little-endian; the machine stands at byte 18. */
const ELF64 = Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
const X86_64 = 62;

const NATIVE = /\.(node|dll|dylib|exe|so(\.[\d.]+)?)$/;

/** Native files that a Linux machine with an x86-64 processor can't load. */
export async function foreignBinaries(root: string, files: readonly FoundFile[]): Promise<readonly string[]> {
  const foreign: string[] = [];
  for (const { path } of files) {
    if (NATIVE.test(path) && !(await isNative(join(root, path)))) foreign.push(path);
  }
  return foreign;
}

async function isNative(file: string): Promise<boolean> {
  await using handle = await open(file);
  const header = Buffer.alloc(20);
  await handle.read(header, 0, header.length, 0);
  return header.subarray(0, ELF64.length).equals(ELF64) && header.readUInt16LE(18) === X86_64;
}
