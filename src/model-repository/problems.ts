// What the checks of model.json against a signature have in common.

import { noSuch } from '../nearest.js';
import type { TensorSpec } from '../tensor.js';

/** Everything that is wrong, each with the key path that it is at. */
export type Problems = Iterable<string>;

/** The spec of this name; or, as text, that there is none and which there are instead. */
export function specOf(
  kind: 'input' | 'output',
  name: string,
  specs: readonly TensorSpec[],
): TensorSpec | string {
  const names = specs.map((spec) => spec.name);
  return specs[names.indexOf(name)] ?? noSuch(kind, name, names);
}
