// The day that is played: its load, its goal and its autoscaler, and what the simulator and an oracle make of it.
//
// All times in this folder are in seconds of the day, unless they say otherwise: see day-clock.ts.

import { Arrivals } from '../../../src/plan/arrivals.js';
import { fewestReplicas } from '../../../src/plan/closed-forms.js';
import { runTimesOf } from '../../../src/plan/run-times.js';
import { type HpaSettings, hpaScaler } from '../../../src/plan/scaler.js';
import { type Outcome, simulate } from '../../../src/plan/simulate.js';

export const SEED = 1;

/** Minutes, and arrivals a second. A burst begins with its rise, for which nobody has started replicas yet. */
const PROFILE = [
  ['steady', 30, 0.5],
  ['burst', 5, 0.75],
  ['burst', 40, 1],
  ['ebb', 25, 0.5],
  ['night', 15, 0.25],
] as const;

export type Phase = 'steady' | 'burst' | 'ebb' | 'night';

const MINUTE = 60;

export interface Segment {
  readonly phase: Phase;
  readonly from: number;
  readonly to: number;
  readonly rate: number;
}

/** What a played day is made of. */
export interface PlayedDay {
  readonly segments: readonly Segment[];
  readonly arrivals: Arrivals;
  readonly hpa: HpaSettings;
}

export function segmentsOf(profile: readonly (readonly [Phase, number, number])[]): readonly Segment[] {
  let from = 0;
  return profile.map(([phase, minutes, rate]) => {
    const segment = { phase, from, to: from + minutes * MINUTE, rate };
    from = segment.to;
    return segment;
  });
}

export const SEGMENTS = segmentsOf(PROFILE);
export const ARRIVALS = new Arrivals(SEGMENTS);
export const RUN_TIMES = runTimesOf(6, 0.5);
/** 95 % wait no longer than ten runs take. */
export const TARGET = { quantile: 0.95, wait: 60 };
/** From asking for a replica to its first prediction. */
export const STARTUP = 90;
/** When one of the replicas dies. */
export const DEATH = SEGMENTS.find(({ phase }) => phase === 'ebb')!.from + 10 * MINUTE;

export const MIN_REPLICAS = 1;
export const MAX_REPLICAS = 12;

/** The metrics are those of deploy/kubernetes/components/hpa, the targets those that suit this load. */
export const HPA: HpaSettings = {
  targets: { demand: 4, backlogSeconds: TARGET.wait, offeredLoad: 0.92 },
  minReplicas: MIN_REPLICAS,
  maxReplicas: MAX_REPLICAS,
  behavior: {
    scaleUp: {
      policies: [
        { type: 'Percent', value: 100, periodSeconds: 60 },
        { type: 'Pods', value: 2, periodSeconds: 60 },
      ],
    },
    scaleDown: {
      stabilizationWindowSeconds: 60,
      policies: [{ type: 'Pods', value: 2, periodSeconds: 60 }],
    },
  },
};

export const DAY: PlayedDay = { segments: SEGMENTS, arrivals: ARRIVALS, hpa: HPA };

export const fewest = (rate: number, most = MAX_REPLICAS): number =>
  fewestReplicas({ rate, mean: RUN_TIMES.mean, cv: RUN_TIMES.cv }, TARGET, most)!;

export const FIRST_REPLICAS = fewest(PROFILE[0][2]);

/** Of someone who knows the load ahead, has at each moment as few as keep the goal, and starts them in no time. */
export const oracleSeconds = ({ segments }: PlayedDay): number =>
  segments.reduce((sum, { from, to, rate }) => sum + (to - from) * fewest(rate), 0);

export const ORACLE_SECONDS = oracleSeconds(DAY);

/** What `oneslot plan` computes of this day, or of another of its kind. */
export function simulatedDay(seed = SEED): Outcome {
  return simulate({
    arrivals: ARRIVALS,
    runTimes: RUN_TIMES,
    balancing: 'least-outstanding',
    replicas: FIRST_REPLICAS,
    scaler: hpaScaler(HPA),
    startup: STARTUP,
    metricDelay: 15,
    queueLimit: 64,
    seed,
    quantile: TARGET.quantile,
  });
}
