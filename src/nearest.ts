// Names that people type: the known one that a wrong one was likely meant to be, and a few of those that there are.

import { distance } from 'fastest-levenshtein';

/** Longer names are cut in messages, and compared only this far. */
const MAX_NAME = 100;

/** More names than this say less than none. */
const MAX_LISTED = 10;

/** Shorter names are the beginning of too many. */
const MIN_BEGINNING = 3;

export interface Listing {
  /** @default 10 */
  readonly most?: number;
  /** Where all of them are, e.g. `GET /models lists all`. */
  readonly whereAll?: string;
}

/** Says that there is no `name` of this kind, which one is near, if one is, and which there are, the nearest first. */
export function noSuch(kind: string, name: string, known: readonly string[], listing: Listing = {}): string {
  const start = name.slice(0, MAX_NAME);
  const missing = `there is no ${kind} ${JSON.stringify(start)}`;
  if (known.length === 0) return missing;
  const byDistance = ranked(start, known);
  const [first] = byDistance as [Ranked];
  const { most = MAX_LISTED } = listing;
  const shown = known.length > most ? byDistance.map((each) => each.name) : known;
  const names = listed(shown, listing, known.length);
  if (!isNear(start, first)) return `${missing}; there are ${names}`;
  return `${missing}; did you mean ${JSON.stringify(first.name)}? There are ${names}`;
}

/** The first few, and how many more there are. */
export function listed(names: readonly string[], listing: Listing = {}, total = names.length): string {
  const { most = MAX_LISTED, whereAll } = listing;
  const more = total - most;
  if (more <= 0) return names.join(', ');
  const where = whereAll === undefined ? '' : `; ${whereAll}`;
  return `${names.slice(0, most).join(', ')} and ${more} more${where}`;
}

interface Ranked {
  readonly name: string;
  /** Letters to change, to add or to take away. */
  readonly edits: number;
}

/** From the nearest; those that are equally near stay in their order. */
function ranked(start: string, known: readonly string[]): readonly Ranked[] {
  const wanted = start.toLowerCase();
  const all = alike(wanted, known).map((name) => ({ name, edits: editsBetween(wanted, name.toLowerCase()) }));
  return all.sort((one, other) => one.edits - other.edits);
}

/** To compare a thousand names letter by letter takes milliseconds, and anybody can send a wrong one. */
const MAX_COMPARED = 64;

/** Which letters each name has, a bit for each of 32 kinds. Lists of names are made once and asked often. */
const letterSets = new WeakMap<readonly string[], Int32Array>();

/** All of a few names; of many those that have the most alike letters and length. */
function alike(wanted: string, known: readonly string[]): readonly string[] {
  if (known.length <= MAX_COMPARED) return known;
  const sets = letterSets.get(known) ?? Int32Array.from(known, (name) => lettersOf(name.toLowerCase()));
  letterSets.set(known, sets);
  const letters = lettersOf(wanted);
  const byDifference: string[][] = [];
  for (let index = 0; index < known.length; index++) {
    const name = known[index]!;
    const isBeginning = wanted.length >= MIN_BEGINNING && name.toLowerCase().startsWith(wanted);
    const length = Math.min(MAX_NAME, Math.abs(name.length - wanted.length));
    const difference = isBeginning ? 0 : bitsIn(letters ^ sets[index]!) + length;
    byDifference[difference] ??= [];
    byDifference[difference].push(name);
  }
  return byDifference.flat().slice(0, MAX_COMPARED);
}

function lettersOf(text: string): number {
  let letters = 0;
  for (let index = 0; index < text.length && index < MAX_NAME; index++)
    letters |= 1 << text.charCodeAt(index);
  return letters;
}

function bitsIn(set: number): number {
  let bits = 0;
  for (let rest = set; rest !== 0; rest &= rest - 1) bits += 1;
  return bits;
}

function editsBetween(wanted: string, name: string): number {
  const edits = distance(wanted, name.slice(0, MAX_NAME));
  // Two letters that changed places are one slip, and who stops typing makes one too.
  if (edits === 2 && sorted(wanted) === sorted(name)) return 1;
  return wanted.length >= MIN_BEGINNING && name.startsWith(wanted) ? Math.min(edits, 1) : edits;
}

const sorted = (text: string): string => [...text].sort().join('');

/** A third of its letters may be wrong. */
function isNear(start: string, { name, edits }: Ranked): boolean {
  return edits * 3 <= Math.max(start.length, name.length);
}
