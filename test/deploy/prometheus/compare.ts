// What the rules say at one evaluation, held against what the callers saw in the same window.

import { HISTOGRAMS } from '../../../src/metrics/definitions.js';
import type { KnownLoad } from './known-load.js';
import { Truth } from './known-load.js';
import { evaluatedAt, eventually, type Scraped, WINDOW } from './scraped.js';

/** The window is filled, and what the first scrapes saw of the load's beginning has left it. */
const SETTLED = WINDOW + 3;

export interface Seen {
  /** The results of a rule by its selector. */
  readonly rules: (selector: string) => Promise<number | undefined>;
  readonly truth: Truth;
}

/**
 * What was offered is a sum of estimates, and they lean to the shorter runs where the machine has other work too.
 * Without the refused ones it would be a fraction of the truth.
 */
export const OF_ESTIMATES: Tolerance = { share: 0.3, plus: 0.05 };

export interface Tolerance {
  /** Of the truth. */
  readonly share: number;
  readonly plus: number;
}

/** Lets the load fill the window of an evaluation, stops it and gives both sides of that window. */
export async function see({ prometheus }: Scraped, load: KnownLoad): Promise<Seen> {
  const at = await eventually(
    'an evaluation',
    () => evaluatedAt(prometheus),
    (evaluated) => evaluated >= load.startedAt + SETTLED,
  );
  await load.stop();
  return {
    rules: (selector) => prometheus.value(selector, at),
    truth: new Truth(load.answers, { start: at - WINDOW, end: at }),
  };
}

/** @throws Error unless the rule's result is as far from the truth as the tolerance, at most */
export async function isNear(
  { rules }: Seen,
  selector: string,
  truth: number,
  { share, plus }: Tolerance,
): Promise<string> {
  const value = await rules(selector);
  const said = `${selector} is ${value?.toFixed(3)}, its callers saw ${truth.toFixed(3)}`;
  if (value !== undefined && Math.abs(value - truth) <= share * Math.abs(truth) + plus) return said;
  throw new Error(said);
}

/** One that came at an edge of the window, or two, may be counted in or out. */
export function refusalsAreNear(seen: Seen, reason: string): Promise<string> {
  const selector = `oneslot:refusals:rate5m{reason="${reason}"}`;
  return isNear(seen, selector, seen.truth.refusalRate(reason), { share: 0.1, plus: 2 / WINDOW });
}

/**
 * A histogram knows no more than its buckets: each quantile must lie in those of its neighbours among the true values,
 * which are 5 % of the predictions away, or two, as the window's edges may move as many in or out.
 */
export async function quantilesHold(seen: Seen): Promise<string> {
  const said: string[] = [];
  for (const [name, of] of [
    ['queue_wait_seconds', 'waited'],
    ['run_seconds', 'ran'],
  ] as const)
    for (const share of [0.5, 0.95, 0.99]) {
      const selector = `oneslot:${name}:p${share * 100}{model="burn"}`;
      const value = (await seen.rules(selector)) ?? Number.NaN;
      const away = Math.max(0.05, 2 / seen.truth.served.length);
      const low = bucketOf(seen.truth.quantile(share - away, of)).above;
      const high = bucketOf(seen.truth.quantile(share + away, of)).upTo;
      said.push(`${name} p${share * 100} ${value.toFixed(3)} s`);
      if (!(value >= low && value <= high))
        throw new Error(`${selector} is ${value}, its callers saw ${low} to ${high}`);
    }
  return said.join(', ');
}

function bucketOf(value: number): { readonly above: number; readonly upTo: number } {
  const bounds = [...HISTOGRAMS.run.buckets, Number.POSITIVE_INFINITY];
  const index = bounds.findIndex((bound) => value <= bound);
  return { above: bounds[index - 1] ?? 0, upTo: bounds[index] ?? Number.NaN };
}
