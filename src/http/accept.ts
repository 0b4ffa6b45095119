// In which form an answer goes out: what `Accept` says (RFC 9110, 12.5.1), and what the outputs allow.

import { ServiceError } from '../errors.js';
import type { Model } from '../model-repository/model.js';

/** JSON first: it is the form of every answer for which none is preferred. */
export const ANSWER_TYPES = ['application/json', 'application/octet-stream', 'text/event-stream'] as const;
export type AnswerType = (typeof ANSWER_TYPES)[number];

const [JSON_TYPE, RAW_TYPE] = ANSWER_TYPES;
const ONLY_JSON: readonly AnswerType[] = [JSON_TYPE];

/** A part of the header, as `text/*;q=0.5`. */
interface MediaRange {
  readonly type: string;
  readonly subtype: string;
  /** 0: not acceptable. */
  readonly quality: number;
}

/** How acceptable a form is, by the range that says most about it. */
interface Rating {
  readonly type: AnswerType;
  readonly quality: number;
  /** 0: any type, 1: any subtype of this type, 2: this very form. */
  readonly specificity: number;
}

/**
 * The acceptable forms of an answer, the preferred one first; without a header, JSON.
 *
 * JSON comes before another form unless that is preferred to it: by quality or, where they are equal, by specificity.
 * A wildcard that means JSON too prefers nothing to it: whoever sends one takes what comes.
 *
 * @throws ServiceError `not_acceptable` where no form is.
 */
export function acceptedTypes(accept: string | undefined): readonly AnswerType[] {
  if (accept === undefined || accept === '*/*') return ONLY_JSON;
  const ranges = rangesOf(accept);
  if (ranges.length === 0) return ONLY_JSON;
  const ratings = ANSWER_TYPES.flatMap((type) => ratingOf(type, ranges) ?? []);
  if (ratings.length > 0) return ordered(ratings).map(({ type }) => type);
  const got = JSON.stringify(accept.slice(0, 100));
  throw new ServiceError('not_acceptable', `answers come as ${ANSWER_TYPES.join(', ')}; Accept was ${got}`);
}

export interface Answered {
  /** From the preferred one. */
  readonly types: readonly AnswerType[];
  readonly outputs: readonly string[];
  readonly model: Model;
}

/**
 * The first of these forms that these outputs can have, known before any run.
 * @throws ServiceError `not_acceptable`
 */
export function answerTypeFor({ types, outputs, model }: Answered): AnswerType {
  const problem = types.includes(RAW_TYPE) ? rawProblem(outputs, model) : undefined;
  const type = problem === undefined ? types[0] : types.find((each) => each !== RAW_TYPE);
  if (type === undefined) throw new ServiceError('not_acceptable', problem!);
  return type;
}

/** Why these outputs have no raw form; undefined where they have one. */
function rawProblem(outputs: readonly string[], { name: model, signature }: Model): string | undefined {
  if (outputs.length !== 1) {
    return `a raw answer holds one output; ${model} would give ${outputs.join(', ')}: ask for one, as in ?outputs=${outputs[0]}`;
  }
  const spec = signature.outputs.find(({ name }) => name === outputs[0]);
  const held = spec?.type === 'string' ? 'strings' : spec?.mapKeys === undefined ? undefined : 'maps';
  if (held === undefined) return undefined;
  return `output ${outputs[0]} holds ${held}, which have no raw form: accept JSON`;
}

/** The preferred ones first; equals as they stand in ANSWER_TYPES. */
function ordered(ratings: readonly Rating[]): readonly Rating[] {
  const json = ratings.find(({ type }) => type === JSON_TYPE);
  const others = ratings.filter((rating) => rating !== json).sort(byRating);
  if (json === undefined) return others;
  const preferred = others.filter((other) => isPreferred(other, json));
  return [...preferred, json, ...others.filter((other) => !preferred.includes(other))];
}

const byRating = (a: Rating, b: Rating): number => b.quality - a.quality || b.specificity - a.specificity;

/** What rates it must not be a range that means JSON too. */
function isPreferred(other: Rating, json: Rating): boolean {
  const meansJsonToo = other.specificity === 0 || (other.specificity === 1 && typeOf(other) === typeOf(json));
  return !meansJsonToo && byRating(other, json) < 0;
}

const typeOf = ({ type }: Rating): string => type.split('/', 1)[0]!;

/** Undefined where it is not acceptable. */
function ratingOf(answerType: AnswerType, ranges: readonly MediaRange[]): Rating | undefined {
  let rating: Rating | undefined;
  for (const range of ranges) {
    const specificity = specificityOf(range, answerType);
    if (specificity === undefined) continue;
    const candidate = { type: answerType, quality: range.quality, specificity };
    if (rating === undefined || saysMore(candidate, rating)) rating = candidate;
  }
  return rating !== undefined && rating.quality > 0 ? rating : undefined;
}

/** A form that is named twice is as acceptable as the better of them says. */
function saysMore(one: Rating, other: Rating): boolean {
  if (one.specificity !== other.specificity) return one.specificity > other.specificity;
  return one.quality > other.quality;
}

/** Undefined where the range does not mean this form. */
function specificityOf({ type, subtype }: MediaRange, answerType: AnswerType): number | undefined {
  const [ownType, ownSubtype] = answerType.split('/');
  if (type === '*') return 0;
  if (type !== ownType) return undefined;
  if (subtype === '*') return 1;
  return subtype === ownSubtype ? 2 : undefined;
}

const RANGE = /^([\w!#$%&'*+.^`|~-]+)\/([\w!#$%&'*+.^`|~-]+)$/;
const WEIGHT = /^q\s*=(.*)$/i;
const QUALITY = /^(?:0(?:\.\d*)?|1(?:\.0*)?|\.\d+)$/;

/** What is malformed in the header is passed over: nobody knows what it means. */
function rangesOf(accept: string): MediaRange[] {
  return split(accept, ',').flatMap((part) => rangeOf(part) ?? []);
}

function rangeOf(part: string): MediaRange | undefined {
  const [name = '', ...parameters] = split(part, ';');
  const quality = qualityOf(parameters);
  // Java's HttpURLConnection says `*`.
  const range = name.trim() === '*' ? '*/*' : name.trim().toLowerCase();
  const [, type, subtype] = RANGE.exec(range) ?? [];
  if (quality === undefined || type === undefined || subtype === undefined) return undefined;
  return type === '*' && subtype !== '*' ? undefined : { type, subtype, quality };
}

/** Other parameters tell apart what we do not have. */
function qualityOf(parameters: readonly string[]): number | undefined {
  for (const parameter of parameters) {
    const text = WEIGHT.exec(parameter.trim())?.[1]?.trim();
    if (text === undefined) continue;
    return QUALITY.test(text) ? Number(text) : undefined;
  }
  return 1;
}

/** Separators in quoted values separate nothing. A pattern would go back and forth over a header that is made for that. */
function split(text: string, separator: string): string[] {
  const parts: string[] = [];
  let start = 0;
  let isQuoted = false;
  for (let index = 0; index < text.length; index++) {
    const char = text[index];
    if (char === '"') isQuoted = !isQuoted;
    else if (char === '\\' && isQuoted) index += 1;
    else if (char === separator && !isQuoted) {
      parts.push(text.slice(start, index));
      start = index + 1;
    }
  }
  return [...parts, text.slice(start)];
}
