// The models folder: which models lie in it, in which version, with which settings. A repository laid out for Triton
// serves as it is, where its models are ONNX.

import { open } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { oddityOf } from '../files.js';
import { isOnnx, kindOf, type Listing, list } from './folder.js';
import { loadFailure } from './load-failure.js';
import { explainMissing } from './missing-model.js';
import type { BadModel, FoundModel, ModelPlace } from './model.js';
import { readSettings } from './settings.js';
import { lookOver, mayBeInWriting, type Overlook } from './stamp.js';
import { readTritonConfig, TRITON_CONFIG, type TritonConfig } from './triton-config.js';
import { isVersion, versionsOf } from './version.js';

/** Told what is passed over, and why. */
export type Warn = (message: string) => void;

const LAYOUT = '<name>/<version>/model.onnx, where <version> is a positive number such as 1';

/** A name is part of a URL and the label of a metric. */
const SAFE_NAME = /^[A-Za-z0-9._-]+$/;

/** What a models folder holds, each list in the order of names. */
export interface Repository {
  readonly models: readonly FoundModel[];
  /** Those that were likely meant to be served and can't be. */
  readonly bad: readonly BadModel[];
}

/**
 * The models in a folder, by name, each in its highest version that holds an ONNX file.
 *
 * Rejects with an Error that names the folder and what is wrong there as a whole: no folder, or no model at all.
 */
export async function findModels(modelsDir: string, warn: Warn = () => {}): Promise<Repository> {
  const root = resolve(modelsDir);
  const { folders, files, others } = await listRoot(root);
  for (const file of files.filter(isOnnx)) {
    const place = join(root, file.slice(0, -'.onnx'.length), '1', 'model.onnx');
    warn(`${join(root, file)} is not served: put it at ${place}`);
  }
  const models: FoundModel[] = [];
  const bad: BadModel[] = [];
  // A link was likely meant to be a model; a socket or a FIFO is somebody else's.
  const links = await linksAmong(root, others);
  for (const name of [...folders, ...links].sort()) {
    const found = await lookAt({ name, folder: join(root, name) }, warn);
    if (found === undefined) continue;
    if ('failure' in found) bad.push(found);
    else models.push(found);
  }
  if (models.length + bad.length === 0) throw new Error(`there is no model in ${root}; looked for ${LAYOUT}`);
  return { models, bad };
}

/**
 * What lies at a model's place now. Never rejects: what is wrong there is the answer.
 *
 * @returns undefined where the folder holds nothing to serve.
 */
export async function lookAt(
  place: ModelPlace,
  warn: Warn = () => {},
): Promise<FoundModel | BadModel | undefined> {
  let files: Overlook | undefined;
  try {
    await checkFolder(place);
    // Before anything is read: what is written meanwhile is noticed later.
    files = await lookOver(place.folder, place.version);
    return await findModel(place, warn);
  } catch (error) {
    const failure = loadFailure((error as Error).message, place.folder);
    const isPermanent = failure.isPermanent && !mayBeInWriting(files?.changedAtMs);
    return { ...place, failure: { ...failure, isPermanent }, ...(files && { stamp: files.stamp }) };
  }
}

const LIST_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'is not a folder',
  ELOOP: 'is a link that leads to itself',
};

async function listRoot(root: string): Promise<Listing> {
  try {
    return await list(root);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const reason = LIST_ERRORS[code ?? ''] ?? `can't be read (${code})`;
    throw new Error(`the models folder ${root} ${reason}`, { cause });
  }
}

async function findModel(place: ModelPlace, warn: Warn): Promise<FoundModel | undefined> {
  const { name, folder } = place;
  const config = await readTritonConfig(folder);
  const { modelFile, otherBackend } = config;
  if (otherBackend !== undefined) {
    warn(
      `model ${name} is skipped: ${join(folder, TRITON_CONFIG)} says that it is not ONNX but ${otherBackend}`,
    );
    return undefined;
  }
  const listing = await list(folder);
  await checkVersions(folder, listing);
  const versions = place.version === undefined ? versionsOf(listing.folders) : [place.version];
  const found = await highestVersion(folder, versions, modelFile);
  if (found === undefined) {
    const warning = await explainMissing({ folder, listing, versions, modelFile });
    if (warning !== undefined) warn(warning);
    return undefined;
  }
  checkName(folder, name);
  await checkWeights(dirname(found.path));
  for (const doubt of versionDoubts(found.version, versions, config))
    warn(`model ${name} is served in ${doubt}`);
  const files = await lookOver(folder, found.version);
  return { name, folder, ...found, ...files, settings: await readSettings(folder) };
}

async function checkFolder({ folder }: ModelPlace): Promise<void> {
  const oddity = await oddityOf(folder);
  if (oddity !== undefined) throw new Error(`${folder} is ${oddity}, not a model's folder`);
}

/** A link that leads nowhere would be passed over, and an older version served unsaid. */
async function checkVersions(folder: string, { folders, others }: Listing): Promise<void> {
  for (const version of [...folders, ...others].filter(isVersion)) {
    const path = join(folder, version);
    const oddity = await oddityOf(path);
    if (oddity !== undefined) throw new Error(`${path} is ${oddity}, not the folder of a version`);
  }
}

/** ONNX Runtime opens what the model's file names, and would wait for ever. */
async function checkWeights(folder: string): Promise<void> {
  for (const name of (await list(folder)).others) {
    const path = join(folder, name);
    const oddity = await oddityOf(path);
    if (oddity !== undefined) throw new Error(`${path} is ${oddity}, not a file`);
  }
}

async function linksAmong(root: string, names: readonly string[]): Promise<readonly string[]> {
  const oddities = await Promise.all(names.map((name) => oddityOf(join(root, name))));
  return names.filter((_, index) => oddities[index]?.startsWith('a link'));
}

function checkName(folder: string, name: string): void {
  if (SAFE_NAME.test(name)) return;
  const got = JSON.stringify(name);
  throw new Error(`${folder}: a model's name may hold letters, digits, ".", "_" and "-", got ${got}`);
}

/** What may make another version than this the expected one. */
function versionDoubts(version: string, versions: readonly string[], config: TritonConfig): string[] {
  const doubts: string[] = [];
  const newest = versions[0]!;
  if (version !== newest) doubts.push(`version ${version}: version ${newest} has no ${config.modelFile}`);
  if (config.choosesVersions && versions.length > 1) {
    doubts.push(`version ${version}, the highest: version_policy in its ${TRITON_CONFIG} is ignored`);
  }
  return doubts;
}

async function highestVersion(
  folder: string,
  versions: readonly string[],
  modelFile: string,
): Promise<{ version: string; path: string } | undefined> {
  for (const version of versions) {
    const path = await onnxFile(join(folder, version, modelFile));
    if (path !== undefined) return { version, path };
  }
  return undefined;
}

/** The file of this path; or, as Triton has it for a model of several files, model.onnx in a folder of this path. */
async function onnxFile(path: string): Promise<string | undefined> {
  const file = (await kindOf(path)) === 'folder' ? join(path, 'model.onnx') : path;
  const oddity = await oddityOf(file);
  if (oddity !== undefined) throw new Error(`${file} is ${oddity}, not a file`);
  if ((await kindOf(file)) !== 'file') return undefined;
  await checkContent(file);
  return file;
}

const LFS_POINTER = 'version https://git-lfs';

/** Two mistakes that ONNX Runtime would only call a protobuf that can't be parsed. */
async function checkContent(path: string): Promise<void> {
  const start = await startOf(path, LFS_POINTER.length);
  if (start === '') throw new Error(`${path} is empty`);
  if (start === LFS_POINTER) {
    throw new Error(`${path} is not the model but a pointer to it from Git LFS: run git lfs pull`);
  }
}

async function startOf(path: string, length: number): Promise<string> {
  const file = await open(path);
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, 0);
    return buffer.toString('latin1', 0, bytesRead);
  } finally {
    await file.close();
  }
}
