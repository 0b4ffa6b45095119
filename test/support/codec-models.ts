// Models as the codecs see them: a signature and settings, nothing loaded.

import type { AnswerText } from '../../src/codecs/codecs.js';
import type { ImageMapping, Model, ModelSettings } from '../../src/model-repository/model.js';
import type { Dimension, ElementType, TensorSpec } from '../../src/tensor.js';

export function spec(name: string, type: ElementType, shape: readonly Dimension[]): TensorSpec {
  return { name, type, shape };
}

interface Parts {
  readonly inputs: readonly TensorSpec[];
  readonly outputs?: readonly TensorSpec[];
  readonly settings?: Partial<ModelSettings>;
}

export function codecModel({ inputs, outputs = [spec('y', 'float32', ['n'])], settings = {} }: Parts): Model {
  return {
    name: 'm',
    version: '3',
    path: '/nowhere/m/3/model.onnx',
    settings: { sessionOptions: {}, labels: {}, dimensions: {}, emptyInputs: [], defaults: {}, ...settings },
    signature: { inputs, outputs },
    provider: 'cpu',
    nodes: {},
    loadMs: 1,
  };
}

/** A mapping that takes pictures as they are, and what a test says of it. */
export function imageMapping(mapping: Partial<ImageMapping> = {}): ImageMapping {
  return {
    input: 'x',
    layout: 'HWC',
    fit: 'fill',
    channels: 'RGB',
    scale: 1,
    mean: [0],
    std: [1],
    invert: false,
    ...mapping,
  };
}

/** Bytes in memory of their own, as a request's body has them. */
export function bodyOf(content: string | Uint8Array | object): Buffer {
  const text = typeof content === 'string' ? content : JSON.stringify(content);
  const bytes = content instanceof Uint8Array ? content : Buffer.from(text);
  const body = Buffer.allocUnsafeSlow(bytes.byteLength);
  body.set(bytes);
  return body;
}

/** What a caller would read of an answer, whole or in pieces. */
export async function textOf(answer: AnswerText | Promise<AnswerText>): Promise<string> {
  const text = await answer;
  const pieces: Uint8Array[] = [];
  if (text instanceof Uint8Array) pieces.push(text);
  else for await (const piece of text) pieces.push(piece);
  return Buffer.concat(pieces).toString('utf8');
}
