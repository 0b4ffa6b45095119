// The inputs of a warm-up run: as model.json gives them, or zeros and empty strings of the smallest shape.

import { isUnknownSize } from '../model-repository/dimension-names.js';
import type { ModelSettings } from '../model-repository/model.js';
import {
  type Dimension,
  type Signature,
  type Tensor,
  type TensorSpec,
  type Tensors,
  zeros,
} from '../tensor.js';
import { tensorFromJson } from '../tensor-json.js';

export interface WarmupShape {
  /** Size of the free dimensions of which model.json says nothing. @default 1 */
  readonly free?: number;
  /** Dimensions of an input of any rank. @default 1 */
  readonly rank?: number;
}

/** What models are fed most often, and last a scalar. */
const RANKS = [1, 2, 3, 4, 0];

/** How many dimensions inputs of any rank may well have; where there are none, only one try is needed. */
export function ranksToTry({ inputs }: Signature, settings: ModelSettings): readonly number[] {
  const isOpen = ({ name, shape }: TensorSpec) => shape === null && !isShaped(name, settings);
  return inputs.some(isOpen) ? RANKS : RANKS.slice(0, 1);
}

/** @throws ServiceError when a value of model.json does not fit its input.
 */
export function warmupInputs(
  signature: Signature,
  settings: ModelSettings,
  { free = 1, rank = 1 }: WarmupShape = {},
): Tensors {
  const given = signature.inputs.flatMap((spec) => {
    const tensor = givenTensor(spec, settings);
    return tensor === undefined ? [] : [{ spec, tensor }];
  });
  const least = Object.entries(settings.dimensions).map(
    ([name, { min, max }]) => [name, Math.max(1, min, Math.min(free, max ?? free))] as const,
  );
  const sizes = new Map<Dimension, number>([
    ...least,
    ...given.flatMap(({ spec, tensor }) =>
      (spec.shape ?? []).flatMap((size, axis) => (isName(size) ? [[size, tensor.dims[axis]!] as const] : [])),
    ),
  ]);
  const tensors = new Map(given.map(({ spec, tensor }) => [spec.name, tensor]));
  return Object.fromEntries(
    signature.inputs.map((spec) => [
      spec.name,
      tensors.get(spec.name) ?? zeros(spec.type, sized(spec, sizes, { free, rank })),
    ]),
  );
}

function givenTensor(spec: TensorSpec, { warmup, defaults }: ModelSettings): Tensor | undefined {
  const given = warmup !== undefined && Object.hasOwn(warmup, spec.name) ? warmup[spec.name] : undefined;
  if (given !== undefined)
    return 'value' in given ? tensorFromJson(spec, given.value) : zeros(spec.type, given.shape);
  return Object.hasOwn(defaults, spec.name) ? tensorFromJson(spec, defaults[spec.name]) : undefined;
}

/** Free dimensions have the size that they are given, but for names whose size another input or model.json says. */
function sized(
  { shape }: TensorSpec,
  sizes: ReadonlyMap<Dimension, number>,
  { free, rank }: Required<WarmupShape>,
): number[] {
  if (shape === null) return Array<number>(rank).fill(free);
  return shape.map((size) => (typeof size === 'number' ? size : (sizes.get(size) ?? free)));
}

/** Whether dimensions of this name have one size everywhere. */
const isName = (size: Dimension): size is string => typeof size === 'string' && !isUnknownSize(size);

const isShaped = (name: string, { warmup, defaults }: ModelSettings): boolean =>
  (warmup !== undefined && Object.hasOwn(warmup, name)) || Object.hasOwn(defaults, name);

/** Whether model.json gives the values of this input, and not only its shape. */
export function isGiven(name: string, { warmup, defaults }: ModelSettings): boolean {
  const given = warmup !== undefined && Object.hasOwn(warmup, name) ? warmup[name] : undefined;
  return given === undefined ? Object.hasOwn(defaults, name) : 'value' in given;
}
