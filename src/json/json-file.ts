// JSON files that people write by hand: read, with errors that say in which file and where in it.

import { readFile } from 'node:fs/promises';
import { BYTE, JsonReader } from './json-reader.js';

/** Some editors put it at the start; JSON.parse takes it for a wrong character. */
const BYTE_ORDER_MARK = '\uFEFF';

/** @returns undefined where there is no such file. Rejects with an Error that names it when it can't be read. */
export async function readTextFile(file: string): Promise<string | undefined> {
  try {
    const text = await readFile(file, 'utf8');
    return text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new Error(`${file} can't be read (${code})`, { cause });
  }
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
