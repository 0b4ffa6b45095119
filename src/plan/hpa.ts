// Kubernetes' HorizontalPodAutoscaler (autoscaling/v2) as an algorithm: metrics and the time in, replicas out.

/** How often the controller looks (--horizontal-pod-autoscaler-sync-period). */
export const HPA_SYNC_MS = 15_000;

/** A metric so near its target changes nothing (--horizontal-pod-autoscaler-tolerance). */
export const HPA_TOLERANCE = 0.1;

/** At most so much change within a period; the names are those of the manifest. */
export interface HpaPolicy {
  readonly type: 'Pods' | 'Percent';
  readonly value: number;
  readonly periodSeconds: number;
}

/** One direction of `spec.behavior`; what is left out has the cluster's default. */
export interface HpaRules {
  readonly stabilizationWindowSeconds?: number;
  readonly selectPolicy?: 'Max' | 'Min' | 'Disabled';
  readonly policies?: readonly HpaPolicy[];
  readonly tolerance?: number;
}

/** A manifest's `spec` for metrics of `type: External` with `target.type: AverageValue`. */
export interface HpaOptions {
  readonly minReplicas: number;
  readonly maxReplicas: number;
  /** Each metric's `averageValue`. */
  readonly targets: readonly number[];
  readonly behavior?: { readonly scaleUp?: HpaRules; readonly scaleDown?: HpaRules };
}

interface Recommendation {
  readonly atMs: number;
  readonly replicas: number;
}

interface Change {
  readonly atMs: number;
  /** More replicas above zero, fewer below. */
  readonly by: number;
}

const SCALE_UP: Required<HpaRules> = {
  stabilizationWindowSeconds: 0,
  selectPolicy: 'Max',
  policies: [
    { type: 'Percent', value: 100, periodSeconds: 15 },
    { type: 'Pods', value: 4, periodSeconds: 15 },
  ],
  tolerance: HPA_TOLERANCE,
};

const SCALE_DOWN: Required<HpaRules> = {
  stabilizationWindowSeconds: 300,
  selectPolicy: 'Max',
  policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
  tolerance: HPA_TOLERANCE,
};

/**
 * One HorizontalPodAutoscaler with its memory: call `desired` every `HPA_SYNC_MS` and set what it says. Sources:
 * kubernetes.io, "Horizontal Pod Autoscaling" (algorithm details, configurable scaling behavior), and
 * `GetExternalPerPodMetricReplicas`, `stabilizeRecommendationWithBehaviors`, `convertDesiredReplicasWithBehaviorRate`
 * in kubernetes/pkg/controller/podautoscaler.
 */
export class Hpa {
  readonly #options: HpaOptions;
  readonly #up: Required<HpaRules>;
  readonly #down: Required<HpaRules>;
  #recommendations: Recommendation[] = [];
  #changes: Change[] = [];

  constructor(options: HpaOptions) {
    this.#options = options;
    this.#up = { ...SCALE_UP, ...options.behavior?.scaleUp };
    this.#down = { ...SCALE_DOWN, ...options.behavior?.scaleDown };
  }

  /**
   * What the scale target is set to now.
   * @param metricSums each metric summed over all replicas, in the order of `targets`; undefined for one that
   * could not be read
   */
  desired(nowMs: number, current: number, metricSums: readonly (number | undefined)[]): number {
    const next = this.#next(nowMs, current, metricSums);
    if (next !== current) this.#changes.push({ atMs: nowMs, by: next - current });
    return next;
  }

  #next(nowMs: number, current: number, metricSums: readonly (number | undefined)[]): number {
    const { minReplicas, maxReplicas } = this.#options;
    if (current === 0 && minReplicas > 0) return 0;
    if (current > maxReplicas) return maxReplicas;
    if (current < minReplicas) return minReplicas;
    const wanted = this.#wantedByMetrics(current, metricSums);
    return wanted === undefined
      ? current
      : this.#limit(nowMs, current, this.#stabilize(nowMs, current, wanted));
  }

  /** The largest wins; a metric that could not be read forbids fewer replicas, and only those. */
  #wantedByMetrics(current: number, metricSums: readonly (number | undefined)[]): number | undefined {
    const { targets } = this.#options;
    const read = targets.flatMap((target, index) => {
      const sum = metricSums[index];
      return sum === undefined || !Number.isFinite(sum) ? [] : [this.#wantedBy(current, sum, target)];
    });
    const largest = Math.max(...read);
    if (read.length === 0 || (read.length < targets.length && largest < current)) return undefined;
    return largest;
  }

  #wantedBy(current: number, sum: number, target: number): number {
    const ratio = milli(sum) / (milli(target) * current);
    const isNear = ratio >= 1 - this.#down.tolerance && ratio <= 1 + this.#up.tolerance;
    return isNear ? current : Math.ceil(milli(sum) / milli(target));
  }

  /** Up to the least, or down to the most, that was wanted within the direction's window. */
  #stabilize(nowMs: number, current: number, wanted: number): number {
    const upMs = this.#up.stabilizationWindowSeconds * 1000;
    const downMs = this.#down.stabilizationWindowSeconds * 1000;
    const within = (windowMs: number): number[] =>
      this.#recommendations.filter(({ atMs }) => atMs > nowMs - windowMs).map(({ replicas }) => replicas);
    const least = Math.min(wanted, ...within(upMs));
    const most = Math.max(wanted, ...within(downMs));
    this.#recommendations.push({ atMs: nowMs, replicas: wanted });
    this.#recommendations = this.#recommendations.filter(({ atMs }) => atMs > nowMs - Math.max(upMs, downMs));
    return Math.min(Math.max(current, least), most);
  }

  #limit(nowMs: number, current: number, wanted: number): number {
    const { minReplicas, maxReplicas } = this.#options;
    if (wanted > current) return Math.min(wanted, maxReplicas, this.#upLimit(nowMs, current));
    if (wanted < current) return Math.max(wanted, minReplicas, this.#downLimit(nowMs, current));
    return wanted;
  }

  #upLimit(nowMs: number, current: number): number {
    const limits = this.#up.policies.map(({ type, value, periodSeconds }) => {
      const start = current - this.#changeWithin(nowMs, periodSeconds);
      return type === 'Pods' ? start + value : Math.ceil(start * (1 + value / 100));
    });
    return Math.max(current, select(this.#up.selectPolicy, limits, current, 1));
  }

  #downLimit(nowMs: number, current: number): number {
    const limits = this.#down.policies.map(({ type, value, periodSeconds }) => {
      const start = current - this.#changeWithin(nowMs, periodSeconds);
      return type === 'Pods' ? start - value : Math.trunc(start * (1 - value / 100));
    });
    return Math.min(current, select(this.#down.selectPolicy, limits, current, -1));
  }

  #changeWithin(nowMs: number, periodSeconds: number): number {
    const longest = Math.max(
      ...[...this.#up.policies, ...this.#down.policies].map((each) => each.periodSeconds),
    );
    this.#changes = this.#changes.filter(({ atMs }) => atMs > nowMs - longest * 1000);
    const recent = this.#changes.filter(({ atMs }) => atMs > nowMs - periodSeconds * 1000);
    return recent.reduce((sum, { by }) => sum + by, 0);
  }
}

/** The API keeps quantities in thousandths, so that 0.1 + 0.2 is three times 0.1. */
const milli = (value: number): number => Math.round(value * 1000);

/** @param sign 1 where more is the greater change, -1 where less is */
function select(
  policy: HpaRules['selectPolicy'],
  limits: readonly number[],
  current: number,
  sign: 1 | -1,
): number {
  if (policy === 'Disabled') return current;
  const changes = limits.map((limit) => limit * sign);
  return sign * (policy === 'Min' ? Math.min(...changes) : Math.max(...changes));
}
