// JSON files that people write by hand: read, with errors that say in which file and where in it.

import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { kindWords, oddityOf } from '../files.js';
import { BYTE, JsonReader } from './json-reader.js';

/** Some editors put it at the start; JSON.parse takes it for a wrong character. */
const BYTE_ORDER_MARK = '\uFEFF';

/** No settings are longer, nor samples; V8 has no strings of 512 MiB. */
const MAX_BYTES = 64 * 2 ** 20;

/** A FIFO is opened at once, whether it has another end or not. */
const READ_AT_ONCE = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/** @returns undefined where there is no such file. Rejects with an Error that names it when it can't be read. */
export async function readTextFile(file: string): Promise<string | undefined> {
  const handle = await opened(file);
  if (handle === undefined) return undefined;
  try {
    const text = await textOf(handle, file);
    return text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
  } finally {
    await handle.close();
  }
}

async function opened(file: string): Promise<FileHandle | undefined> {
  try {
    return await open(file, READ_AT_ONCE);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const oddity = await oddityOf(file);
    if (oddity !== undefined) throw new Error(`${file} is ${oddity}, not a file`, { cause });
    if (code === 'ENOENT') return undefined;
    throw unreadable(file, cause);
  }
}

async function textOf(handle: FileHandle, file: string): Promise<string> {
  const found = await handle.stat();
  const kind = kindWords(found);
  if (kind !== undefined) throw new Error(`${file} is ${kind}, not a file`);
  if (found.size > MAX_BYTES) {
    throw new Error(`${file} has ${found.size} bytes; at most ${MAX_BYTES} are read`);
  }
  try {
    return await handle.readFile('utf8');
  } catch (cause) {
    throw unreadable(file, cause);
  }
}

function unreadable(file: string, cause: unknown): Error {
  return new Error(`${file} can't be read (${(cause as NodeJS.ErrnoException).code})`, { cause });
}

/** @throws Error that names the file, the line and column where it stops being JSON, and what was expected there. */
export function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${file}: ${breakOf(text) ?? 'broken JSON'}`);
  }
}

/** JSON.parse itself tells the place only sometimes, depending on Node's version. */
function breakOf(text: string): string | undefined {
  const bytes = Buffer.from(text);
  const reader = new JsonReader(bytes);
  try {
    skipValue(reader);
    reader.end();
    return undefined;
  } catch (error) {
    const lines = bytes.toString('utf8', 0, reader.position).split('\n');
    const place = `line ${lines.length}, column ${lines.at(-1)!.length + 1}`;
    // What stands there is left out: the place says it, and it may be a secret.
    return (error as Error).message.replace(/\bbyte \d+/, place).replace(/, got ".*/s, '');
  }
}

function skipValue(reader: JsonReader): void {
  const first = reader.peek();
  if (first === BYTE.openObject) reader.object(() => skipValue(reader));
  else if (first === BYTE.openArray) reader.array(() => skipValue(reader));
  else if (first === BYTE.quote) reader.string();
  else if (reader.isAtNumber()) reader.number();
  else if (reader.word() === undefined) throw reader.malformed('a value');
}
