// A request that works as it is, for each model: of the values and shapes with which the model was warmed up.

import { rawInput } from '../codecs/media-types.js';
import type { Model } from '../model-repository/model.js';
import { type Dimension, ELEMENT_BYTES, elementCount, type NumericType, type TensorSpec } from '../tensor.js';

/** How many elements of zeros are written out; larger inputs are made by the command itself. */
const MOST_ELEMENTS = 1024;

const MOST_TEXT = 16_384;

export interface Example {
  /** A command for a shell; it makes inputs that are too large to be written out. */
  readonly curl: string;
  /** The body that it sends, where it is written out. */
  readonly body?: { readonly inputs: Readonly<Record<string, unknown>> };
}

interface Value {
  readonly name: string;
  readonly value: unknown;
}

/** An input of zeros, or of empty strings. */
interface Zeros {
  readonly spec: TensorSpec;
  readonly dims: readonly number[];
}

type Input = Value | Zeros;

/**
 * @param url where predictions of this model are made
 * @returns undefined where no warm-up run has worked, and nobody knows what would; or where it is too long to be read
 */
export function exampleOf(model: Model, url: string): Example | undefined {
  const { warmupShapes } = model;
  if (warmupShapes === undefined) return undefined;
  const asWarmedUp = inputsOf(model, warmupShapes);
  const small = [asWarmedUp, leastInputs(model)].find(isSmall);
  const example = small === undefined ? madeByCommand(model, asWarmedUp, url) : writtenOut(small, url);
  return example.curl.length > MOST_TEXT ? undefined : example;
}

const isSmall = (inputs: readonly Input[] | undefined): inputs is readonly Input[] =>
  inputs?.every((input) => !('dims' in input) || elementCount(input.dims) <= MOST_ELEMENTS) ?? false;

type Shapes = Readonly<Record<string, readonly number[]>>;

/** Those of which model.json has a value for the warm-up, and those that have to be given. */
function inputsOf({ signature, settings }: Model, shapes: Shapes): readonly Input[] {
  return signature.inputs.flatMap((spec): Input[] => {
    const value = givenValue(spec, settings);
    if (value !== undefined) return [{ name: spec.name, value }];
    return Object.hasOwn(settings.defaults, spec.name) ? [] : [{ spec, dims: shapes[spec.name]! }];
  });
}

/** With the least sizes that `dimensions` of model.json allows, where it speaks of all that are free. */
function leastInputs(model: Model): readonly Input[] | undefined {
  const { signature, settings } = model;
  const { dimensions } = settings;
  const shapes: Record<string, readonly number[]> = Object.create(null);
  for (const spec of signature.inputs) {
    const isSaid = (size: Dimension) => typeof size === 'number' || Object.hasOwn(dimensions, size ?? '');
    const isFree = spec.shape === null || !spec.shape.every(isSaid);
    // A value that is given has sizes of its own, which others may have to share.
    if (isFree || givenValue(spec, settings) !== undefined) return undefined;
    shapes[spec.name] = spec.shape!.map((size) =>
      typeof size === 'number' ? size : Math.max(1, dimensions[size!]!.min),
    );
  }
  return inputsOf(model, shapes);
}

function givenValue({ name }: TensorSpec, { warmup }: Model['settings']): unknown {
  const given = warmup !== undefined && Object.hasOwn(warmup, name) ? warmup[name] : undefined;
  return given !== undefined && 'value' in given ? given.value : undefined;
}

function writtenOut(inputs: readonly Input[], url: string): Example {
  const entries = inputs.map((input) =>
    'dims' in input
      ? ([input.spec.name, zerosOf(input.dims, zeroOf(input.spec))] as const)
      : ([input.name, input.value] as const),
  );
  // Not by assignment: a name may be __proto__.
  const body = { inputs: Object.fromEntries(entries) };
  return { curl: `${curlJson(url)} -d ${quoted(JSON.stringify(body))}`, body };
}

function madeByCommand(model: Model, inputs: readonly Input[], url: string): Example {
  const [input] = inputs;
  if (inputs.length === 1 && input !== undefined && 'dims' in input && rawInput(model) === input.spec) {
    const { dims, spec } = input;
    const bytes = elementCount(dims) * ELEMENT_BYTES[spec.type as NumericType];
    const shape = `-H 'Content-Type: application/octet-stream' -H 'Tensor-Shape: ${dims.join(',')}'`;
    return { curl: `head -c ${bytes} /dev/zero | curl -s ${quoted(url)} ${shape} --data-binary @-` };
  }
  const values = inputs.map((each) => {
    const [name, value] =
      'dims' in each
        ? [each.spec.name, `z(${JSON.stringify(each.dims)}, ${JSON.stringify(zeroOf(each.spec))})`]
        : [each.name, `json.loads(${JSON.stringify(JSON.stringify(each.value))})`];
    return `${JSON.stringify(name)}: ${value}`;
  });
  const zeros = 'z = lambda s, v: [z(s[1:], v)] * s[0] if s else v';
  const program = `import json; ${zeros}; print(json.dumps({"inputs": {${values.join(', ')}}}))`;
  return { curl: `python3 -c ${quoted(program)} | ${curlJson(url)} --data-binary @-` };
}

const curlJson = (url: string): string => `curl -s ${quoted(url)} -H 'Content-Type: application/json'`;

/** For a shell. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** A bool may be 0 too, in every language that writes the request. */
const zeroOf = ({ type }: TensorSpec): number | string => (type === 'string' ? '' : 0);

function zerosOf([size, ...rest]: readonly number[], zero: unknown): unknown {
  return size === undefined ? zero : Array.from({ length: size }, () => zerosOf(rest, zero));
}
