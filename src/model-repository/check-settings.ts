// model.json against what the model's file says: done in the runner, which alone knows both.

import { specText, typeText } from '../json/spec-text.js';
import { noSuch } from '../nearest.js';
import type { ElementType, Signature, TensorSpec } from '../tensor.js';
import { tensorFromJson } from '../tensor-json.js';
import { batchAxis } from './batch-axis.js';
import { outOfBounds } from './bounds.js';
import { imageProblems } from './check-image.js';
import { isUnknownSize } from './dimension-names.js';
import type { BatchSettings, ModelSettings, WarmupInput } from './model.js';
import { type Problems, specOf } from './problems.js';

/** @throws Error that names the file and everything in it that does not fit the model. */
export function checkSettings(settings: ModelSettings, signature: Signature, file: string): void {
  const problems = [...problemsOf(settings, signature)];
  if (problems.length > 0) throw new Error(`${file}: ${problems.join('; ')}`);
}

function* problemsOf(settings: ModelSettings, signature: Signature): Problems {
  const { warmup, dimensions, emptyInputs, defaults, image, labels, batch, cost } = settings;
  if (warmup !== undefined) yield* warmupProblems(warmup, dimensions, signature.inputs);
  yield* dimensionProblems(dimensions, signature.inputs);
  yield* emptyProblems(emptyInputs, signature.inputs);
  yield* defaultProblems(defaults, signature.inputs);
  if (image !== undefined) yield* imageProblems(image, signature.inputs, Object.keys(defaults));
  yield* labelProblems(Object.keys(labels), signature.outputs);
  if (batch !== undefined) yield* batchProblems(batch, dimensions, signature);
  if (cost !== undefined) yield* costProblems(cost, signature.inputs);
}

/** The size of each named dimension in a warm-up, and the input that has it. */
type Sizes = Map<string, { readonly size: number; readonly input: string }>;

function* warmupProblems(
  warmup: Readonly<Record<string, WarmupInput>>,
  dimensions: ModelSettings['dimensions'],
  inputs: readonly TensorSpec[],
): Problems {
  const sizes: Sizes = new Map();
  for (const [name, given] of Object.entries(warmup)) {
    const spec = specOf('input', name, inputs);
    const dims = typeof spec === 'string' ? spec : dimsOf(spec, given);
    if (typeof spec === 'string') yield `warmup: ${spec}`;
    else if (typeof dims === 'string') yield `warmup.${name}: ${dims}`;
    else {
      yield* sizeProblems(spec, dims, sizes);
      yield* boundProblems(spec, dims, dimensions);
    }
  }
}

/** The dims that this input would have; or, as text, why it can't be. */
function dimsOf(spec: TensorSpec, given: WarmupInput): readonly number[] | string {
  if ('value' in given) return dimsOfValue(spec, given.value);
  const { shape } = given;
  if (spec.shape === null) return shape;
  const fits = spec.shape.every((size, axis) => typeof size !== 'number' || size === shape[axis]);
  if (fits && shape.length === spec.shape.length) return shape;
  return `expected a shape that fits ${specText(spec)}, got [${shape.join(',')}]`;
}

function dimsOfValue(spec: TensorSpec, value: unknown): readonly number[] | string {
  try {
    return tensorFromJson(spec, value).dims;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Dimensions of one name have one size, in all inputs. */
function* sizeProblems({ name, shape }: TensorSpec, dims: readonly number[], sizes: Sizes): Problems {
  for (const [axis, dimension] of (shape ?? []).entries()) {
    if (typeof dimension !== 'string' || isUnknownSize(dimension)) continue;
    const size = dims[axis]!;
    const known = sizes.get(dimension);
    if (known === undefined) sizes.set(dimension, { size, input: name });
    else if (known.size !== size) {
      yield `warmup.${name}: expected ${dimension} to be ${known.size}, as in ${known.input}, got ${size}`;
    }
  }
}

function* boundProblems(
  { name, shape }: TensorSpec,
  dims: readonly number[],
  dimensions: ModelSettings['dimensions'],
): Problems {
  for (const [axis, dimension] of (shape ?? []).entries()) {
    if (typeof dimension !== 'string') continue;
    const problem = outOfBounds(dimension, dims[axis]!, dimensions);
    if (problem !== undefined) yield `warmup.${name}: ${problem}`;
  }
}

function* dimensionProblems(
  dimensions: ModelSettings['dimensions'],
  inputs: readonly TensorSpec[],
): Problems {
  const free = inputs.flatMap(({ shape }) => (shape ?? []).filter((size) => typeof size === 'string'));
  for (const name of Object.keys(dimensions)) {
    if (!free.includes(name)) yield `dimensions: ${noSuch('free dimension', name, [...new Set(free)])}`;
  }
}

function* emptyProblems(names: readonly string[], inputs: readonly TensorSpec[]): Problems {
  for (const name of names) {
    const spec = specOf('input', name, inputs);
    if (typeof spec === 'string') yield `emptyInputs: ${spec}`;
  }
}

function* defaultProblems(defaults: ModelSettings['defaults'], inputs: readonly TensorSpec[]): Problems {
  for (const [name, value] of Object.entries(defaults)) {
    const spec = specOf('input', name, inputs);
    const dims = typeof spec === 'string' ? spec : dimsOfValue(spec, value);
    if (typeof spec === 'string') yield `defaults: ${spec}`;
    else if (typeof dims === 'string') yield `defaults.${name}: ${dims}`;
  }
}

function* labelProblems(names: readonly string[], outputs: readonly TensorSpec[]): Problems {
  for (const name of names) {
    const spec = specOf('output', name, outputs);
    if (typeof spec === 'string') yield `labels: ${spec}`;
    else if (spec.type !== 'int64') yield `labels.${name}: expected an int64 output, got ${typeText(spec)}`;
  }
}

function* batchProblems(
  { axis, max, inputs, outputs }: BatchSettings,
  dimensions: ModelSettings['dimensions'],
  signature: Signature,
): Problems {
  if (signature.inputs.length === 0) yield 'batch: a model without inputs has nothing to join';
  yield* axisProblems('input', signature.inputs, { axis, own: inputs });
  // ONNX Runtime gives rank 0 to outputs whose rank it does not know, too: the proof at load decides about those.
  const ofKnownRank = signature.outputs.filter(
    ({ name, shape }) => shape?.length !== 0 || Object.hasOwn(outputs, name),
  );
  yield* axisProblems('output', ofKnownRank, { axis, own: outputs });
  for (const { name, shape } of signature.inputs) {
    const size = shape?.[batchAxis(inputs, name, axis)];
    const most =
      typeof size === 'string' && Object.hasOwn(dimensions, size) ? dimensions[size]!.max : undefined;
    if (most === undefined || max <= most) continue;
    yield `batch.max: expected at most ${most}, the largest size of the dimension ${JSON.stringify(size)} of ${name}, got ${max}`;
  }
}

interface Axes {
  readonly axis: number;
  readonly own: Readonly<Record<string, number>>;
}

function* axisProblems(
  kind: 'input' | 'output',
  specs: readonly TensorSpec[],
  { axis, own }: Axes,
): Problems {
  for (const name of Object.keys(own)) {
    const spec = specOf(kind, name, specs);
    if (typeof spec === 'string') yield `batch.${kind}s: ${spec}`;
  }
  for (const spec of specs) {
    const { name } = spec;
    const isOwn = Object.hasOwn(own, name);
    const problem = axisProblem(spec, isOwn ? own[name]! : axis);
    if (problem === undefined) continue;
    if (isOwn) yield `batch.${kind}s.${name}: ${problem}`;
    else yield `batch.axis: ${problem}; an axis of its own goes into "batch": {"${kind}s": {"${name}": …}}`;
  }
}

function axisProblem(spec: TensorSpec, axis: number): string | undefined {
  if (spec.shape === null) return undefined;
  if (axis >= spec.shape.length) return `${specText(spec)} has no axis ${axis}`;
  if (typeof spec.shape[axis] !== 'number') return undefined;
  return `axis ${axis} of ${specText(spec)} has a fixed size, so nothing can be joined along it`;
}

/** Types that a cost is read from. */
const COST_TYPES: readonly ElementType[] = ['int32', 'int64', 'float32', 'float64'];

function* costProblems(name: string, inputs: readonly TensorSpec[]): Problems {
  const spec = specOf('input', name, inputs);
  if (typeof spec === 'string') return yield `cost: ${spec}`;
  // A free dimension may well be 1 in every request.
  const isOne = (spec.shape ?? []).every((size) => typeof size !== 'number' || size === 1);
  if (isOne && COST_TYPES.includes(spec.type)) return;
  yield `cost: expected an input of one element of ${COST_TYPES.join(', ')}, got ${specText(spec)}`;
}
