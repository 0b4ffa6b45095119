// float16 as its 16 bits (IEEE 754 binary16), to and from numbers.

const MANTISSA_BITS = 10;
const EXPONENT_BIAS = 15;
const MIN_EXPONENT = 1 - EXPONENT_BIAS;
const INFINITY_BITS = 0x7c00;
const NAN_BITS = 0x7e00;
const SIGN_BIT = 0x8000;

/** Added to a double below 2^51 and taken away again, it rounds to an integer, ties to even. */
const ROUNDER = 2 ** 52;

const scratch = new Float64Array(1);
const scratchWords = new Uint32Array(scratch.buffer);

/** The nearest float16, ties to even: once, from the double. Beyond 65519 that is Infinity. */
export function toFloat16Bits(value: number): number {
  if (Number.isNaN(value)) return NAN_BITS;
  scratch[0] = value;
  const sign = (scratchWords[1]! >>> 16) & SIGN_BIT;
  const size = Math.abs(value);
  if (size >= 2 ** 16) return sign | INFINITY_BITS;
  const exponent = Math.max(((scratchWords[1]! >>> 20) & 0x7ff) - 1023, MIN_EXPONENT);
  const rounded = size * 2 ** (MANTISSA_BITS - exponent) + ROUNDER - ROUNDER;
  // A mantissa that was rounded up to the next power of two carries into the exponent, as it should.
  return sign | (((exponent + EXPONENT_BIAS - 1) << MANTISSA_BITS) + rounded);
}

export function fromFloat16Bits(bits: number): number {
  const sign = bits & SIGN_BIT ? -1 : 1;
  const exponent = (bits >> MANTISSA_BITS) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (exponent === 0) return sign * fraction * 2 ** (MIN_EXPONENT - MANTISSA_BITS);
  return sign * (1 + fraction / 1024) * 2 ** (exponent - EXPONENT_BIAS);
}
