// The sizes of a free dimension that model.json allows.

import type { ModelSettings } from './model.js';

/** What is wrong with the size of a dimension; undefined where nothing is, or nothing is said of it. */
export function outOfBounds(
  name: string,
  size: number,
  dimensions: ModelSettings['dimensions'],
): string | undefined {
  if (!Object.hasOwn(dimensions, name)) return undefined;
  const { min, max } = dimensions[name]!;
  if (size >= min && (max === undefined || size <= max)) return undefined;
  const expected = max === undefined ? `at least ${min}` : `${min} to ${max}`;
  return `dimension ${JSON.stringify(name)} has the size ${size}, expected ${expected}`;
}
