// A plain text is one string of a model that takes one.

import { isUtf8 } from 'node:buffer';
import { ServiceError } from '../errors.js';
import type { Model } from '../model-repository/model.js';
import type { Tensor } from '../tensor.js';
import { textInput } from './media-types.js';

/** @throws ServiceError `invalid_input` for bytes that are no UTF-8. */
export function decodeText(body: Uint8Array, model: Model): readonly [string, Tensor] {
  const { name, shape } = textInput(model)!;
  if (!isUtf8(body))
    throw new ServiceError('invalid_input', `input ${name}: expected UTF-8, got other bytes`);
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8');
  return [name, { type: 'string', dims: shape.map(() => 1), strings: [text] }];
}
