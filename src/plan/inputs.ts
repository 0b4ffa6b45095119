// From options to what the plan computes with: reads the files and the page, and says what does not go together.

import { readFile } from 'node:fs/promises';
import { Arrivals, type Segment } from './arrivals.js';
import { readRunHistogram, runTimesFrom } from './histogram.js';
import type { HpaOptions, HpaRules } from './hpa.js';
import type { Parsed } from './options.js';
import type { PlanSetup } from './plan.js';
import { readProfile } from './profile.js';
import { type RunTimes, runTimesOf } from './run-times.js';
import { SHIPPED_BEHAVIOR } from './shipped.js';

const RATE_SECONDS = 4 * 3600;
const FETCH_TIMEOUT_MS = 10_000;

/** @throws Error that says what to change */
export async function setupOf(parsed: Parsed): Promise<PlanSetup> {
  const { minReplicas, maxReplicas, wait, quantile, ecsTarget } = parsed;
  if (minReplicas > maxReplicas) {
    throw new Error(`--min-replicas ${minReplicas} is more than --max-replicas ${maxReplicas}`);
  }
  const { balancing, balancerQueue, startup, metricDelay, queueLimit, maxWait, price, scaler, seed } = parsed;
  const { scaleInCooldown, scaleOutCooldown, ecsBusyTarget } = parsed;
  return {
    ...{
      balancing,
      isQueueSeen: balancerQueue === 'seen',
      startup,
      metricDelay,
      queueLimit,
      minReplicas,
      maxReplicas,
      seed,
    },
    ...(maxWait !== undefined && { maxWait }),
    ...(price !== undefined && { price }),
    arrivals: await arrivalsOf(parsed),
    runTimes: await runTimesIn(parsed),
    target: { quantile, wait },
    scaledBy: scaler,
    hpa: { behavior: behaviorOf(parsed), targets: targetsOf(parsed) },
    ecs: {
      scaleOutCooldown,
      scaleInCooldown,
      ...(ecsTarget !== undefined && { target: ecsTarget }),
      ...(ecsBusyTarget !== undefined && { busyTarget: ecsBusyTarget }),
    },
  };
}

async function arrivalsOf({ rate, profile, burst = [], duration }: Parsed): Promise<Arrivals> {
  exactlyOne({ '--rate': rate, '--profile': profile }, 'how many requests come');
  const segments: readonly Segment[] =
    profile === undefined
      ? [{ from: 0, to: duration ?? RATE_SECONDS, rate: rate! }]
      : await read(profile, '--profile', (text) => readProfile(text, duration));
  const arrivals = new Arrivals(segments, burst);
  const late = burst.find(({ from }) => from >= arrivals.duration);
  if (late)
    throw new Error(`--burst at ${late.from} s begins after the end, which is at ${arrivals.duration} s`);
  if (arrivals.count === 0) throw new Error('nothing ever arrives: the rate is 0 all the time');
  return arrivals;
}

async function runTimesIn({ run, runCv, runHistogram, model = [] }: Parsed): Promise<RunTimes> {
  exactlyOne({ '--run': run, '--run-histogram': runHistogram }, 'how long runs take');
  if (runHistogram === undefined) return runTimesOf(run!, runCv);
  return await read(runHistogram, '--run-histogram', (page) => runTimesFrom(readRunHistogram(page, model)));
}

function exactlyOne(options: Readonly<Record<string, unknown>>, what: string): void {
  const given = Object.values(options).filter((value) => value !== undefined);
  const names = Object.keys(options);
  if (given.length === 0) throw new Error(`say ${what}, with ${names.join(' or ')}`);
  if (given.length > 1) throw new Error(`${names.join(' and ')} both say ${what}; leave one out`);
}

/** Errors carry the option and the file. */
async function read<Value>(source: string, flag: string, parse: (text: string) => Value): Promise<Value> {
  try {
    return parse(await textAt(source));
  } catch (error) {
    throw new Error(`${flag} ${source}: ${reasonOf(error as NodeJS.ErrnoException)}`);
  }
}

async function textAt(source: string): Promise<string> {
  if (!/^https?:\/\//.test(source)) return await readFile(source, 'utf8');
  const response = await fetch(source, { signal: AbortSignal.timeout(FETCH_TIMEOUT_MS) });
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  return await response.text();
}

function reasonOf({ code, message, cause }: NodeJS.ErrnoException): string {
  if (code === 'ENOENT') return 'there is no such file';
  return cause instanceof Error ? `${message}: ${cause.message}` : message;
}

function targetsOf({ hpaTarget, hpaBacklogTarget, hpaOfferedTarget }: Parsed): PlanSetup['hpa']['targets'] {
  return {
    ...(hpaTarget !== undefined && { demand: hpaTarget }),
    ...(hpaBacklogTarget !== undefined && { backlogSeconds: hpaBacklogTarget }),
    ...(hpaOfferedTarget !== undefined && { offeredLoad: hpaOfferedTarget }),
  };
}

function behaviorOf(parsed: Parsed): NonNullable<HpaOptions['behavior']> {
  const { scaleUpWindow, scaleUpPolicy, scaleDownWindow, scaleDownPolicy } = parsed;
  return {
    scaleUp: { ...SHIPPED_BEHAVIOR.scaleUp, ...rulesOf(scaleUpWindow, scaleUpPolicy) },
    scaleDown: { ...SHIPPED_BEHAVIOR.scaleDown, ...rulesOf(scaleDownWindow, scaleDownPolicy) },
  };
}

const rulesOf = (window?: number, policies?: HpaRules['policies']): HpaRules => ({
  ...(window !== undefined && { stabilizationWindowSeconds: window }),
  ...(policies && { policies }),
});
