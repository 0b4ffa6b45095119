// Whether a sample's answer in company is the one that it gets alone. Kernels may sum in another order for another batch
// size, so floats may differ by so much of the answer's own scale; all else is equal or it is not.

import { type NumericTensor, stringsOf, type Tensor } from '../tensor.js';
import { elementsOf, numbersOf } from './typed-arrays.js';

/** Share of the scale by which floats may differ: float16 has three digits, and loses one of them in a long sum. */
const TOLERANCES = { float16: 2e-2, float32: 1e-3, float64: 1e-4 } as const;

type FloatType = keyof typeof TOLERANCES;

export interface Difference {
  /** Of floats by how much of the scale they differ, of all else which share of them does; Infinity: in their shape. */
  readonly size: number;
  readonly allowed: number;
}

/** Below this, nothing is a difference: a scale of zero has no shares. */
const SMALLEST = 1e-7;

type FloatTensor = NumericTensor & { readonly type: FloatType };

const isFloats = (tensor: Tensor): tensor is FloatTensor => Object.hasOwn(TOLERANCES, tensor.type);

/** Whether a difference of this type may be a near tie, such as two classes of nearly the same probability. */
export const isDiscrete = (tensor: Tensor): boolean => !isFloats(tensor);

export interface CompareOptions {
  /** Scale that the answer has at the least: one that comes near zero by chance is as inexact as its neighbours. */
  readonly leastScale?: number | undefined;
  /** Instead of the tolerance of the type; from model.json. */
  readonly tolerance?: number | undefined;
}

/** Undefined where the two are the same. */
export function differenceOf(
  together: Tensor,
  alone: Tensor,
  { leastScale = 0, tolerance }: CompareOptions = {},
): Difference | undefined {
  if (together.type !== alone.type || together.dims.join() !== alone.dims.join())
    return { size: Number.POSITIVE_INFINITY, allowed: 0 };
  if (!isFloats(alone) || !isFloats(together)) return discreteDifference(together, alone);
  const allowed = tolerance ?? TOLERANCES[alone.type];
  const scale = Math.max(scaleOf(alone), leastScale, SMALLEST);
  const size = largestStep(numbersOf(together), numbersOf(alone)) / scale;
  return size > allowed ? { size, allowed } : undefined;
}

/** Share of the usual scale below which an answer near zero is as inexact as others. */
const leastShare = (type: Tensor['type']): number => (type === 'float16' ? 0.1 : 0.01);

/** Of answers to several samples the scale in the middle, as far as it counts for one that comes near zero. */
export function usualScale(answers: readonly Tensor[]): number {
  const scales = answers.map(scaleOf).sort((a, b) => a - b);
  return scales.length === 0
    ? 0
    : scales[Math.floor((scales.length - 1) / 2)]! * leastShare(answers[0]!.type);
}

/** The largest finite size of a float tensor's elements; 0 for what has none. */
export function scaleOf(tensor: Tensor): number {
  if (!isFloats(tensor)) return 0;
  const values = numbersOf(tensor);
  let scale = 0;
  for (let index = 0; index < values.length; index++) {
    const size = Math.abs(values[index]!);
    if (size > scale && size < Number.POSITIVE_INFINITY) scale = size;
  }
  return scale;
}

function discreteDifference(together: Tensor, alone: Tensor): Difference | undefined {
  if (Buffer.compare(together.bytes, alone.bytes) === 0) return undefined;
  const [ours, theirs] = [itemsOf(together), itemsOf(alone)];
  let differing = 0;
  for (let index = 0; index < theirs.length; index++) if (ours[index] !== theirs[index]) differing++;
  return differing === 0 ? undefined : { size: differing / theirs.length, allowed: 0 };
}

/** NaN is NaN's equal, and Infinity its own. */
function largestStep(ours: ArrayLike<number>, theirs: ArrayLike<number>): number {
  let largest = 0;
  for (let index = 0; index < theirs.length; index++) {
    const [a, b] = [ours[index]!, theirs[index]!];
    if (a === b || (Number.isNaN(a) && Number.isNaN(b))) continue;
    const step = Math.abs(a - b);
    if (!(step <= Number.MAX_VALUE)) return Number.POSITIVE_INFINITY;
    if (step > largest) largest = step;
  }
  return largest;
}

const itemsOf = (tensor: Tensor): ArrayLike<unknown> =>
  tensor.type === 'string' ? stringsOf(tensor) : elementsOf(tensor);
