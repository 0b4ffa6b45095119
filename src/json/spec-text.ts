// How a tensor's type and shape are written in messages: `float32[batch,8,8]`, a free unnamed dimension as `?`, and
// `float32 of any rank` where the model does not say it.

import type { TensorSpec } from '../tensor.js';

export function typeText({ type, shape }: Pick<TensorSpec, 'type' | 'shape'>): string {
  if (shape === null) return `${type} of any rank`;
  return `${type}[${shape.map((size) => size ?? '?').join(',')}]`;
}

export function specText(spec: TensorSpec): string {
  return `${spec.name} ${typeText(spec)}`;
}
