// What burn must answer, recomputed in plain JavaScript: integers all the way, so the answer is exact.
//
// Two seeds may share a checksum, so compare `head` too; seeds that differ by a multiple of 65,521 are the same.

import { SIZE } from '../../models/burn/build.js';

const MODULUS = 17;
const PRIME = 65_521n;
const MULTIPLIER = 40_503n;
const SEED_STRIDE = 7919n;

export interface BurnAnswer {
  readonly checksum: number;
  /** The first eight entries. */
  readonly head: readonly number[];
}

export interface BurnRequest {
  readonly iterations: number;
  readonly seed: number;
  /** Rows and columns; those of the shipped model by default. */
  readonly size?: number;
}

/** Quick for any number of iterations: multiplying n times by A is multiplying by a few of A, A², A⁴, A⁸ … */
export function burnReference({ iterations, seed, size = SIZE }: BurnRequest): BurnAnswer {
  let power = pseudoRandomMatrix(size, 0n);
  let x = pseudoRandomMatrix(size, SEED_STRIDE * BigInt(seed));
  for (let rest = iterations; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) x = product(power, x, size);
    power = product(power, power, size);
  }
  return { checksum: x.reduce((sum, entry) => sum + entry, 0), head: [...x.slice(0, 8)] };
}

/** BigInt, as the squares do not fit into 32 bits. */
function pseudoRandomMatrix(size: number, offset: bigint): Uint32Array {
  return Uint32Array.from({ length: size * size }, (_, position) => {
    const m = remainder(BigInt(position) + offset);
    const h = remainder(m * m + MULTIPLIER * m + 1n);
    return Number(remainder(h * h)) % MODULUS;
  });
}

/** Never negative, as ONNX has it. */
function remainder(value: bigint): bigint {
  return ((value % PRIME) + PRIME) % PRIME;
}

/** (a·b) mod 17. */
function product(a: Uint32Array, b: Uint32Array, size: number): Uint32Array {
  const sums = new Uint32Array(size * size);
  for (let row = 0; row < size; row++) {
    for (let inner = 0; inner < size; inner++) {
      const factor = a[row * size + inner]!;
      for (let column = 0; column < size; column++) {
        sums[row * size + column]! += factor * b[inner * size + column]!;
      }
    }
  }
  return sums.map((sum) => sum % MODULUS);
}
