// Short decimals that read back as the same float32 or float16: 0.1 and not 0.10000000149011612.
//
// Half the text to send, and cheaper to make than a double's digits. A decimal of 7, 8 or 9 digits is tried, and
// taken only if it is proved to round to the value, whether its reader goes by way of a double or not.

import { toFloat16Bits } from './float16.js';

/** digits * 10 ** exponent */
export interface Decimal {
  digits: number;
  exponent: number;
}

const MAX_POWER = 60;
const POWERS_OF_TEN = Float64Array.from({ length: 2 * MAX_POWER + 1 }, (_, index) =>
  Number(`1e${index - MAX_POWER}`),
);

/** More than the relative error of scaling a few digits by a power of ten. */
const SCALING_ERROR = 1e-15;

/** Fewer never tell all float32 apart that one more does not; nine always do. */
const FLOAT32_DIGITS = { min: 7, max: 9 };
const FLOAT16_DIGITS = { min: 3, max: 5 };

/** One object for all calls: this is called once a number. */
const result: Decimal = { digits: 0, exponent: 0 };

/** @param size positive and finite, a float32. The result is valid until the next call. */
export function shortFloat32(size: number): Readonly<Decimal> {
  return shortDecimal(size, FLOAT32_DIGITS, isFloat32);
}

/** @param size positive and finite, a float16. The result is valid until the next call. */
export function shortFloat16(size: number): Readonly<Decimal> {
  return shortDecimal(size, FLOAT16_DIGITS, isFloat16);
}

function isFloat32(candidate: number, size: number): boolean {
  return (
    Math.fround(candidate * (1 - SCALING_ERROR)) === size &&
    Math.fround(candidate * (1 + SCALING_ERROR)) === size
  );
}

function isFloat16(candidate: number, size: number): boolean {
  return toFloat16Bits(candidate) === toFloat16Bits(size);
}

function shortDecimal(
  size: number,
  { min, max }: typeof FLOAT32_DIGITS,
  roundsTo: (candidate: number, size: number) => boolean,
): Readonly<Decimal> {
  const leading = leadingExponent(size);
  for (let count = min; count <= max; count++) {
    const scale = count - 1 - leading;
    const digits = Math.round(scaled(size, scale));
    if (roundsTo(scaled(digits, -scale), size)) return withoutZeros(digits, -scale);
  }
  throw new Error(`no ${max} digits tell ${size} from its neighbours: this is a bug`);
}

const float32 = new Float32Array(1);
const float32Bits = new Uint32Array(float32.buffer);

/** By the exponent field of a float32: the power of ten of the first digit of the smallest value that has it. */
const LEADING_EXPONENTS = Int8Array.from({ length: 255 }, (_, field) =>
  Math.floor(Math.log10(2 ** (field - 127))),
);

/** The power of ten of the first digit. */
function leadingExponent(size: number): number {
  float32[0] = size;
  const field = float32Bits[0]! >>> 23;
  const least = field === 0 ? Math.floor(Math.log10(size)) : LEADING_EXPONENTS[field]!;
  return size < POWERS_OF_TEN[least + 1 + MAX_POWER]! ? least : least + 1;
}

function scaled(value: number, power: number): number {
  return power < 0 ? value / POWERS_OF_TEN[MAX_POWER - power]! : value * POWERS_OF_TEN[MAX_POWER + power]!;
}

function withoutZeros(digits: number, exponent: number): Readonly<Decimal> {
  while (digits % 10 === 0) {
    digits /= 10;
    exponent++;
  }
  result.digits = digits;
  result.exponent = exponent;
  return result;
}
