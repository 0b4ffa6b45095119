// Replicas for a rate that stays: the closed form's answer, and the simulator's beside it.

import { Arrivals } from './arrivals.js';
import { fewestReplicas, type Load, mgcWait, mgcWaits, offered, type Waits } from './closed-forms.js';
import type { RunTimes } from './run-times.js';
import { type Balancing, type Outcome, simulate } from './simulate.js';

/** A share of waits that shall not be longer than so many seconds. */
export interface Target {
  readonly quantile: number;
  readonly wait: number;
}

export interface SteadySetup {
  readonly runTimes: RunTimes;
  readonly balancing: Balancing;
  readonly target: Target;
  readonly maxReplicas: number;
  readonly seed: number;
}

export interface Steady {
  readonly rate: number;
  /** Replicas' worth of work. */
  readonly load: number;
  /** Fewest that keep the target by M/G/c after Allen and Cunneen, which has one shared queue. */
  readonly closedForm: { readonly replicas: number; readonly waits: Waits };
  /** Fewest that keep it in the simulator, balanced as asked. */
  readonly replicas: number;
  readonly waits: Waits;
  readonly busyRatio: number;
  /** Waiting or running in the mean. */
  readonly demand: number;
}

/** Arrivals that one try plays at least, and that all tries of one rate may play. */
const TRY_ARRIVALS = 200_000;
const ALL_ARRIVALS = 3_000_000;

/** @throws Error where not even `maxReplicas` keep the target */
export function steady(rate: number, setup: SteadySetup): Steady {
  const { runTimes, target, maxReplicas } = setup;
  const load: Load = { rate, mean: runTimes.mean, cv: runTimes.cv };
  const replicas = fewestReplicas(load, target, maxReplicas);
  if (replicas === undefined) throw tooFew(load, setup);
  const closedForm = { replicas, waits: mgcWaits(replicas, load, target.quantile) };
  const found = search(replicas, load, setup);
  const demand = offered(load) + rate * found.waits.mean;
  const { waits, busyRatio } = found;
  return { rate, load: offered(load), closedForm, replicas: found.replicas, waits, busyRatio, demand };
}

function tooFew(load: Load, { target, maxReplicas }: SteadySetup): Error {
  const work = `${rounded(load.rate)} arrivals/s are ${rounded(offered(load))} replicas' worth of work`;
  const wait = mgcWait(maxReplicas, load);
  const why = Number.isFinite(wait)
    ? `with --max-replicas ${maxReplicas} they wait ${rounded(wait)} s in the mean, and ${target.wait} s is asked for`
    : `--max-replicas is ${maxReplicas}`;
  return new Error(`${work}; ${why}`);
}

const rounded = (value: number): number => Number(value.toPrecision(3));

interface Try {
  readonly replicas: number;
  readonly waits: Waits;
  readonly busyRatio: number;
}

/** Strides from the closed form's answer until the target is just kept, as far as the budget of arrivals goes. */
function search(start: number, load: Load, setup: SteadySetup): Try {
  let budget = ALL_ARRIVALS;
  const attempt = (replicas: number): Try & { readonly isKept: boolean } => {
    const { waits, busyRatio, arrivals } = play(replicas, load, setup);
    budget -= arrivals;
    return { replicas, waits, busyRatio, isKept: waits.target <= setup.target.wait };
  };
  const least = Math.floor(offered(load)) + 1;
  let kept: Try | undefined;
  let missed = least - 1;
  let last = attempt(start);
  for (let stride = 1; ; stride *= 2) {
    if (last.isKept) kept = last;
    else missed = last.replicas;
    if (kept !== undefined && (kept.replicas - missed <= 1 || budget <= 0)) return kept;
    if (kept === undefined && last.replicas === setup.maxReplicas) return last;
    last = attempt(nextTry(kept?.replicas, missed, stride, least, setup.maxReplicas));
  }
}

function nextTry(
  kept: number | undefined,
  missed: number,
  stride: number,
  least: number,
  most: number,
): number {
  if (kept === undefined) return Math.min(missed + stride, most);
  if (missed < least) return Math.max(kept - stride, least);
  return Math.floor((kept + missed) / 2);
}

function play(replicas: number, { rate }: Load, { runTimes, balancing, target, seed }: SteadySetup): Outcome {
  const seconds = Math.max(TRY_ARRIVALS, 200 * replicas) / rate;
  const arrivals = new Arrivals([{ from: 0, to: seconds, rate }]);
  return simulate({ arrivals, runTimes, balancing, replicas, seed, quantile: target.quantile, parts: 1 });
}
