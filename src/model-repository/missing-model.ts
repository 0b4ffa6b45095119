// Why a folder of the repository holds no model that can be served, in the words of whoever laid it out.

import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isOnnx, kindOf, type Listing, list } from './folder.js';
import { SETTINGS_FILE } from './settings.js';
import { TRITON_CONFIG } from './triton-config.js';
import { isVersion } from './version.js';

export interface Missing {
  readonly folder: string;
  readonly listing: Listing;
  /** Highest first; none of them holds the file. */
  readonly versions: readonly string[];
  readonly modelFile: string;
}

/** Files by which Triton's other backends know their models. */
const OTHER_MODEL = /^model\.(?:plan|savedmodel|graphdef|pt|pt2|xml|py|dali)$/;
const MAX_ENTRIES = 5;

/**
 * Nothing is said of a folder that has nothing of a model, and another backend's model is only worth a warning.
 * Whatever was likely meant to be served is an Error: a server that starts without it would hide the mistake.
 *
 * @returns the warning
 */
export async function explainMissing(missing: Missing): Promise<string | undefined> {
  const { folder, listing, versions, modelFile } = missing;
  if (await isEmpty(folder))
    throw new Error(`${folder} is empty: there is no ${join(folder, '1', modelFile)}`);
  if (versions[0] === undefined) return await explainNoVersion(missing);
  const newest = join(folder, versions[0]);
  const { folders, files } = await list(newest);
  const entries = [...folders, ...files];
  const other = entries.find((entry) => OTHER_MODEL.test(entry));
  if (other !== undefined && !listing.files.includes(SETTINGS_FILE)) {
    return `model ${basename(folder)} is skipped: ${join(newest, other)} is not ONNX`;
  }
  if (folders.includes(modelFile)) {
    throw new Error(`${join(newest, modelFile)} is a folder, and there is no model.onnx in it`);
  }
  const onnx = files.find(isOnnx);
  if (onnx !== undefined) throw new Error(`${join(newest, onnx)} must be called ${modelFile} to be served`);
  const got = entries.length === 0 ? 'it is empty' : `it holds ${entries.slice(0, MAX_ENTRIES).join(', ')}`;
  throw new Error(`${newest} has no ${modelFile}; ${got}`);
}

/** Whoever puts a hidden file there means it to be so. */
const isEmpty = async (folder: string): Promise<boolean> => (await readdir(folder)).length === 0;

async function explainNoVersion({ folder, listing, modelFile }: Missing): Promise<undefined> {
  const onnx = listing.files.find(isOnnx);
  if (onnx !== undefined) throw new Error(strayFile(folder, onnx, modelFile));
  for (const entry of listing.folders) {
    if ((await kindOf(join(folder, entry, modelFile))) === undefined) continue;
    throw new Error(`${join(folder, entry)} is no version: its name must be a positive number such as 1`);
  }
  const said = [SETTINGS_FILE, TRITON_CONFIG].find((file) => listing.files.includes(file));
  if (said === undefined) return undefined;
  throw new Error(`${folder} has a ${said}, but no model: there is no ${join(folder, '1', modelFile)}`);
}

function strayFile(folder: string, onnx: string, modelFile: string): string {
  const root = dirname(folder);
  if (isVersion(basename(folder))) {
    return `${root} is itself a model: the models folder is the one that it lies in, ${dirname(root)}`;
  }
  return `${join(folder, onnx)} lies outside of a version: put it at ${join(folder, '1', modelFile)}`;
}
