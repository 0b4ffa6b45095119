// Ways to draw values for an input of a model that nothing more is known of than its type, and perhaps what model.json
// gives: an integer may be an index, a float may be a logarithm's argument, a string may have to be a number.

import { elementCount, type NumericType, stringsOf, stringTensor, type Tensor } from '../tensor.js';
import type { Random } from './random.js';
import { numbersOf, numericTensor } from './typed-arrays.js';

/** One way. `place` tells samples apart that are drawn for one run. */
export type Spread = (random: Random, dims: readonly number[], place: number) => Tensor;

export interface Spreads {
  /** From the tamest to the wildest. */
  readonly ways: readonly Spread[];
  /** Whether one that the model takes says that the next may be tried too; else the first one that it takes is all. */
  readonly isLadder: boolean;
}

export interface SpreadOptions {
  /** What model.json gives, where it gives values. */
  readonly given?: Tensor | undefined;
  /** Whether an index that is out of its table may do worse than fail, as on a GPU. @default false */
  readonly isTame?: boolean;
}

export function spreadsOf(type: Tensor['type'], { given, isTame = false }: SpreadOptions = {}): Spreads {
  if (type === 'string') return stringSpreads(given?.type === 'string' ? stringsOf(given) : []);
  if (type === 'bool') return { ways: [numbers(type, ({ from }) => from(0, 1))], isLadder: true };
  const values = given === undefined || given.type === 'string' ? [] : numbersOf(given);
  return isFloat(type) ? floatSpreads(type, values) : integerSpreads(type, values, isTame);
}

type FloatType = 'float16' | 'float32' | 'float64';

const isFloat = (type: NumericType): type is FloatType => type.startsWith('float');

/**
 * Samples of one run differ in size as those of strangers do: what is measured over all of a batch, such as the range of
 * a dynamic quantisation, is then another one in company.
 */
const SIZES = [1, 100, 0.01, 10, 1000, 0.1];
/** None is larger than what is given. */
const GIVEN_SIZES = [1, 0.01, 1, 0.1, 1, 0.001];

function floatSpreads(type: FloatType, values: ArrayLike<number>): Spreads {
  const { least, most, finite } = boundsOf(values);
  const sized = (draw: (random: Random) => number, sizes: readonly number[]): Spread =>
    numbers(type, (random, place) => draw(random) * sizes[place % sizes.length]!);
  if (finite.length === 0 || (least === 0 && most === 0)) {
    const ways = [numbers(type, ({ unit }) => unit()), numbers(type, ({ normal }) => normal())];
    return { ways: [...ways, sized(({ normal }) => normal(), SIZES)], isLadder: true };
  }
  const near = ({ pick, unit }: Random): number => pick(finite) * (1 - unit() / 2);
  const between = ({ unit }: Random): number => least + unit() * (most - least);
  return { ways: [numbers(type, near), numbers(type, between), sized(near, GIVEN_SIZES)], isLadder: true };
}

/** Where nothing is given: most models take 1 and 2, those of language tens of thousands. */
const RANGES: readonly (readonly [least: number, most: number])[] = [
  [1, 2],
  [0, 1],
  [0, 7],
  [0, 63],
  [0, 999],
  [0, 29_999],
];

/** Of them, those that hardly any model minds. */
const TAME = 3;

type IntegerType = Exclude<NumericType, FloatType | 'bool'>;

/** What is given is a bound: another program's index, a divisor, a count of turns. */
function integerSpreads(type: IntegerType, values: ArrayLike<number>, isTame: boolean): Spreads {
  const within = ([least, most]: readonly [number, number]): Spread =>
    numbers(type, (random) => random.from(least, most));
  const limit = type === 'int8' ? 127 : type === 'uint8' ? 255 : Number.POSITIVE_INFINITY;
  const ranges = RANGES.slice(0, isTame ? TAME : undefined).map(
    ([least, most]) => [least, Math.min(most, limit)] as const,
  );
  if (values.length === 0) return { ways: ranges.map(within), isLadder: true };
  const { least, most } = boundsOf(values);
  if (least < most)
    return { ways: [numbers(type, ({ pick }) => pick(values)), within([least, most])], isLadder: true };
  return { ways: rangesAround(least).map(within), isLadder: false };
}

/** Tame neighbours of the one value that is given, 0 only where there is no other way. */
function rangesAround(value: number): (readonly [number, number])[] {
  if (value > 1)
    return [
      [1, value],
      [value - 1, value],
    ];
  if (value < 0)
    return [
      [Math.min(value, -2), -1],
      [value, 0],
    ];
  return value === 1
    ? [
        [1, 2],
        [0, 1],
      ]
    : [[0, 1]];
}

const WORDS = 'one slot serves many callers, each in turn and none for ever; 2 and 3 are numbers'.split(' ');

function stringSpreads(given: readonly string[]): Spreads {
  const texts = given.filter((text) => text !== '');
  const ownWords = texts.flatMap((text) => text.split(' ')).slice(0, 1000);
  const sentence = (words: readonly string[]) =>
    strings((random) => Array.from({ length: random.from(1, 12) }, () => random.pick(words)).join(' '));
  const own = texts.length === 0 ? [] : [strings(({ pick }) => pick(texts)), sentence(ownWords)];
  return { ways: [...own, sentence(WORDS), strings((random) => String(random.from(0, 99)))], isLadder: true };
}

const strings =
  (draw: (random: Random) => string): Spread =>
  (random, dims) =>
    stringTensor(
      dims,
      Array.from({ length: elementCount(dims) }, () => draw(random)),
    );

const numbers =
  (type: NumericType, draw: (random: Random, place: number) => number): Spread =>
  (random, dims, place) =>
    numericTensor(type, dims, () => draw(random, place));

function boundsOf(values: ArrayLike<number>) {
  const finite = Float64Array.from(values).filter(Number.isFinite);
  const least = finite.reduce((bound, value) => Math.min(bound, value), Number.POSITIVE_INFINITY);
  const most = finite.reduce((bound, value) => Math.max(bound, value), Number.NEGATIVE_INFINITY);
  return { finite, least, most };
}
