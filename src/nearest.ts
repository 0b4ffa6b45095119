// Names that people type: the known one that a wrong one was likely meant to be.

import { closest } from 'fastest-levenshtein';

/** Longer names are cut in messages, and compared only this far. */
const MAX_NAME = 100;

/** Says that there is no `name` of this kind, which is nearest, and which there are. */
export function noSuch(kind: string, name: string, known: readonly string[]): string {
  const start = name.slice(0, MAX_NAME);
  const missing = `there is no ${kind} ${JSON.stringify(start)}`;
  if (known.length === 0) return missing;
  return `${missing}; did you mean ${JSON.stringify(closest(start, known))}? There are ${known.join(', ')}`;
}
