// How calls were answered, in the words that are the same for all servers.

import type { Answer } from '../load/plan.js';
import { count } from '../statistics.js';

/** e.g. `200 × 30, 503 × 600, none × 2`; codes of problem documents are left out, since only ours has them. */
export function answeredText(answers: readonly Answer[]): string {
  const counts = new Map<string, number>();
  for (const { status } of answers) {
    const how = status === 0 ? 'none' : String(status);
    counts.set(how, (counts.get(how) ?? 0) + 1);
  }
  const sorted = [...counts].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return sorted.map(([how, times]) => `${how} × ${count(times)}`).join(', ') || '–';
}

/** The run's own time, in ms: oneslot tells it in Server-Timing, the others in their answer, whose body must be kept. */
export function runMsOf({ timing, body }: Answer): number {
  return timing.run ?? (JSON.parse(body ?? '{}') as { ms?: number }).ms ?? Number.NaN;
}
