// How long runs take, as distributions to compute with and to draw from. Times are in seconds.

import type { Random } from './random.js';

export interface RunTimes {
  readonly mean: number;
  /** Coefficient of variation: standard deviation over mean. */
  readonly cv: number;
  draw(random: Random): number;
}

/**
 * Run times of this mean and spread: constant at cv 0, gamma below 1, exponential at 1, and above it hyperexponential
 * of two phases with balanced means (Whitt, "Approximating a point process by a renewal process", 1982).
 */
export function runTimesOf(mean: number, cv: number): RunTimes {
  if (cv === 0) return { mean, cv, draw: () => mean };
  if (cv < 1) return gamma(mean, cv);
  if (cv === 1) return { mean, cv, draw: (random) => mean * random.exponential() };
  return hyperexponential(mean, cv);
}

function gamma(mean: number, cv: number): RunTimes {
  const shape = 1 / cv ** 2;
  return { mean, cv, draw: (random) => (mean * random.gamma(shape)) / shape };
}

function hyperexponential(mean: number, cv: number): RunTimes {
  const share = (1 + Math.sqrt((cv ** 2 - 1) / (cv ** 2 + 1))) / 2;
  const short = mean / (2 * share);
  const long = mean / (2 * (1 - share));
  const draw = (random: Random) => (random.unit() < share ? short : long) * random.exponential();
  return { mean, cv, draw };
}
