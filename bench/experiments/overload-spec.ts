// The load of the experiment `overload`, and what is measured under it.

import type { Answer } from '../load/plan.js';

export const SHORTEST_MS = 5;
export const LONGEST_MS = 200;
/** Run times are spread evenly on a logarithmic scale; this is their mean. */
export const MEAN_MS = (LONGEST_MS - SHORTEST_MS) / Math.log(LONGEST_MS / SHORTEST_MS);
export const KINDS = 64;
export const OVERLOAD = 10;
export const PATIENCE_MS = 1000;

/** A run time of that scale; 0 is the shortest, 1 the longest. */
export const runMsAt = (place: number): number => SHORTEST_MS * (LONGEST_MS / SHORTEST_MS) ** place;

export interface Memory {
  readonly atMs: number;
  readonly serverBytes: number;
  readonly runnerBytes: number;
}

export interface Measured {
  readonly answers: readonly Answer[];
  readonly memory: readonly Memory[];
  /** The time that counts, without the warm-up. */
  readonly startMs: number;
  readonly endMs: number;
  /** Share of the time in which the slot was in use. */
  readonly busy: number;
}
