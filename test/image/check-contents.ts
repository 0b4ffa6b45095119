// What is expected of the image before it runs: what it says of itself, and what it holds.

import { strict as assert } from 'node:assert';
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Report } from '../support/programs/report.js';
import type { ImageConfig } from './buildah.js';
import { BASE_SYSTEM, type FoundFile, filesUnder, foreignBinaries, partsOf } from './contents.js';

const SHOWN_PARTS = 10;
const MB = 1e6;

export interface Built {
  readonly image: ImageConfig;
  readonly rootfs: string;
  readonly project: string;
}

export async function checkContents(report: Report, built: Built): Promise<void> {
  const files = await filesUnder(built.rootfs);
  await report.check('says what it is and how to run it', () => describesItself(built));
  await report.check('holds binaries for linux-x64 only', () => holdsNoForeignBinaries(built, files));
  await report.check('holds what is served, not what it is made or tested with', () =>
    holdsOnlyWhatIsServed(built),
  );
  await report.check('holds nothing that its user may change', () => holdsNothingWritable(files));
  await report.check('its size', async () => sizes(files));
}

async function describesItself({ image, project }: Built): Promise<string> {
  const { version, license } = JSON.parse(await readFile(join(project, 'package.json'), 'utf8'));
  const labels = image.Labels;
  assert.equal(labels['org.opencontainers.image.version'], version);
  assert.equal(labels['org.opencontainers.image.licenses'], license);
  assert.deepEqual(Object.keys(image.ExposedPorts), ['8080/tcp']);
  assert.match(image.User, /^[1-9]\d*:[1-9]\d*$/, 'a user by number, who is not root');
  return [...image.Entrypoint, ...image.Cmd].join(' ');
}

async function holdsNoForeignBinaries({ rootfs }: Built, files: readonly FoundFile[]): Promise<void> {
  assert.deepEqual(await foreignBinaries(rootfs, files), []);
}

const SERVED = ['LICENSE', 'NOTICE', 'package.json', 'dist/src/main.js', 'models/digits/1/model.onnx'];
const NOT_SERVED = ['.npmrc', 'src', 'dist/test', 'models/burn/build.ts', 'models/digits/train.py'];
const DEVELOPMENT = ['@biomejs', '@sparticuz', 'jest', 'typescript'].map((name) => `node_modules/${name}`);

async function holdsOnlyWhatIsServed({ rootfs }: Built): Promise<void> {
  for (const path of SERVED) await access(join(rootfs, 'app', path));
  for (const path of [...NOT_SERVED, ...DEVELOPMENT]) {
    await assert.rejects(access(join(rootfs, 'app', path)), { code: 'ENOENT' }, path);
  }
}

async function holdsNothingWritable(files: readonly FoundFile[]): Promise<void> {
  const writable = files.filter(({ path, isWritable }) => path.startsWith('app/') && isWritable);
  assert.deepEqual(writable, []);
}

function sizes(files: readonly FoundFile[]): string {
  const parts = partsOf(files);
  const total = parts.reduce((sum, [, bytes]) => sum + bytes, 0);
  const base = parts.find(([part]) => part === BASE_SYSTEM)![1];
  const lines = parts.slice(0, SHOWN_PARTS).map(([part, bytes]) => `${inMB(bytes).padStart(10)}  ${part}`);
  const head = `${inMB(total)}, of which ${inMB(total - base)} are added to the base image (here a stand-in)`;
  return `${head}\n${lines.join('\n')}\n`;
}

const inMB = (bytes: number): string => `${(bytes / MB).toFixed(1)} MB`;
