// The inputs of a warm-up run: as model.json gives them, or zeros and empty strings of the smallest shape.

import type { ModelSettings } from '../model-repository/model.js';
import {
  type Dimension,
  ELEMENT_BYTES,
  elementCount,
  type Signature,
  stringTensor,
  type Tensor,
  type TensorSpec,
  type Tensors,
} from '../tensor.js';
import { tensorFromJson } from '../tensor-json.js';

/** @throws ServiceError when a value of model.json does not fit its input. */
export function warmupInputs(signature: Signature, settings: ModelSettings): Tensors {
  const given = signature.inputs.flatMap((spec) => {
    const tensor = givenTensor(spec, settings);
    return tensor === undefined ? [] : [{ spec, tensor }];
  });
  const least = Object.entries(settings.dimensions).map(
    ([name, { min }]) => [name, Math.max(1, min)] as const,
  );
  const sizes = new Map<Dimension, number>([
    ...least,
    ...given.flatMap(({ spec, tensor }) =>
      spec.shape.map((size, axis) => [size, tensor.dims[axis]!] as const),
    ),
  ]);
  const tensors = new Map(given.map(({ spec, tensor }) => [spec.name, tensor]));
  return Object.fromEntries(
    signature.inputs.map((spec) => [spec.name, tensors.get(spec.name) ?? zeros(spec, smallest(spec, sizes))]),
  );
}

function givenTensor(spec: TensorSpec, { warmup, defaults }: ModelSettings): Tensor | undefined {
  const given = warmup !== undefined && Object.hasOwn(warmup, spec.name) ? warmup[spec.name] : undefined;
  if (given !== undefined)
    return 'value' in given ? tensorFromJson(spec, given.value) : zeros(spec, given.shape);
  return Object.hasOwn(defaults, spec.name) ? tensorFromJson(spec, defaults[spec.name]) : undefined;
}

/** Free dimensions are 1, but for names whose size another input or model.json gives. */
function smallest({ shape }: TensorSpec, sizes: ReadonlyMap<Dimension, number>): number[] {
  return shape.map((size) => (typeof size === 'number' ? size : size === null ? 1 : (sizes.get(size) ?? 1)));
}

function zeros(spec: TensorSpec, dims: readonly number[]): Tensor {
  const count = elementCount(dims);
  if (spec.type === 'string')
    return stringTensor(
      dims,
      Array.from({ length: count }, () => ''),
    );
  return { type: spec.type, dims, bytes: new Uint8Array(count * ELEMENT_BYTES[spec.type]) };
}
