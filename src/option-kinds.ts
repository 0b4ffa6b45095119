// What values options take: each kind in words and as a parser, for every subcommand.

import { InvalidArgumentError } from 'commander';

/** What values an option takes, in words and as a parser that throws InvalidArgumentError. */
export interface Kind<Value> {
  readonly takes: string;
  readonly parse: (text: string) => Value;
}

/** @param read gives undefined for what is none of these */
export function kind<Value>(takes: string, read: (text: string) => Value | undefined): Kind<Value> {
  const parse = (value: string): Value => {
    const parsed = read(value.trim());
    if (parsed === undefined) throw new InvalidArgumentError(`It takes ${takes}.`);
    return parsed;
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
const BYTE_UNITS: Readonly<Record<string, number>> = Object.fromEntries(
  SIZE_UNITS.map(([unit, factor]) => [unit.toLowerCase(), factor]),
);
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

/** Seconds in writing, milliseconds in the program. */
export function seconds(min: number, max: number): Kind<number> {
  return kind(`seconds from ${min} to ${max}`, (value) => {
    const parsed = within(numberIn(value), min, max);
    return parsed === undefined ? undefined : parsed * 1000;
  });
}

export function bytes(min: number, max: number): Kind<number> {
  return kind(`a size from ${sizeText(min)} to ${sizeText(max)}`, (value) => {
    const [, amount, unit = ''] = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(value) ?? [];
    const parsed = Number(amount) * (BYTE_UNITS[unit.toLowerCase()] ?? Number.NaN);
    return Number.isSafeInteger(parsed) ? within(parsed, min, max) : undefined;
  });
}

function sizeText(size: number): string {
  const [unit, factor] = SIZE_UNITS.findLast(([, each]) => size >= each) ?? ['', 1];
  return `${size / factor}${unit}`;
}
