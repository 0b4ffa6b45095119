// Values from JSON files against their schema: an error for every wrong key and value, with its path, what was expected
// and what came.

import { z } from 'zod';
import { noSuch } from '../nearest.js';

/**
 * An object that has no other keys than these: a wrong one is an error that names the nearest right one.
 *
 * @param hints what to say of keys that people are likely to try, instead
 */
export function strictKeys<Shape extends z.ZodRawShape>(
  shape: Shape,
  hints: Readonly<Record<string, string>> = {},
) {
  const known = Object.keys(shape);
  const sayWrong = (key: string): string =>
    Object.hasOwn(hints, key)
      ? `${JSON.stringify(key)}: ${hints[key]}`
      : noSuch('key', key, known, { most: known.length });
  return z.strictObject(shape, {
    error: (issue) => (issue.code === 'unrecognized_keys' ? issue.keys.map(sayWrong).join('; ') : undefined),
  });
}

/** Of text, `z.int()` alone would say only that it expected a number. */
export function wholeNumber(): z.ZodInt {
  return z.int({ error: ({ code }) => (code === 'invalid_type' ? TYPE_WORDS.int : undefined) });
}

export interface CheckOptions {
  readonly file: string;
  /** False for files whose values may be secrets: errors then name only their types. @default true */
  readonly showValues?: boolean;
}

/**
 * The value, as the schema makes it. Messages that the schema itself gives are what was expected (`text such as "1"`);
 * only custom issues are whole sentences.
 *
 * @throws Error that names the file, and for everything that is wrong the key path, what was expected and what came.
 */
export function checkJson<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  { file, showValues = true }: CheckOptions,
): z.output<Schema> {
  refuseProto(value, [], file);
  const result = schema.safeParse(value, { reportInput: true, error: expectationOf });
  if (result.success) return result.data;
  const show = showValues ? shown : typeShown;
  const problems = result.error.issues.map((issue) => problemOf(issue, [], show));
  throw new Error(`${file}: ${problems.join('; ')}`);
}

/** Names of inputs and dimensions are keys at most so deep. */
const NAMES_DEPTH = 3;

/** Records of zod leave it out without a word; where keys are known, it is as wrong as any other. */
function refuseProto(value: unknown, path: readonly string[], file: string): void {
  if (typeof value !== 'object' || value === null || path.length === NAMES_DEPTH) return;
  for (const [key, inner] of Object.entries(value)) {
    if (key === '__proto__' && path.length > 0)
      throw new Error(`${file}: ${pathShown(path)}: nothing can be said here of what is called "__proto__"`);
    if (!Array.isArray(inner)) refuseProto(inner, [...path, key], file);
  }
}

type Issue = z.core.$ZodIssue;
type Show = (value: unknown) => string;

function problemOf(issue: Issue, parent: readonly PropertyKey[], show: Show): string {
  const path = [...parent, ...issue.path];
  if (issue.code === 'invalid_union') {
    const fitting = fittingBranch(issue.errors);
    if (fitting !== undefined) return fitting.map((inner) => problemOf(inner, path, show)).join('; ');
  }
  const place = path.length === 0 ? '' : `${pathShown(path)}: `;
  if (issue.code === 'unrecognized_keys' || issue.code === 'custom') return place + issue.message;
  const { input, message } = issue;
  if (input === undefined) return `${place}is missing; expected ${message}`;
  return `${place}expected ${message}, got ${show(input)}`;
}

/** The only alternative whose type the value has: what is wrong within it is what the writer wants to know. */
function fittingBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  const isOfOtherType = ({ code, path }: Issue) => code === 'invalid_type' && path.length === 0;
  const fitting = branches.filter((issues) => !issues.some(isOfOtherType));
  return fitting.length === 1 ? fitting[0] : undefined;
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  int: 'a whole number',
  number: 'a number',
  string: 'text',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
};

const COUNTED: Readonly<Record<string, readonly [string, string]>> = {
  array: [' entry', ' entries'],
  string: [' character', ' characters'],
};

/** A bound, with what it counts. */
function counted(bound: number | bigint, origin: string): string {
  const [one, many] = COUNTED[origin] ?? ['', ''];
  return `${bound}${bound === 1 ? one : many}`;
}

function expectationOf(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return TYPE_WORDS[issue.expected];
    case 'invalid_value':
      return `one of ${issue.values.map(String).join(', ')}`;
    case 'too_small':
      return `${issue.inclusive === false ? 'more than' : 'at least'} ${counted(issue.minimum, issue.origin)}`;
    case 'too_big':
      return `at most ${counted(issue.maximum, issue.origin)}`;
    default:
      return undefined;
  }
}

function pathShown(path: readonly PropertyKey[]): string {
  return path.map((key, index) => stepShown(key, index === 0)).join('');
}

function stepShown(key: PropertyKey, isFirst: boolean): string {
  if (typeof key === 'number') return `[${key}]`;
  const name = String(key);
  if (!/^[\w-]+$/.test(name)) return `[${JSON.stringify(name)}]`;
  return isFirst ? name : `.${name}`;
}

const MAX_SHOWN = 60;

function shown(value: unknown): string {
  // JSON has no infinity, but 1e999 is read as one.
  const text = typeof value === 'number' ? String(value) : JSON.stringify(value);
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN)}…`;
}

function typeShown(value: unknown): string {
  if (value === null) return 'null';
  return TYPE_WORDS[Array.isArray(value) ? 'array' : typeof value]!;
}
