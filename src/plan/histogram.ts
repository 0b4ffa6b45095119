// Run times from what a replica has seen: the histogram oneslot_run_seconds of a saved metrics page.

import { noSuch } from '../nearest.js';
import type { Random } from './random.js';
import type { RunTimes } from './run-times.js';

const BUCKET = /^oneslot_run_seconds_bucket\{(.*)\}\s+(\S+)/;
const SUM = /^oneslot_run_seconds_sum(?:\{(.*)\})?\s+(\S+)/;

/** Runs within bounds, not cumulative; the last bound may be Infinity. */
export interface Histogram {
  readonly buckets: readonly { readonly from: number; readonly to: number; readonly count: number }[];
  readonly sum: number;
}

/**
 * Adds up `oneslot_run_seconds` over replicas and models.
 * @param models only these; all where it is empty
 * @throws Error where the page has no such runs
 */
export function readRunHistogram(page: string, models: readonly string[] = []): Histogram {
  const known = new Set<string>();
  const cumulative = new Map<number, number>();
  let sum = 0;
  for (const line of page.split('\n')) {
    const [, labels = '', value] = BUCKET.exec(line) ?? SUM.exec(line) ?? [];
    if (value === undefined) continue;
    const model = label(labels, 'model') ?? '';
    known.add(model);
    if (models.length > 0 && !models.includes(model)) continue;
    const bound = label(labels, 'le');
    if (bound === undefined) sum += Number(value);
    else cumulative.set(boundOf(bound), (cumulative.get(boundOf(bound)) ?? 0) + Number(value));
  }
  check(known, models);
  return { buckets: apart(cumulative), sum };
}

const label = (labels: string, name: string): string | undefined =>
  new RegExp(`(?:^|,)${name}="((?:[^"\\\\]|\\\\.)*)"`).exec(labels)?.[1];

const boundOf = (text: string): number => (text === '+Inf' ? Number.POSITIVE_INFINITY : Number(text));

function check(known: ReadonlySet<string>, models: readonly string[]): void {
  if (known.size === 0) throw new Error('there is no oneslot_run_seconds_bucket on this page');
  const missing = models.find((model) => !known.has(model));
  if (missing !== undefined) throw new Error(noSuch('model', missing, [...known].sort()));
}

function apart(cumulative: ReadonlyMap<number, number>): Histogram['buckets'] {
  const bounds = [...cumulative.keys()].sort((a, b) => a - b);
  const buckets = bounds.map((to, index) => {
    const from = bounds[index - 1] ?? 0;
    return { from, to, count: cumulative.get(to)! - (cumulative.get(from) ?? 0) };
  });
  return buckets.filter(({ count }) => count > 0);
}

interface Piece {
  readonly share: number;
  readonly from: number;
  readonly width: number;
}

/**
 * Run times that have the histogram's shares and its very mean. Within a bucket they are spread as U^k, U uniform and
 * k the one that gives the mean that `_sum` tells; runs beyond the last bound all last as long as that mean asks for.
 */
export function runTimesFrom({ buckets, sum }: Histogram): RunTimes {
  const total = buckets.reduce((count, bucket) => count + bucket.count, 0);
  if (total === 0) throw new Error('no run has ended yet: every bucket of oneslot_run_seconds is 0');
  const mean = sum / total;
  const pieces = piecesOf(buckets, total, mean);
  const start = weighted(pieces, ({ from }) => from);
  const width = weighted(pieces, (piece) => piece.width);
  const part = width === 0 ? 1 : Math.min(1, Math.max(1e-3, (mean - start) / width));
  const power = 1 / part - 1;
  const ownMean = start + width * part;
  const square = weighted(pieces, (piece) => {
    return piece.from ** 2 + 2 * piece.from * piece.width * part + piece.width ** 2 / (1 + 2 * power);
  });
  const cv = Math.sqrt(Math.max(0, square - ownMean ** 2)) / ownMean;
  return { mean: ownMean, cv, draw: (random) => drawFrom(pieces, power, random) };
}

function piecesOf(buckets: Histogram['buckets'], total: number, mean: number): readonly Piece[] {
  const finite = buckets.filter(({ to }) => to !== Number.POSITIVE_INFINITY);
  const middle = finite.reduce((sum, { from, to, count }) => sum + (count * (from + to)) / 2, 0);
  return buckets.map(({ from, to, count }) => {
    const share = count / total;
    if (to !== Number.POSITIVE_INFINITY) return { share, from, width: to - from };
    return { share, from: Math.max(from, (mean * total - middle) / count), width: 0 };
  });
}

const weighted = (pieces: readonly Piece[], value: (piece: Piece) => number): number =>
  pieces.reduce((sum, piece) => sum + piece.share * value(piece), 0);

function drawFrom(pieces: readonly Piece[], power: number, random: Random): number {
  let rest = random.unit();
  let piece = pieces[0]!;
  for (piece of pieces) {
    rest -= piece.share;
    if (rest < 0) break;
  }
  return piece.from + piece.width * random.unit() ** power;
}
