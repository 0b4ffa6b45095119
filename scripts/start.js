// `npm start`: compiles what has changed, and runs the server from a copy of its own. A build beside it may then do what
// it likes with dist/: the processes and threads that the server starts later are still of the build that it is of itself.

import { constants, copyFileSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from './build.js';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
/** As deep as dist/: the program finds its package.json by the way there. */
const COPY = /^dist-(\d+)$/;

if (await build()) {
  removeLeftCopies();
  const copy = join(ROOT, `dist-${process.pid}`);
  copyAll(join(ROOT, 'dist', 'src'), join(copy, 'src'));
  process.on('exit', () => rmSync(copy, { recursive: true, force: true }));
  const main = join(copy, 'src', 'main.js');
  process.argv[1] = main;
  await import(pathToFileURL(main).href);
}

/** @param {string} from @param {string} to */
function copyAll(from, to) {
  for (const entry of readdirSync(from, { recursive: true, encoding: 'utf8' })) {
    const source = join(from, entry);
    if (!statSync(source).isFile()) continue;
    const target = join(to, entry);
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(source, target, constants.COPYFILE_FICLONE);
  }
}

/** Of servers that were killed. */
function removeLeftCopies() {
  for (const entry of readdirSync(ROOT)) {
    const [, pid] = COPY.exec(entry) ?? [];
    if (pid !== undefined && !isAlive(Number(pid)))
      rmSync(join(ROOT, entry), { recursive: true, force: true });
  }
}

/** @param {number} pid */
function isAlive(pid) {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM';
  }
}
