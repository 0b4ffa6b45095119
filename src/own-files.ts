// The compiled files of this program, as they were when it started. A build may replace them under a running server; its
// next runner would then speak another language than it does.

import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FOLDER = dirname(fileURLToPath(import.meta.url));

export class OwnFiles {
  readonly #atStart = digest();

  /** Whether they say the same still, as far as they can be read. */
  async areSame(): Promise<boolean> {
    const [atStart, now] = [await this.#atStart, await digest()];
    return atStart === undefined || now === undefined || atStart === now;
  }
}

/** Undefined where they can't be read now. */
async function digest(): Promise<string | undefined> {
  try {
    const files = (await readdir(FOLDER, { recursive: true })).filter((file) => file.endsWith('.js')).sort();
    const hash = createHash('sha256');
    // One after the other: together they would take more file descriptors than there may be.
    for (const file of files) hash.update(`${file}\n`).update(await readFile(join(FOLDER, file)));
    return hash.digest('hex');
  } catch {
    return undefined;
  }
}
