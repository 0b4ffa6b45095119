// Damage at random, to bytes that were right.

import type { Random } from '../random.js';
import { partsOf } from './lists.js';

/** What JSON is made of, and what is near it. */
export const TOKENS = partsOf('{|}|[|]|,|:|"|\\|null|true|0|-|1e9|"x"|\0| |//');

/** One change: some bytes gone, some put in, or one that is another. */
export function mutate(body: Buffer, random: Random): Buffer {
  const at = random.below(body.length + 1);
  const before = body.subarray(0, at);
  switch (random.below(4)) {
    case 0:
      return Buffer.concat([before, body.subarray(at + 1 + random.below(8))]);
    case 1:
      return Buffer.concat([before, randomBytes(random, 1 + random.below(4)), body.subarray(at)]);
    case 2:
      return Buffer.concat([before, Buffer.from(random.pick(TOKENS)), body.subarray(at)]);
    default:
      return Buffer.concat([before, Buffer.of(random.below(256)), body.subarray(at + 1)]);
  }
}

/** A few changes, one after the other. */
export function mutateOften(body: Uint8Array, random: Random, atMost: number): Buffer {
  let mutated: Buffer = Buffer.from(body);
  for (let more = random.below(atMost); more >= 0; more--) mutated = mutate(mutated, random);
  return mutated;
}

/** @param end the values stay below it */
export function randomBytes(random: Random, length: number, end = 256): Buffer {
  return Buffer.from(Array.from({ length }, () => random.below(end)));
}
