// Along which axis an input or output is joined, as model.json's `batch` says.

/**
 * @param own axes of single inputs or outputs, by name. Only what was put there counts: a model may call an input
 * `constructor`, which every object has.
 * @param axis of all others
 */
export function batchAxis(own: Readonly<Record<string, number>>, name: string, axis: number): number {
  return Object.hasOwn(own, name) ? own[name]! : axis;
}
