// Numbers as Grafana's units show them, nearly.

const SECONDS: readonly (readonly [least: number, name: string])[] = [
  [3600, 'h'],
  [60, 'min'],
  [1, 's'],
  [1e-3, 'ms'],
  [1e-6, 'µs'],
];
const BYTES: readonly (readonly [number, string])[] = [
  [2 ** 30, 'GiB'],
  [2 ** 20, 'MiB'],
  [2 ** 10, 'KiB'],
  [1, 'B'],
];
const COUNTS: readonly (readonly [number, string])[] = [
  [1e6, 'M'],
  [1e3, 'K'],
  [1e-12, ''],
];
const BEHIND: Readonly<Record<string, string>> = { reqps: 'req/s', watt: 'W', celsius: '°C' };

/** @param decimals as many as three digits need, by default */
export function show(value: number, unit = 'short', decimals?: number): string {
  if (unit === 's') return scaled(value, SECONDS, decimals);
  if (unit === 'bytes') return scaled(value, BYTES, decimals);
  if (unit === 'percentunit') return `${digits(value * 100, decimals)}%`;
  if (unit.startsWith('suffix:')) return `${digits(value, decimals)} ${unit.slice(7).trim()}`;
  const behind = BEHIND[unit];
  return behind === undefined ? scaled(value, COUNTS, decimals) : `${digits(value, decimals)} ${behind}`;
}

function scaled(value: number, scales: typeof SECONDS, decimals?: number): string {
  const [factor, name] = scales.find(([least]) => Math.abs(value) >= least) ?? [1, scales[0]![1]];
  if (value === 0) return scales === COUNTS ? '0' : `0 ${scales.find(([least]) => least === 1)![1]}`;
  if (scales === COUNTS && name === '') return digits(value, decimals);
  return `${digits(value / factor, decimals)} ${name}`;
}

function digits(value: number, decimals?: number): string {
  if (decimals !== undefined) return value.toFixed(decimals);
  return String(Number(value.toPrecision(3)));
}
