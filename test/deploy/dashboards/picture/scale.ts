// Values to places, and the values that an axis names.

export interface Scale {
  readonly place: (value: number) => number;
  readonly ticks: readonly number[];
}

/** From 0 to a round number, the highest value or more. @param base what makes a number round: 10, or 1024 for bytes */
export function linearScale(highest: number, from: number, to: number, base: 10 | 1024): Scale {
  const wanted = highest > 0 ? highest : 1;
  const step = roundStep(wanted / 4, base);
  const top = Math.ceil(wanted / step - 1e-9) * step;
  const ticks = Array.from({ length: Math.round(top / step) + 1 }, (_, index) => index * step);
  return { place: (value) => from + (Math.min(value, top) / top) * (to - from), ticks };
}

/** Whole powers of ten around all values. */
export function logScale(values: readonly number[], from: number, to: number): Scale {
  const positive = values.filter((value) => value > 0);
  const low = Math.floor(Math.log10(Math.min(...positive, 1)));
  const high = Math.ceil(Math.log10(Math.max(...positive, 10 ** (low + 1))));
  const ticks = Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index));
  return { place: (value) => from + ((Math.log10(value) - low) / (high - low)) * (to - from), ticks };
}

const ROUND = { 10: [1, 2, 2.5, 5, 10], 1024: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024] } as const;

/** The least step that is round: one of these, times a power of the base. */
function roundStep(least: number, base: 10 | 1024): number {
  const power = base ** Math.floor(Math.log(least) / Math.log(base) + 1e-9);
  return power * (ROUND[base].find((step) => step * power >= least * (1 - 1e-9)) ?? base);
}

/** Round times of a range, as seconds since its start. */
export function timeTicks(seconds: number): readonly number[] {
  const step = [5, 10, 30, 60, 300, 600, 1800, 3600].find((each) => seconds / each <= 6) ?? 7200;
  return Array.from({ length: Math.floor(seconds / step) + 1 }, (_, index) => index * step);
}
