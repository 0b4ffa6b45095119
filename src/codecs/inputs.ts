// A request's tensors as a whole: defaults filled in, none missing, equal names of equal sizes.

import { ServiceError } from '../errors.js';
import { specText, typeText } from '../json/spec-text.js';
import { outOfBounds } from '../model-repository/bounds.js';
import { isUnknownSize } from '../model-repository/dimension-names.js';
import type { Model } from '../model-repository/model.js';
import { MAX_RANK, type Tensor, type TensorSpec, type Tensors } from '../tensor.js';
import { tensorFromJson } from '../tensor-json.js';

/** Tensors that a body holds, each with its input's name and checked against its spec. */
export type GivenInputs = readonly (readonly [name: string, tensor: Tensor])[];

/** @throws ServiceError `invalid_input` that names the input, what was expected and what came. */
export function checkedInputs(model: Model, given: GivenInputs): Tensors {
  const defaults = defaultsOf(model);
  const inputs: Record<string, Tensor> = Object.create(null);
  for (const [name, tensor] of given) inputs[name] = tensor;
  for (const { name } of model.signature.inputs) {
    const tensor = inputs[name] ?? defaults.get(name);
    if (tensor === undefined) throw missing(model, inputs);
    inputs[name] = tensor;
  }
  for (const [name, { dims }] of given) if (dims.includes(0)) checkEmpty(model, name, dims);
  checkNamedSizes(model, inputs);
  return inputs;
}

/**
 * Returns when the shape is one that the input takes.
 * @param source where the shape comes from, for the message
 * @throws ServiceError `invalid_input`.
 */
export function checkShape(spec: TensorSpec, dims: readonly number[], source: string): void {
  const fits = (size: unknown, axis: number) => typeof size !== 'number' || size === dims[axis];
  const { shape } = spec;
  if (shape === null ? dims.length <= MAX_RANK : dims.length === shape.length && shape.every(fits)) return;
  const most = shape === null ? `, and at most ${MAX_RANK} dimensions are taken` : '';
  const problem = `${source} has the shape [${dims.join(',')}]${most}`;
  throw new ServiceError('invalid_input', `input ${spec.name} is ${typeText(spec)}: ${problem}`);
}

/** Made once a model; they are never handed to another thread. */
const defaultsByModel = new WeakMap<Model, ReadonlyMap<string, Tensor>>();

function defaultsOf(model: Model): ReadonlyMap<string, Tensor> {
  const known = defaultsByModel.get(model);
  if (known !== undefined) return known;
  const { defaults } = model.settings;
  const specs = model.signature.inputs.filter(({ name }) => Object.hasOwn(defaults, name));
  const tensors = new Map(specs.map((spec) => [spec.name, tensorFromJson(spec, defaults[spec.name])]));
  defaultsByModel.set(model, tensors);
  return tensors;
}

function missing(model: Model, inputs: Tensors): ServiceError {
  const defaults = defaultsOf(model);
  const specs = model.signature.inputs.filter(({ name }) => !(name in inputs) && !defaults.has(name));
  const names = specs.map(({ name }) => name).join(', ');
  const problem = specs.length === 1 ? `input ${names} is missing` : `inputs ${names} are missing`;
  return new ServiceError(
    'invalid_input',
    `${problem}; ${model.name} takes ${model.signature.inputs.map(specText).join(', ')}`,
  );
}

/**
 * Few models are made for empty inputs, and kernels have died of them: a size that the model leaves free is at least 1 unless
 * model.json says otherwise. Sizes that it bounds by name are checked with the others.
 */
function checkEmpty({ signature, settings }: Model, input: string, dims: readonly number[]): void {
  if (settings.emptyInputs.includes(input)) return;
  const shape = signature.inputs.find(({ name }) => name === input)?.shape;
  for (const [axis, size] of dims.entries()) {
    const dimension = shape?.[axis];
    if (size !== 0 || dimension === 0) continue;
    if (typeof dimension === 'string' && Object.hasOwn(settings.dimensions, dimension)) continue;
    const what =
      typeof dimension === 'string' ? `dimension ${JSON.stringify(dimension)}` : `dimension ${axis}`;
    const cure = `model.json may allow it by "emptyInputs": [${JSON.stringify(input)}]`;
    throw new ServiceError(
      'invalid_input',
      `input ${input}: ${what} has the size 0, expected at least 1; ${cure}`,
    );
  }
}

interface NamedSize {
  readonly size: number;
  readonly input: string;
}

function checkNamedSizes({ signature, settings }: Model, inputs: Tensors): void {
  const sizes = new Map<string, NamedSize>();
  for (const { name: input, shape } of signature.inputs) {
    if (shape === null) continue;
    for (let axis = 0; axis < shape.length; axis++) {
      const name = shape[axis];
      if (typeof name !== 'string') continue;
      const size = inputs[input]!.dims[axis]!;
      const first = isUnknownSize(name) ? undefined : sizes.get(name);
      if (first === undefined) {
        const problem = outOfBounds(name, size, settings.dimensions);
        if (problem !== undefined) throw new ServiceError('invalid_input', `input ${input}: ${problem}`);
        sizes.set(name, { size, input });
      } else if (first.size !== size) throw unequal(name, first, { size, input });
    }
  }
}

function unequal(name: string, first: NamedSize, other: NamedSize): ServiceError {
  const there = first.input === other.input ? 'elsewhere in it' : `in input ${first.input}`;
  const problem = `dimension ${JSON.stringify(name)} has the size ${other.size}, but ${first.size} ${there}`;
  return new ServiceError('invalid_input', `input ${other.input}: ${problem}`);
}
