// Folders of files for one test; they are gone when it ends, whether it passed or not.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach } from '@jest/globals';

/** Contents by path; objects are written as JSON, and a path that ends with "/" is an empty folder. */
export type Tree = Readonly<Record<string, string | object>>;

/** To be called once at the top of a test file; what it returns makes a folder and gives its path. */
export function tempFolders(): (tree?: Tree) => Promise<string> {
  const made: string[] = [];
  afterEach(async () => {
    for (const folder of made.splice(0)) await rm(folder, { recursive: true, force: true });
  });
  return async function makeFolder(tree = {}) {
    const folder = await mkdtemp(join(tmpdir(), 'oneslot-test-'));
    made.push(folder);
    for (const [path, content] of Object.entries(tree)) await write(join(folder, path), content, path);
    return folder;
  };
}

async function write(file: string, content: string | object, path: string): Promise<void> {
  await mkdir(path.endsWith('/') ? file : dirname(file), { recursive: true });
  if (path.endsWith('/')) return;
  await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content));
}
