// What many answers say together.

import { count, percentiles, time } from '../statistics.js';
import type { Answer } from './plan.js';

/** From the moment the call was due, so that a late client or a stalled server shows in every call of that time. */
export const latencyOf = ({ dueMs, endMs }: Answer): number => endMs - dueMs;

/** What the caller itself saw. */
export const answerTimeOf = ({ sentMs, endMs }: Answer): number => endMs - sentMs;

/** e.g. `200 × 30, 503 queue_full × 600`. */
export function howAnswered(answers: readonly Answer[]): string {
  const counts = new Map<string, number>();
  for (const { status, code } of answers) {
    const how = `${status === 0 ? 'none' : status}${code === undefined ? '' : ` ${code}`}`;
    counts.set(how, (counts.get(how) ?? 0) + 1);
  }
  return [...counts].map(([how, times]) => `${how} × ${count(times)}`).join(', ');
}

export const TIMES_HEAD = ['', 'count', 'p50', 'p90', 'p99', 'p99.9', 'max'];

/** A row of a table under TIMES_HEAD. */
export function timesRow(name: string, timesMs: readonly number[]): string[] {
  const { count: n, p50, p90, p99, p999, max } = percentiles(timesMs);
  return [name, count(n), time(p50), time(p90), time(p99), time(p999), time(max)];
}
