// The mix: which case a seed and an index give, always the same.

import { type Random, seededRandom } from '../random.js';
import { CALLERS } from './callers.js';
import type { FuzzCase, FuzzRequest, Generator } from './case.js';
import { anyGood, goodJson } from './good.js';
import type { Material } from './material.js';
import { WIRES } from './wires.js';
import { WRONG_BODIES } from './wrong-bodies.js';
import { WRONG_HEADS } from './wrong-heads.js';
import { WRONG_JSON } from './wrong-json.js';
import { WRONG_NUMBERS } from './wrong-numbers.js';

export interface NamedCase {
  /** Of its generator. */
  readonly name: string;
  readonly content: FuzzCase;
}

type CaseMaker = (random: Random, material: Material) => NamedCase;

/** How often of a hundred, and what. */
const MIX: readonly (readonly [share: number, make: CaseMaker])[] = [
  [25, good],
  [4, burst],
  [31, oneOf({ ...WRONG_JSON, ...WRONG_NUMBERS })],
  [12, oneOf(WRONG_BODIES)],
  [13, oneOf(WRONG_HEADS)],
  [8, oneOf(CALLERS)],
  [7, wire],
];

const MAKERS = MIX.flatMap(([share, make]) => Array<CaseMaker>(share).fill(make));

export function caseAt(seed: number, index: number, material: Material): NamedCase {
  const random = seededRandom(Math.imul(seed, 0x9e3779b1) + Math.imul(index, 0x85ebca6b));
  return random.pick(MAKERS)(random, material);
}

function good(random: Random, material: Material): NamedCase {
  return named('good', [anyGood(random, material)]);
}

/** Some that may run together, among them one that is wrong or whose caller leaves. */
function burst(random: Random, material: Material): NamedCase {
  const members = Array.from({ length: 3 + random.below(5) }, () => goodJson(random, material));
  const other = random.pick([WRONG_JSON.wrongTypes!, WRONG_BODIES.wrongLengths!, CALLERS.leaving!]);
  return named('burst', members.with(random.below(members.length), other(random, material)));
}

function oneOf(generators: Readonly<Record<string, Generator>>): CaseMaker {
  return function make(random, material) {
    const [name, generator] = random.pick(Object.entries(generators));
    return named(name, [generator(random, material)]);
  };
}

function wire(random: Random, material: Material): NamedCase {
  const [name, generator] = random.pick(Object.entries(WIRES));
  return { name: `wire ${name}`, content: { kind: 'wire', wire: generator(random, material) } };
}

function named(name: string, requests: readonly FuzzRequest[]): NamedCase {
  return { name, content: { kind: 'requests', requests } };
}
