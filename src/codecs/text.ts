// A plain text is one string of a model that takes one.

import { isUtf8 } from 'node:buffer';
import { ServiceError } from '../errors.js';
import { stringWithNul } from '../json/elements.js';
import { BYTE } from '../json/json-reader.js';
import { JsonWriter } from '../json/json-writer.js';
import { writeText, writtenBytes } from '../json/string-text.js';
import type { Model } from '../model-repository/model.js';
import type { Tensor } from '../tensor.js';
import { textInput } from './media-types.js';

/** What of a model is needed to read a text for it. Goes to worker threads, so it is plain data. */
export interface TextPlan {
  /** The input's name. */
  readonly name: string;
  readonly dims: readonly number[];
}

export function textPlan(model: Model): TextPlan {
  const { name, shape } = textInput(model)!;
  return { name, dims: shape === null ? [1] : shape.map(() => 1) };
}

/** @throws ServiceError `invalid_input` for bytes that are no UTF-8, or have a NUL. */
export function readText(body: Uint8Array, { name, dims }: TextPlan): readonly [string, Tensor] {
  if (!isUtf8(body))
    throw new ServiceError('invalid_input', `input ${name}: expected UTF-8, got other bytes`);
  if (body.includes(0)) throw stringWithNul(name);
  const writer = new JsonWriter(writtenBytes(body) + BRACKETS_BYTES);
  writer.byte(BYTE.openArray);
  writeText(writer, body);
  writer.byte(BYTE.closeArray);
  const { buffer, byteLength } = writer.take();
  return [name, { type: 'string', dims, bytes: new Uint8Array(buffer, 0, byteLength) }];
}

const BRACKETS_BYTES = 2;
