// Numbers as people read them.

/** Three digits, and thousands apart. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return 'never';
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(3)));
}

export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return 'never ends';
  if (seconds === 0) return '0 s';
  if (seconds < 1) return `${figure(seconds * 1000)} ms`;
  if (seconds < 120) return `${figure(seconds)} s`;
  return seconds < 7200 ? `${figure(seconds / 60)} min` : `${figure(seconds / 3600)} h`;
}

/** Seconds from the start as hours and minutes. */
export function clockTime(seconds: number): string {
  const minutes = Math.round(seconds / 60);
  return `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`;
}

export const percent = (share: number): string => `${Number((100 * share).toPrecision(4))} %`;

/** As p95 is written. */
export const quantileName = (quantile: number): string => `p${Number((100 * quantile).toFixed(4))}`;

/** The least of 1, 2, 2.5, 5 times a power of ten that is not below the value. */
export function roundUp(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return power * [1, 2, 2.5, 5, 10].find((step) => step * power >= value * (1 - 1e-9))!;
}
