// The compiled files of this program, as they were when it started. A build may replace them under a running server; its
// next runner would then speak another language than it does.

import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FOLDER = dirname(fileURLToPath(import.meta.url));

export class OwnFiles {
  readonly #atStart = digest();

  /** Whether they still say the same. */
  async areSame(): Promise<boolean> {
    return (await this.#atStart) === (await digest());
  }
}

/** Undefined where they can't be read now. */
async function digest(): Promise<string | undefined> {
  try {
    const files = (await readdir(FOLDER, { recursive: true })).filter((file) => file.endsWith('.js')).sort();
    const contents = await Promise.all(files.map((file) => readFile(join(FOLDER, file))));
    const hash = createHash('sha256');
    for (const [index, file] of files.entries()) hash.update(`${file}\n`).update(contents[index]!);
    return hash.digest('hex');
  } catch {
    return undefined;
  }
}
