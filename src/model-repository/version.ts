// Versions of a model: folders named by a positive number, as Triton has them.

const VERSION = /^[1-9]\d*$/;

export const isVersion = (name: string): boolean => VERSION.test(name);

/** Highest first. A version may be longer than what a number holds exactly, e.g. a time of build. */
export function versionsOf(folders: readonly string[]): readonly string[] {
  return folders.filter(isVersion).sort((a, b) => b.length - a.length || (b < a ? -1 : 1));
}
