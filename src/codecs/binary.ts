// Raw little-endian tensors: the body is the tensor's bytes, and no byte of it is copied.

import { ServiceError } from '../errors.js';
import { typeText } from '../json/spec-text.js';
import type { Model } from '../model-repository/model.js';
import { ELEMENT_BYTES, elementCount, type NumericType, type Tensor, type TensorSpec } from '../tensor.js';
import { checkShape } from './inputs.js';
import { rawInput } from './media-types.js';

export interface RawBody {
  readonly body: Uint8Array;
  /** Value of the header `Tensor-Shape`: sizes with commas between, e.g. `1,8,8`. */
  readonly tensorShape: string | undefined;
  readonly model: Model;
  readonly maxBytes: number;
}

type NumericSpec = TensorSpec & { readonly type: NumericType };

/** @throws ServiceError `invalid_input`, or `bad_request` for a header that is no shape. */
export function decodeBinary({ body, tensorShape, model, maxBytes }: RawBody): readonly [string, Tensor] {
  const spec = rawInput(model) as NumericSpec;
  const dims = tensorShape === undefined ? derivedShape(spec, body.byteLength) : parsedShape(tensorShape);
  checkShape(spec, dims, 'Tensor-Shape');
  checkEmptyShape(spec, dims, maxBytes);
  const expected = elementCount(dims) * ELEMENT_BYTES[spec.type];
  if (body.byteLength !== expected) {
    throw wrongBody(spec, `the shape [${dims.join(',')}] takes ${expected} bytes, got ${body.byteLength}`);
  }
  if (spec.type === 'bool') checkBooleans(spec, body);
  return [spec.name, { type: spec.type, dims, bytes: body }];
}

export interface RawAnswer {
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: Uint8Array;
}

/** @throws ServiceError `not_acceptable` for strings. */
export function encodeBinary(tensor: Tensor): RawAnswer {
  if (tensor.type === 'string') {
    throw new ServiceError('not_acceptable', 'strings have no raw form: accept application/json');
  }
  return {
    headers: { 'Tensor-Shape': tensor.dims.join(','), 'Tensor-Type': tensor.type },
    bytes: tensor.bytes,
  };
}

const SIZE = /^\d{1,15}$/;

function parsedShape(header: string): number[] {
  if (header.trim() === '') return [];
  return header.split(',').map((part) => {
    const size = part.trim();
    if (SIZE.test(size)) return Number(size);
    const got = JSON.stringify(header.slice(0, 100));
    throw new ServiceError(
      'bad_request',
      `Tensor-Shape takes sizes with commas between, as 1,8,8; got ${got}`,
    );
  });
}

/** The one free dimension has the size that the body's length leaves for it. */
function derivedShape(spec: NumericSpec, bodyBytes: number): number[] {
  const { shape } = spec;
  const free = shape?.filter((size) => typeof size !== 'number').length ?? 0;
  if (shape === null || free > 1) throw wrongBody(spec, 'its shape must be given, e.g. Tensor-Shape: 1,8,8');
  const fixed = shape.filter((size) => typeof size === 'number');
  const rowBytes = elementCount(fixed) * ELEMENT_BYTES[spec.type];
  const rows = rowBytes === 0 ? 0 : bodyBytes / rowBytes;
  if (free === 1 && !Number.isInteger(rows)) {
    throw wrongBody(spec, `expected a multiple of ${rowBytes} bytes, got ${bodyBytes}`);
  }
  return shape.map((size) => (typeof size === 'number' ? size : rows));
}

/**
 * A body of no bytes could claim any size beside a zero, and a model may make as much of it. So the sizes that are
 * not zero are held to what a body can be.
 */
function checkEmptyShape(spec: NumericSpec, dims: readonly number[], maxBytes: number): void {
  const bytes = elementCount(dims.filter((size) => size > 0)) * ELEMENT_BYTES[spec.type];
  if (bytes > maxBytes)
    throw wrongBody(spec, `the shape [${dims.join(',')}] is beyond the ${maxBytes} bytes of a body`);
}

/** ONNX Runtime takes a bool to be 0 or 1, and does not look. */
function checkBooleans(spec: NumericSpec, bytes: Uint8Array): void {
  const index = bytes.findIndex((byte) => byte > 1);
  if (index >= 0) throw wrongBody(spec, `expected bytes 0 or 1, got ${bytes[index]} at byte ${index}`);
}

function wrongBody(spec: NumericSpec, problem: string): ServiceError {
  return new ServiceError('invalid_input', `input ${spec.name} is ${typeText(spec)}: ${problem}`);
}
