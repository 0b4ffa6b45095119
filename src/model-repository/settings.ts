// model.json: what a model's folder adds to what its file says. Files that it names are read with it.

import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import { checkJson } from '../json/json-check.js';
import { parseJson, readTextFile } from '../json/json-file.js';
import type { ModelSettings, WarmupInput } from './model.js';
import { LABELS, SAMPLE, SETTINGS } from './settings-schema.js';

export const SETTINGS_FILE = 'model.json';

/**
 * The settings in a model's folder; all defaults where it has no model.json.
 * Rejects with an Error that names the file and everything that is wrong in it.
 */
export async function readSettings(folder: string): Promise<ModelSettings> {
  const file = join(folder, SETTINGS_FILE);
  const text = await readTextFile(file);
  const { labels, warmup, ...rest } = checkJson(SETTINGS, text === undefined ? {} : parseJson(text, file), {
    file,
  });
  return {
    ...rest,
    labels: await readLabels(folder, labels),
    ...(warmup !== undefined && {
      warmup: typeof warmup === 'string' ? await readSample(folder, warmup) : warmup,
    }),
  };
}

async function readLabels(
  folder: string,
  labels: Readonly<Record<string, string | readonly string[]>>,
): Promise<Record<string, readonly string[]>> {
  const read: Record<string, readonly string[]> = {};
  for (const [output, names] of Object.entries(labels)) {
    read[output] = typeof names === 'string' ? await readLabelFile(folder, output, names) : names;
  }
  return read;
}

async function readLabelFile(folder: string, output: string, name: string): Promise<readonly string[]> {
  const { file, text } = await readBeside(folder, `labels.${output}`, name);
  if (name.endsWith('.json')) return checkJson(LABELS, parseJson(text, file), { file });
  // The last line may end with a line break or without; a blank line between others is a name too, as it has an index.
  const lines = text.replace(/\r?\n$/, '').split(/\r?\n/);
  if (text.trim() === '') throw new Error(`${file}: expected a name on each line, got an empty file`);
  return lines;
}

async function readSample(folder: string, name: string): Promise<Record<string, WarmupInput>> {
  const { file, text } = await readBeside(folder, 'warmup', name);
  const { inputs } = checkJson(SAMPLE, parseJson(text, file), { file });
  return Object.fromEntries(Object.entries(inputs).map(([input, value]) => [input, { value }]));
}

/** Reads a file that model.json names: it lies in the model's folder, or in a folder of it. */
async function readBeside(
  folder: string,
  key: string,
  name: string,
): Promise<{ file: string; text: string }> {
  const settingsFile = join(folder, SETTINGS_FILE);
  const file = resolve(folder, name);
  const way = relative(folder, file);
  if (isAbsolute(name) || way === '..' || way.startsWith(`..${sep}`)) {
    throw new Error(
      `${settingsFile}: ${key}: expected a file in the model's folder, got ${JSON.stringify(name)}`,
    );
  }
  const text = await readTextFile(file);
  if (text === undefined) throw new Error(`${settingsFile}: ${key}: there is no file ${file}`);
  return { file, text };
}
