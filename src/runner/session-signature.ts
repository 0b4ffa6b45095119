// What a session takes and gives, as its metadata and the model's file say together.

import type * as Ort from 'onnxruntime-node';
import { batchAxis } from '../model-repository/batch-axis.js';
import { isUnknownSize } from '../model-repository/dimension-names.js';
import type { ModelFiles, ModelSettings } from '../model-repository/model.js';
import { ELEMENT_TYPES, type ElementType, type Signature, type TensorSpec } from '../tensor.js';
import type { BatchAxes } from './loaded-model.js';
import { unrankedNames } from './model-file.js';
import type { OpenedSession } from './open-session.js';
import { checkOutputNames } from './output-names.js';

/** @throws Error where an output has a name that onnxruntime-node can not give */
export function signatureOf(
  { session, mapKeys, leftOut }: OpenedSession,
  { path, settings }: ModelFiles,
): Signature {
  const { inputMetadata, outputMetadata } = session;
  // Only the file tells a scalar from what may be of any rank.
  const isInDoubt = [...inputMetadata, ...outputMetadata].some(
    (value) => value.isTensor && value.shape.length === 0,
  );
  const unranked = new Set([...(isInDoubt ? unrankedNames(path) : []), ...mapKeys.keys()]);
  const spec = (value: Ort.InferenceSession.ValueMetadata): TensorSpec => specOf(value, settings, unranked);
  const outputs = outputMetadata.map(spec).map((output) => {
    const keys = mapKeys.get(output.name);
    if (keys === undefined) return output;
    // Where ONNX Runtime does not know it: a map for each row.
    return { ...output, shape: output.shape ?? [null, keys.length], mapKeys: keys };
  });
  checkOutputNames(outputs);
  return { inputs: inputMetadata.map(spec), outputs, ...(leftOut.length > 0 && { leftOut }) };
}

function specOf(
  metadata: Ort.InferenceSession.ValueMetadata,
  { dimensions }: ModelSettings,
  unranked: ReadonlySet<string>,
): TensorSpec {
  const { name, type, shape } = metadata as Ort.InferenceSession.TensorValueMetadata;
  if (!isElementType(type)) throw new Error(`${name} is no tensor that can be served: this is a bug`);
  if (shape.length === 0 && unranked.has(name)) return { name, type, shape: null };
  // Unnamed ones come as ''. A name that says nothing is kept where model.json bounds it.
  const isNamed = (size: number | string): boolean =>
    typeof size === 'number' || Object.hasOwn(dimensions, size) || !isUnknownSize(size);
  return { name, type, shape: shape.map((size) => (isNamed(size) ? size : null)) };
}

const isElementType = (type: string | undefined): type is ElementType =>
  (ELEMENT_TYPES as readonly (string | undefined)[]).includes(type);

/** Undefined where the model declares no batches. */
export function batchAxesOf({ settings }: ModelFiles, signature: Signature): BatchAxes | undefined {
  const { batch } = settings;
  if (batch === undefined) return undefined;
  const axes = (specs: readonly TensorSpec[], own: Readonly<Record<string, number>>) =>
    Object.fromEntries(specs.map(({ name }) => [name, batchAxis(own, name, batch.axis)]));
  return { inputs: axes(signature.inputs, batch.inputs), outputs: axes(signature.outputs, batch.outputs) };
}
