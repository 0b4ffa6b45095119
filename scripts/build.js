// Compiles into dist/ only what has changed since the last time, and never takes a file away from a server that runs
// from there: the compiler writes into dist-build/, and what came out differently is put in place whole, by renaming.

import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const DIST = join(ROOT, 'dist');
/** As deep as dist/: source maps name their sources by the way there. */
const STAGE = join(ROOT, 'dist-build');
/** Lies in the stage, so that a stage that was removed is filled anew. */
const INFO = '.tsbuildinfo';
const LOCK = join(ROOT, '.build', 'build.lock');
const WAIT_MS = 200;

/** Ends the process with the compiler's own exit code where it finds an error; dist/ then stays as it was. */
export async function build() {
  await takeLock();
  try {
    say('compiling what has changed …');
    const startedMs = performance.now();
    const code = compile();
    if (code !== 0) {
      say('not compiled; dist/ is what it was');
      process.exitCode = code;
      return false;
    }
    const changed = publish();
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    say(
      `compiled in ${seconds} s; ${changed === 0 ? 'nothing has changed' : `${changed} files have changed`}`,
    );
    return true;
  } finally {
    rmSync(LOCK, { force: true });
  }
}

/** @param {string} text */
function say(text) {
  process.stderr.write(`oneslot: ${text}\n`);
}

function compile() {
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  const into = ['--outDir', STAGE, '--incremental', '--tsBuildInfoFile', join(STAGE, INFO)];
  const { status } = spawnSync(process.execPath, [tsc, '-p', ROOT, ...into], { stdio: ['ignore', 2, 2] });
  return status ?? 1;
}

/** Makes dist/ what the stage holds; gives how many files were not yet. */
function publish() {
  const staged = filesIn(STAGE).filter((file) => file !== INFO && !isOrphan(file));
  const kept = new Set(staged);
  let changed = 0;
  for (const file of staged) changed += Number(putInPlace(file));
  for (const file of filesIn(DIST)) {
    if (kept.has(file)) continue;
    rmSync(join(DIST, file));
    changed += 1;
  }
  return changed;
}

/** The compiler leaves in place what it made of a source that is gone. @param {string} file */
function isOrphan(file) {
  const source = file.replace(/\.js(?:\.map)?$/, '.ts');
  if (source === file || existsSync(join(ROOT, source))) return false;
  rmSync(join(STAGE, file));
  return true;
}

/** @param {string} file @returns {boolean} whether it was another one */
function putInPlace(file) {
  const content = readFileSync(join(STAGE, file));
  const place = join(DIST, file);
  if (existsSync(place) && statSync(place).size === content.length && readFileSync(place).equals(content)) {
    return false;
  }
  mkdirSync(dirname(place), { recursive: true });
  const beside = `${place}.${process.pid}`;
  writeFileSync(beside, content);
  renameSync(beside, place);
  return true;
}

/** @param {string} folder @returns {string[]} their ways from there */
function filesIn(folder) {
  if (!existsSync(folder)) return [];
  const entries = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return entries.filter((entry) => statSync(join(folder, entry)).isFile());
}

/** Two builds at once would each publish what the other one has not finished. */
async function takeLock() {
  mkdirSync(dirname(LOCK), { recursive: true });
  for (let isFirst = true; ; isFirst = false) {
    try {
      writeFileSync(LOCK, String(process.pid), { flag: 'wx' });
      return;
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error;
    }
    if (!isHeld()) rmSync(LOCK, { force: true });
    else if (isFirst) say('another build is going on; waiting for it …');
    await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
  }
}

function isHeld() {
  try {
    const pid = Number(readFileSync(LOCK, 'utf8'));
    // Its holder may be about to write its number.
    if (pid === 0) return Date.now() - statSync(LOCK).mtimeMs < 1000;
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM';
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await build();
