// Models that did not load, in words for operators.

import type { ModelEntry } from './models.js';

/** @returns e.g. `model digits (/models/digits): …` */
export function failureText({ name, folder, state }: ModelEntry): string {
  const reason = state.kind === 'failed' ? state.failure.reason : 'it is being loaded';
  return `model ${name} (${folder}): ${reason}`;
}

/** Why the server does not start, with all that did not load, each on a line. */
export function hopelessText(entries: readonly ModelEntry[]): string {
  const failed = entries.filter(({ state }) => state.kind === 'failed');
  const lines = failed.map((entry) => `  ${failureText(entry)}`);
  const others = entries.length - failed.length;
  const cure = others > 0 ? '\nWith --require-models any the others are served.' : '';
  return `${failed.length} of ${entries.length} models can't be loaded:\n${lines.join('\n')}${cure}`;
}
