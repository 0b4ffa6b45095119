// What values options take: each kind in words and as a parser, for every subcommand.

import { InvalidArgumentError } from 'commander';

/** What values an option takes, in words and as a parser that throws InvalidArgumentError. */
export interface Kind<Value> {
  readonly takes: string;
  readonly parse: (text: string) => Value;
}

/**
 * @param read gives undefined for what is none of these
 * @param forms how such a value is written, where the words alone do not say it
 */
export function kind<Value>(
  takes: string,
  read: (text: string) => Value | undefined,
  forms?: (text: string) => string,
): Kind<Value> {
  const parse = (value: string): Value => {
    const parsed = read(value.trim());
    if (parsed !== undefined) return parsed;
    throw new InvalidArgumentError(
      `It takes ${takes}${forms === undefined ? '' : `, ${forms(value.trim())}`}.`,
    );
  };
  return { takes, parse };
}

export const KIB = 1024;
const SIZE_UNITS = [
  ['', 1],
  ['KiB', KIB],
  ['MiB', KIB ** 2],
  ['GiB', KIB ** 3],
] as const;

/** By SI and IEC: MB is a million, MiB is 1,048,576, and so is Kubernetes' Mi. M alone is one here and the other there. */
const BYTE_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: KIB,
  mib: KIB ** 2,
  gib: KIB ** 3,
  tib: KIB ** 4,
  ki: KIB,
  mi: KIB ** 2,
  gi: KIB ** 3,
  ti: KIB ** 4,
};

/** In seconds. */
const TIME_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  ms: 0.001,
  s: 1,
  sec: 1,
  m: 60,
  min: 60,
  h: 3600,
  d: 86_400,
};

export const TIME_FORMS = 'as 250ms, 30s, 5m, 2h or 1d (seconds without a unit)';

export const text = kind('a text', (value) => (value === '' ? undefined : value));

export const boolean = kind('true or false', (value) => {
  if (['true', '1', 'yes', 'on'].includes(value.toLowerCase())) return true;
  return ['false', '0', 'no', 'off'].includes(value.toLowerCase()) ? false : undefined;
});

export function oneOf<const Choice extends string>(choices: readonly Choice[]): Kind<Choice> {
  return kind(choices.join(', '), (value) => choices.find((choice) => choice === value));
}

export const within = (value: number, min: number, max: number): number | undefined =>
  value >= min && value <= max ? value : undefined;

export const numberIn = (value: string): number => (value === '' ? Number.NaN : Number(value));

export function number(min: number, max: number): Kind<number> {
  return kind(`a number from ${min} to ${max}`, (value) => within(numberIn(value), min, max));
}

export function integer(min: number, max: number): Kind<number> {
  const read = (value: string) => (/^\d+$/.test(value) ? within(Number(value), min, max) : undefined);
  return kind(`a whole number from ${min} to ${max}`, read);
}

/** Seconds; undefined for what is no time. */
export function secondsIn(text: string): number | undefined {
  const { amount, factor } = measure(text, TIME_UNITS);
  // Not 0.30000000000000004.
  return Number.isNaN(amount * factor) ? undefined : Number((amount * factor).toFixed(9));
}

/** Seconds in writing, or another unit that is named; milliseconds in the program. */
export function seconds(min: number, max: number): Kind<number> {
  const read = (value: string): number | undefined => {
    const parsed = within(secondsIn(value) ?? Number.NaN, min, max);
    return parsed === undefined ? undefined : Number((parsed * 1000).toFixed(6));
  };
  return kind(`seconds from ${min} to ${max}`, read, () => `or a time with its unit, ${TIME_FORMS}`);
}

export function bytes(min: number, max: number): Kind<number> {
  const read = (value: string): number | undefined => {
    const { amount, factor } = measure(value, BYTE_UNITS);
    const parsed = amount * factor;
    return Number.isSafeInteger(parsed) ? within(parsed, min, max) : undefined;
  };
  return kind(`a size from ${sizeText(min)} to ${sizeText(max)}`, read, sizeForms);
}

function sizeForms(value: string): string {
  const [, amount, letter] = /^([\d.]+)\s*([kmgt])$/i.exec(value) ?? [];
  if (amount === undefined || letter === undefined) return 'as 4096, 64KiB, 5MB or 1GiB';
  const unit = letter.toUpperCase();
  return `and ${value} may be ${amount}${unit}B, of 1000s, or ${amount}${unit}iB, of 1024s: write which`;
}

/** A number and what its unit stands for; NaN where it is none of these. Units are read in any case of their letters. */
function measure(value: string, units: Readonly<Record<string, number>>): { amount: number; factor: number } {
  const [, amount = '', unit = ''] =
    /^((?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?)\s*([a-z]*)$/i.exec(value) ?? [];
  const factor = Object.hasOwn(units, unit.toLowerCase()) ? units[unit.toLowerCase()]! : Number.NaN;
  return { amount: amount === '' ? Number.NaN : Number(amount), factor };
}

function sizeText(size: number): string {
  const [unit, factor] = SIZE_UNITS.findLast(([, each]) => size >= each) ?? ['', 1];
  return `${size / factor}${unit}`;
}
