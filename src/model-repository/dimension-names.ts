// Names of free dimensions: a person's name for a size means one size wherever it stands; what a converter writes for a
// size that it does not know means nothing.

const NO_NAME = /^(?:unk|unknown|none|null|nan|undefined|any|dynamic)(?:[_.:]*\d+)?$/i;

/** By name, as they are asked for with each request. A model has few. */
const known = new Map<string, boolean>();

/**
 * Whether such a name only says that a size is unknown, so that two of them need not be equal: one without a letter, such
 * as `?`, `*` or `-1`, or a word for it, such as `None` or the `unk__12` of tf2onnx.
 */
export function isUnknownSize(name: string): boolean {
  let isUnknown = known.get(name);
  if (isUnknown === undefined) {
    isUnknown = !/\p{L}/u.test(name) || NO_NAME.test(name);
    known.set(name, isUnknown);
  }
  return isUnknown;
}
