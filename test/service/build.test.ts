// `npm run build` and `npm start`, in a small project of their own: they compile what has changed, and a server that runs
// meanwhile is not touched.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { beforeEach, expect, test } from '@jest/globals';
import { PROJECT, startOneslot } from '../support/oneslot.js';
import { tempFolders } from '../support/temp-folders.js';
import { until } from '../support/until.js';

const makeFolder = tempFolders();
let root: string;

/** Says what its build is, and each time that it is told to go on, what a file says that it had not read before. */
const MAIN = `
import { createInterface } from 'node:readline';
console.log('up', process.argv.slice(2).join());
for await (const name of createInterface({ input: process.stdin })) {
  console.log((await import(new URL(name, import.meta.url).href)).word);
}
`;

beforeEach(async () => {
  root = await makeFolder({
    'package.json': { type: 'module', version: '1.0.0' },
    'tsconfig.json': {
      compilerOptions: {
        target: 'es2023',
        module: 'nodenext',
        types: ['node'],
        rootDir: '.',
        outDir: 'dist',
        sourceMap: true,
        strict: true,
        skipLibCheck: true,
      },
      include: ['src'],
    },
    'src/main.ts': MAIN,
    'src/one.ts': "export const word = 'first';\n",
    'src/two.ts': "export const word = 'first';\n",
    'src/three.ts': "export const word = 'first';\n",
  });
  await cp(`${PROJECT}scripts`, join(root, 'scripts'), { recursive: true });
  await symlink(`${PROJECT}node_modules`, join(root, 'node_modules'));
});

function build() {
  const { status, stderr } = spawnSync(process.execPath, ['scripts/build.js'], {
    cwd: root,
    encoding: 'utf8',
  });
  return { status, stderr };
}

const dist = (file: string): string => join(root, 'dist', 'src', file);
const inodeOf = async (file: string): Promise<number> => (await stat(dist(file))).ino;

test('a build says that it compiles, replaces only what has changed, and takes away what has no source', async () => {
  expect(build()).toMatchObject({
    status: 0,
    stderr: expect.stringMatching(/compiling.*\n.*8 files have changed/),
  });
  const before = await Promise.all(['one.js', 'two.js'].map(inodeOf));
  expect(build().stderr).toContain('nothing has changed');
  await writeFile(join(root, 'src', 'two.ts'), "export const word = 'second';\n");
  await rm(join(root, 'src', 'three.ts'));
  build();
  const after = await Promise.all(['one.js', 'two.js'].map(inodeOf));
  expect([after[0] === before[0], after[1] === before[1]]).toEqual([true, false]);
  expect(await readFile(dist('two.js'), 'utf8')).toContain('second');
  expect((await readdir(join(root, 'dist', 'src'))).filter((name) => name.startsWith('three'))).toEqual([]);
  // Whatever of it is taken away is made again.
  await rm(join(root, 'dist'), { recursive: true });
  build();
  expect(await readFile(dist('one.js'), 'utf8')).toContain('first');
  await rm(join(root, 'dist-build'), { recursive: true });
  expect(build()).toMatchObject({ status: 0, stderr: expect.stringContaining('nothing has changed') });
}, 120_000);

test('a build that finds an error ends with an error, and leaves what is there', async () => {
  build();
  await writeFile(join(root, 'src', 'two.ts'), "export const word: number = 'second';\n");
  const { status, stderr } = build();
  expect([status, stderr]).toEqual([expect.any(Number), expect.stringMatching(/two\.ts.*error TS2322/s)]);
  expect(status).toBeGreaterThan(0);
  expect(await readFile(dist('two.js'), 'utf8')).toContain('first');
}, 120_000);

test('a server that npm start runs stays of its own build, whatever becomes of dist', async () => {
  const child = spawn(process.execPath, ['scripts/start.js', 'serve', '--port', '1'], { cwd: root });
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  await until(() => lines.includes('up serve,--port,1'));
  await writeFile(join(root, 'src', 'two.ts'), "export const word = 'second';\n");
  expect(build().stderr).toContain('2 files have changed');
  child.stdin.write('./one.js\n');
  await until(() => lines.length === 2);
  await rm(join(root, 'dist'), { recursive: true });
  child.stdin.write('./two.js\n');
  await until(() => lines.length === 3);
  expect(lines.slice(1)).toEqual(['first', 'first']);
  child.stdin.end();
  await once(child, 'close');
  expect((await readdir(root)).filter((name) => /^dist-\d/.test(name))).toEqual([]);
}, 120_000);

test('a server whose files are replaced starts no runner of the new ones, and says that it wants a restart', async () => {
  await cp(`${PROJECT}dist/src`, dist(''), { recursive: true });
  await using oneslot = await startOneslot({ main: dist('main.js') });
  await cp(dist('tensor.js'), join(root, 'kept'));
  await writeFile(dist('tensor.js'), `${await readFile(dist('tensor.js'), 'utf8')}// another build`);
  process.kill(oneslot.runnerPid!, 'SIGKILL');
  await until(async () => {
    const { status, body } = await oneslot.get('/readyz');
    return status === 503 && /restart it/.test(body.reasons);
  });
  await cp(join(root, 'kept'), dist('tensor.js'));
  await until(() => oneslot.isReady());
}, 120_000);
