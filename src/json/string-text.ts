// Strings of JSON text, byte by byte, as JSON.stringify writes them: escaped where they must be, and nowhere else.
//
// No JavaScript string is made. One as large as a body would need memory of the heap for itself and for each form of it,
// and a thread whose heap can't give so much at once ends the whole process.

import type { JsonWriter } from './json-writer.js';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LETTER_U = 0x75;
const FIRST_PRINTABLE = 0x20;

/** By byte: what is written for the characters that can't stand as they are. */
const ESCAPES: readonly (Uint8Array | undefined)[] = Array.from({ length: 0x100 }, (_, code) => {
  const character = String.fromCharCode(code);
  const json = JSON.stringify(character);
  return json === `"${character}"` ? undefined : Buffer.from(json.slice(1, -1));
});

/** By the letter behind a backslash: the character. */
const LETTERS: readonly (number | undefined)[] = Array.from({ length: 0x80 }, (_, code) => {
  const letter = String.fromCharCode(code);
  return '"\\/bfnrt'.includes(letter) ? (JSON.parse(`"\\${letter}"`) as string).charCodeAt(0) : undefined;
});

/** How long the text will be that writeText() writes: at most six times as long, where all of it has to be escaped. */
export function writtenBytes(text: Uint8Array): number {
  let bytes = QUOTES_BYTES;
  for (let at = 0; at < text.length; at++) bytes += ESCAPES[text[at]!]?.length ?? 1;
  return bytes;
}

const QUOTES_BYTES = 2;

/** @param text valid UTF-8 */
export function writeText(writer: JsonWriter, text: Uint8Array): void {
  writer.byte(QUOTE);
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    const escaped = ESCAPES[text[at]!];
    if (escaped === undefined) continue;
    writer.copy(text, start, at);
    writer.copy(escaped, 0, escaped.length);
    start = at + 1;
  }
  writer.copy(text, start, text.length);
  writer.byte(QUOTE);
}

/** What a string has turned out to be on its way. */
export type Written = 'whole' | 'with a NUL' | 'broken';

/** @param json what stands between the quotes of a string, in valid UTF-8 */
export function writeAnew(writer: JsonWriter, json: Uint8Array): Written {
  let written: Written = 'whole';
  let start = 0;
  writer.byte(QUOTE);
  for (let at = 0; at < json.length; ) {
    const code = json[at]!;
    if (code < FIRST_PRINTABLE) return 'broken';
    if (code !== BACKSLASH) {
      at++;
      continue;
    }
    writer.copy(json, start, at);
    const character = escapedAt(json, at);
    if (character === NONE) return 'broken';
    if (character === 0) written = 'with a NUL';
    writeCharacter(writer, character);
    at += lengthOf(json, at, character);
    start = at;
  }
  writer.copy(json, start, json.length);
  writer.byte(QUOTE);
  return written;
}

const NONE = -1;

/** The character that the escape at this place stands for; a lone surrogate is none. */
function escapedAt(json: Uint8Array, at: number): number {
  if (json[at + 1] !== LETTER_U) return LETTERS[json[at + 1]!] ?? NONE;
  const unit = unitAt(json, at);
  if (unit < 0xd800 || unit > 0xdfff) return unit;
  const low = unitAt(json, at + UNIT_BYTES);
  const isPair = unit < 0xdc00 && low >= 0xdc00 && low <= 0xdfff;
  return isPair ? 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00) : NONE;
}

/** As in \u00e4. */
const UNIT_BYTES = 6;

function lengthOf(json: Uint8Array, at: number, character: number): number {
  if (json[at + 1] !== LETTER_U) return 2;
  return character > 0xffff ? 2 * UNIT_BYTES : UNIT_BYTES;
}

function unitAt(json: Uint8Array, at: number): number {
  if (json[at] !== BACKSLASH || json[at + 1] !== LETTER_U) return NONE;
  let unit = 0;
  for (let digit = at + 2; digit < at + UNIT_BYTES; digit++) {
    const value = hexValue(json[digit]);
    if (value === NONE) return NONE;
    unit = 16 * unit + value;
  }
  return unit;
}

function hexValue(code: number | undefined): number {
  if (code === undefined) return NONE;
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = code | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : NONE;
}

function writeCharacter(writer: JsonWriter, code: number): void {
  if (code > 0x7f) writeUtf8(writer, code);
  else {
    const escaped = ESCAPES[code];
    if (escaped === undefined) writer.byte(code);
    else writer.copy(escaped, 0, escaped.length);
  }
}

function writeUtf8(writer: JsonWriter, code: number): void {
  if (code < 0x800) writer.byte(0xc0 | (code >> 6));
  else {
    if (code < 0x10000) writer.byte(0xe0 | (code >> 12));
    else {
      writer.byte(0xf0 | (code >> 18));
      writer.byte(0x80 | ((code >> 12) & 0x3f));
    }
    writer.byte(0x80 | ((code >> 6) & 0x3f));
  }
  writer.byte(0x80 | (code & 0x3f));
}
