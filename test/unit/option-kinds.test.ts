// How sizes and times are written, the same for every subcommand.

import { describe, expect, test } from '@jest/globals';
import { bytes, seconds } from '../../src/option-kinds.js';
import { time } from '../../src/plan/values.js';

const size = bytes(0, 2 ** 50);
const wait = seconds(0, 1e7);

describe('sizes', () => {
  test.each([
    ['0', 0],
    ['4096', 4096],
    ['512B', 512],
    ['64KiB', 65_536],
    ['64kib', 65_536],
    ['1.5 GiB', 1.5 * 2 ** 30],
    ['256Mi', 2 ** 28],
    ['1Ti', 2 ** 40],
    ['5MB', 5_000_000],
    ['64mb', 64_000_000],
    ['1kB', 1000],
    ['2GB', 2_000_000_000],
    ['1e3', 1000],
  ])('%s is %d bytes', (text, expected) => expect(size.parse(text)).toBe(expected));

  test.each(['5M', '5 m', '1k', '2G'])('%s is refused, and both readings are named', (text) => {
    const [number, letter] = [text.replace(/\D/g, ''), text.at(-1)!.toUpperCase()];
    expect(() => size.parse(text)).toThrow(
      `${number}${letter}B, of 1000s, or ${number}${letter}iB, of 1024s`,
    );
  });

  test.each(['', 'MB', '-1', '5 megs', '1.5', '1,5MB', '0x10', 'constructor', '5constructor'])(
    '%j is refused, and forms that do are shown',
    (text) => expect(() => size.parse(text)).toThrow('as 4096, 64KiB, 5MB or 1GiB'),
  );
});

describe('times', () => {
  test.each([
    ['30', 30_000],
    ['0.25', 250],
    ['.5', 500],
    ['30s', 30_000],
    ['500ms', 500],
    ['5m', 300_000],
    ['5 min', 300_000],
    ['1.5h', 5_400_000],
    ['7d', 604_800_000],
    ['0.3', 300],
    ['1e2', 100_000],
  ])('%s is %d ms for serve, and the same for plan', (text, expected) => {
    expect(wait.parse(text)).toBe(expected);
    expect(time('0s', '30d').parse(text) * 1000).toBeCloseTo(expected, 6);
  });

  test.each(['', 's', '-1', '5 minutes', '1h30m', '1,5', '0x10', '5M5', 'NaN', 'Infinity'])(
    '%j is refused, and forms that do are shown, by serve and by plan',
    (text) => {
      const forms = 'as 250ms, 30s, 5m, 2h or 1d (seconds without a unit)';
      expect(() => wait.parse(text)).toThrow(forms);
      expect(() => time('0s', '1d').parse(text)).toThrow(forms);
    },
  );
});
