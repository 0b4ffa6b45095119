// A single tensor from its JSON value and back, for whoever has a value already: model.json's defaults and warm-up.

import { ServiceError } from './errors.js';
import { JsonReader } from './json/json-reader.js';
import { JsonWriter } from './json/json-writer.js';
import { typeText } from './json/spec-text.js';
import { readTensor } from './json/tensor-reader.js';
import { writeTensor } from './json/tensor-writer.js';
import type { Tensor, TensorSpec } from './tensor.js';

/**
 * The tensor that a request would send as this JSON value; the same rules hold.
 * @throws ServiceError `invalid_input` that names the input, what was expected and what came.
 */
export function tensorFromJson(spec: TensorSpec, value: unknown): Tensor {
  const text = JSON.stringify(value);
  if (text === undefined) {
    throw new ServiceError(
      'invalid_input',
      `input ${spec.name} is ${typeText(spec)}: expected a value, got none`,
    );
  }
  return readTensor(new JsonReader(Buffer.from(text)), spec);
}

/** The JSON value that an answer holds for this tensor: nested arrays, or a plain value for rank 0. */
export function tensorToJson(tensor: Tensor): unknown {
  const writer = new JsonWriter();
  writeTensor(writer, tensor);
  return JSON.parse(Buffer.from(writer.take()).toString('utf8'));
}
