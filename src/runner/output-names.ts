// Names of outputs that onnxruntime-node can't tell from what every object has: it looks for them in plain objects.

import type { TensorSpec } from '../tensor.js';

/**
 * Returns where outputs of these names can be had.
 * @throws Error that names the one which can't: as a property of a plain object it is none.
 */
export function checkOutputNames(outputs: readonly TensorSpec[]): void {
  if (!outputs.some(({ name }) => name === '__proto__')) return;
  throw new Error('onnxruntime-node can not give an output of the name __proto__: rename it in the model');
}

/**
 * What to ask onnxruntime-node for, where these outputs are wanted. One that is called `constructor`, or as anything else that
 * every object has, it takes to be asked for in any case, and finds no tensor there.
 *
 * @param all the model's outputs
 */
export function fetchesFor(wanted: readonly string[], all: readonly string[]): readonly string[] {
  if (wanted.length === all.length) return wanted;
  const others = all.filter((name) => name in Object.prototype && !wanted.includes(name));
  return others.length === 0 ? wanted : [...wanted, ...others];
}
