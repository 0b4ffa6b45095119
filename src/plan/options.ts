// Every option of `oneslot plan`, once.

import { Option } from 'commander';
import { integer, type Kind, number, oneOf } from '../option-kinds.js';
import type { Burst } from './arrivals.js';
import type { HpaPolicy } from './hpa.js';
import type { ScalerName } from './plan.js';
import type { Balancing } from './simulate.js';
import { burst, policy, rate, time } from './values.js';

/** As commander hands them over; times in seconds, rates in arrivals a second. */
export interface Parsed {
  readonly rate?: number;
  readonly profile?: string;
  readonly burst?: readonly Burst[];
  readonly duration?: number;
  readonly run?: number;
  readonly runCv: number;
  readonly runHistogram?: string;
  readonly model?: readonly string[];
  readonly wait: number;
  readonly quantile: number;
  readonly balancing: Balancing;
  readonly balancerQueue: QueueSight;
  readonly queueLimit: number;
  readonly maxWait?: number;
  readonly startup: number;
  readonly minReplicas: number;
  readonly maxReplicas: number;
  readonly price?: number;
  readonly scaler: ScalerName;
  readonly metricDelay: number;
  readonly hpaTarget?: number;
  readonly hpaBacklogTarget?: number;
  readonly hpaOfferedTarget?: number;
  readonly scaleUpWindow?: number;
  readonly scaleUpPolicy?: readonly HpaPolicy[];
  readonly scaleDownWindow?: number;
  readonly scaleDownPolicy?: readonly HpaPolicy[];
  readonly ecsTarget?: number;
  readonly ecsBusyTarget?: number;
  readonly scaleOutCooldown: number;
  readonly scaleInCooldown: number;
  readonly seed: number;
  readonly json?: boolean;
  readonly svg?: string;
}

const BALANCINGS = ['shared', 'least-outstanding'] as const satisfies readonly Balancing[];
/** Whether the autoscaler is told what waits in the balancer. */
export type QueueSight = 'seen' | 'unseen';
const QUEUE_SIGHTS = ['seen', 'unseen'] as const satisfies readonly QueueSight[];
const SCALERS = ['hpa', 'ecs', 'none'] as const satisfies readonly ScalerName[];
const anyTime = time('0s', '7d');

/** @param fallback as a user would write it */
function option<Value>(flag: string, help: string, { takes, parse }: Kind<Value>, fallback?: string): Option {
  const made = new Option(flag, `${help}. It takes ${takes}.`).argParser((text) => parse(text));
  return fallback === undefined ? made : made.default(parse(fallback), fallback);
}

/** One that may stand several times. */
function repeatable<Value>(flag: string, help: string, { takes, parse }: Kind<Value>): Option {
  const collect = (text: string, before: readonly Value[] = []): readonly Value[] => [...before, parse(text)];
  return new Option(flag, `${help}. It takes ${takes}. May stand several times.`).argParser(collect);
}

const LOAD: readonly Option[] = [
  option('--rate <rate>', 'Arrivals, at a rate that stays', rate),
  new Option(
    '--profile <file>',
    "A day's arrivals: CSV lines of a time and a rate that holds until the next, as 09:00,2.5/s.",
  ),
  repeatable('--burst <burst>', 'Arrivals on top for a while', burst),
  option(
    '--duration <time>',
    'How long to simulate; by default a profile’s day, and 4 h of a rate',
    time('1m', '31d'),
  ),
  option('--run <time>', 'Mean time of a run', time('0.1ms', '1d')),
  option(
    '--run-cv <cv>',
    'Spread of run times, standard deviation over mean; 0 is constant',
    number(0, 20),
    '1',
  ),
  new Option(
    '--run-histogram <page>',
    'Run times from oneslot_run_seconds of a saved metrics page, or of a URL.',
  ),
  repeatable('--model <name>', 'Only this model of --run-histogram', {
    takes: 'a name',
    parse: (text) => text,
  }),
];

const GOAL: readonly Option[] = [
  option('--wait <time>', 'Longest wait for the slot that is meant to be usual', anyTime, '30s'),
  option(
    '--quantile <q>',
    'Share of arrivals that are to wait no longer; 0.95 is p95',
    number(0.01, 0.9999),
    '0.95',
  ),
  option('--price <amount>', 'Price of one replica for an hour', number(0, 1e6)),
];

const FLEET: readonly Option[] = [
  option('--balancing <how>', 'One queue before all replicas, or one in each', oneOf(BALANCINGS), 'shared'),
  option(
    '--balancer-queue <how>',
    'Whether the autoscaler is told of the one queue; as shipped it is, where HAProxy is scraped',
    oneOf(QUEUE_SIGHTS),
    'seen',
  ),
  option('--queue-limit <n>', 'Waiting requests a replica; one more is refused', integer(1, 1_000_000), '64'),
  option('--max-wait <time>', 'Refuse whoever would wait longer', anyTime),
  option('--startup <time>', 'From asking for a replica to its first prediction', time('0s', '1d'), '3m'),
  option('--min-replicas <n>', 'Never fewer', integer(1, 10_000), '1'),
  option('--max-replicas <n>', 'Never more', integer(1, 10_000), '10000'),
];

const SCALING: readonly Option[] = [
  option('--scaler <name>', 'Whose day is shown; hpa is KEDA too', oneOf(SCALERS), 'hpa'),
  option('--metric-delay <time>', 'Age of the figures that the autoscaler sees', time('0s', '1h'), '15s'),
  option(
    '--hpa-target <n>',
    'averageValue of demand a replica, instead of searching for it',
    number(0.001, 1e6),
  ),
  option(
    '--hpa-backlog-target <n>',
    'averageValue of backlog seconds a replica; by default the wait',
    number(0.001, 1e6),
  ),
  option(
    '--hpa-offered-target <n>',
    'averageValue of offered load a replica; by default from the formula',
    number(0.001, 1),
  ),
  option('--scale-up-window <time>', 'stabilizationWindowSeconds for more replicas', time('0s', '1h')),
  repeatable('--scale-up-policy <policy>', 'How fast there may be more', policy),
  option('--scale-down-window <time>', 'stabilizationWindowSeconds for fewer replicas', time('0s', '1h')),
  repeatable('--scale-down-policy <policy>', 'How fast there may be fewer', policy),
  option(
    '--ecs-target <n>',
    'TargetValue of BacklogSeconds, seconds of backlog a task; by default the wait',
    number(0.001, 1e6),
  ),
  option(
    '--ecs-busy-target <share>',
    'TargetValue of BusyRatio, instead of searching for it',
    number(0.01, 1),
  ),
  option('--scale-out-cooldown <time>', 'ScaleOutCooldown of ECS', time('0s', '1d'), '60s'),
  option('--scale-in-cooldown <time>', 'ScaleInCooldown of ECS', time('0s', '1d'), '60s'),
];

const OUTPUT: readonly Option[] = [
  option('--seed <n>', 'Another seed, another day of the same kind', integer(0, 4_294_967_295), '1'),
  new Option('--json', 'Print the plan as JSON.'),
  new Option('--svg <file>', 'Write a picture of the time as well.'),
];

/** By heading of the help. */
export const OPTION_GROUPS: Readonly<Record<string, readonly Option[]>> = {
  'Load:': LOAD,
  'Goal:': GOAL,
  'Fleet:': FLEET,
  'Scaling:': SCALING,
  'Output:': OUTPUT,
};
