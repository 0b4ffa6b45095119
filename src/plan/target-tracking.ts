// Amazon's Application Auto Scaling with a target tracking policy, as an algorithm; what AWS does not tell is left out.

/** CloudWatch has one datapoint a minute. */
export const TRACKING_PERIOD_SECONDS = 60;

/** Datapoints in a row over the target until it scales out, and below it until it scales in. */
const OUT_DATAPOINTS = 3;
const IN_DATAPOINTS = 15;
/** The low alarm stands below the target, so that the two do not take turns. */
const LOW_SHARE = 0.9;

export interface TargetTrackingOptions {
  readonly minReplicas: number;
  readonly maxReplicas: number;
  /** `TargetValue`, for a metric that is an average over the tasks. */
  readonly target: number;
  /** Seconds. */
  readonly scaleOutCooldown: number;
  readonly scaleInCooldown: number;
}

/**
 * One policy with its alarms: call `desired` once a minute and set what it says. Sources: Application Auto Scaling
 * User Guide, "Target tracking scaling policies" (alarms, cooldowns, missing data); the alarms as it makes them:
 * three minutes over the target, fifteen below nine tenths of it.
 */
export class TargetTracking {
  readonly #options: TargetTrackingOptions;
  #above = 0;
  #below = 0;
  #outAt = Number.NEGATIVE_INFINITY;
  #inAt = Number.NEGATIVE_INFINITY;
  /** What the last scaling out began with: within its cooldown the next one counts from there. */
  #outFrom = 0;

  constructor(options: TargetTrackingOptions) {
    this.#options = options;
  }

  /** @param average of the metric over the tasks; undefined where there is no datapoint, which never scales in */
  desired(now: number, current: number, average: number | undefined): number {
    const { target, minReplicas, maxReplicas } = this.#options;
    this.#above = average !== undefined && average > target ? this.#above + 1 : 0;
    this.#below = average !== undefined && average < LOW_SHARE * target ? this.#below + 1 : 0;
    const next = average === undefined ? current : this.#next(now, current, average / target);
    return Math.min(Math.max(next, minReplicas), maxReplicas);
  }

  #next(now: number, current: number, ratio: number): number {
    if (this.#above >= OUT_DATAPOINTS) return this.#out(now, current, ratio);
    if (this.#below >= IN_DATAPOINTS) return this.#in(now, current, ratio);
    return current;
  }

  #out(now: number, current: number, ratio: number): number {
    const isCooling = now < this.#outAt + this.#options.scaleOutCooldown;
    const from = isCooling ? this.#outFrom : current;
    const next = Math.ceil(from * ratio);
    if (next <= current) return current;
    this.#outAt = now;
    this.#outFrom = from;
    return next;
  }

  #in(now: number, current: number, ratio: number): number {
    const { scaleInCooldown, scaleOutCooldown } = this.#options;
    if (now < this.#inAt + scaleInCooldown || now < this.#outAt + scaleOutCooldown) return current;
    const next = Math.ceil(current * ratio);
    if (next < current) this.#inAt = now;
    return next;
  }
}
