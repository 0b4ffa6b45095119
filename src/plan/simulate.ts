// A day of a fleet, event by event: arrivals, run ends, replicas that have started, and the autoscaler's looks.

import type { Arrivals } from './arrivals.js';
import type { Waits } from './closed-forms.js';
import type { Fleet, OnStart } from './fleet.js';
import { LeastOutstanding } from './least-outstanding.js';
import { Random } from './random.js';
import type { RunTimes } from './run-times.js';
import type { Scaler, Signals } from './scaler.js';
import { SharedQueue } from './shared-queue.js';
import { Steps } from './steps.js';
import { WaitTimes } from './wait-times.js';

/** One queue before all replicas, or one in each and the fewest requests wins. */
export type Balancing = 'shared' | 'least-outstanding';

/** Times are in seconds. */
export interface Scenario {
  readonly arrivals: Arrivals;
  readonly runTimes: RunTimes;
  readonly balancing: Balancing;
  /** Whether the autoscaler is told of the one queue; each replica knows of its own anyway. @default true */
  readonly isQueueSeen?: boolean;
  /** Replicas at the start, all ready. */
  readonly replicas: number;
  /** Left out, the number of replicas stays. */
  readonly scaler?: Scaler;
  /** From asking for a replica to its first prediction. @default 0 */
  readonly startup?: number;
  /** Age of the signals that the autoscaler sees. @default 0 */
  readonly metricDelay?: number;
  /** Waiting requests a ready replica; one more is refused. @default no limit */
  readonly queueLimit?: number;
  /** Requests that would wait longer are refused. @default no limit */
  readonly maxWait?: number;
  readonly seed: number;
  /** The share of waits that `waits.target` is about. @default 0.95 */
  readonly quantile?: number;
  /** How many parts the timeline has. @default 96 */
  readonly parts?: number;
}

/** One part of the time. */
export interface Moment {
  /** Seconds from the start. */
  readonly from: number;
  /** Arrivals a second that were offered. */
  readonly rate: number;
  /** Mean of those paid for. */
  readonly replicas: number;
  /** The wait at the quantile, of those who came in this part. */
  readonly wait: number;
  readonly refused: number;
}

export interface Outcome {
  readonly arrivals: number;
  readonly refused: number;
  readonly waits: Waits;
  /** Share of all arrivals that were served and waited no longer than asked. */
  within(wait: number): number;
  /** Paid for: starting, ready and draining ones. */
  readonly replicas: { readonly least: number; readonly mean: number; readonly most: number };
  readonly replicaSeconds: number;
  /** Share of the replicas' time in which they ran. */
  readonly busyRatio: number;
  readonly timeline: readonly Moment[];
}

/** Plays the scenario until all who came are served; the same scenario has the same outcome. */
export function simulate(scenario: Scenario): Outcome {
  return new Simulation(scenario).run();
}

const { floor, min } = Math;
const NEVER = Number.POSITIVE_INFINITY;
/** Prometheus' rate(…[5m]), in seconds. */
const RATE_WINDOW = 300;

interface Part {
  readonly waits: WaitTimes;
  arrivals: number;
  refused: number;
}

class Simulation {
  readonly #scenario: Scenario;
  readonly #fleet: Fleet;
  readonly #waits = new WaitTimes();
  readonly #parts: readonly Part[];
  readonly #paid: Steps;
  readonly #nextArrival: () => number;
  readonly #runs: Random;
  readonly #partSeconds: number;
  /** When each replica that starts will be ready, in order. */
  #starting: number[] = [];
  #wanted: number;
  #signals: Signals[] = [];
  /** Arrivals up to each look of the last five minutes. */
  #arrivedBy: { readonly at: number; readonly count: number }[] = [{ at: 0, count: 0 }];
  #refused = 0;
  #refusedBefore = 0;
  #arrived = 0;
  #runSeconds = 0;
  /** Run time of all runs that have begun, and how much of it was over at the last look. */
  #begunSeconds = 0;
  #overBefore = 0;

  constructor(scenario: Scenario) {
    const { arrivals, seed, replicas, parts = 96 } = scenario;
    this.#scenario = scenario;
    this.#wanted = replicas;
    this.#nextArrival = arrivals.times(new Random(seed, 0));
    this.#runs = new Random(seed, 1);
    this.#partSeconds = arrivals.duration / parts;
    this.#parts = Array.from({ length: parts }, () => ({ waits: new WaitTimes(), arrivals: 0, refused: 0 }));
    this.#paid = new Steps(arrivals.duration, parts, replicas);
    const onStart: OnStart = (arrivedAt, now, runTime) => this.#started(arrivedAt, now, runTime);
    this.#fleet = scenario.balancing === 'shared' ? new SharedQueue(onStart) : new LeastOutstanding(onStart);
    for (let added = 0; added < replicas; added++) this.#fleet.add(0);
  }

  run(): Outcome {
    const fleet = this.#fleet;
    const period = this.#scenario.scaler?.period ?? NEVER;
    let arrival = this.#nextArrival();
    let look = period;
    while (arrival < NEVER || fleet.queued + fleet.running > 0) {
      const readyAt = this.#starting[0] ?? NEVER;
      const end = fleet.nextEnd;
      if (end <= arrival && end <= look && end <= readyAt) this.#end(end);
      else if (readyAt <= arrival && readyAt <= look) this.#becomeReady(readyAt);
      else if (arrival <= look) {
        this.#arrive(arrival);
        arrival = this.#nextArrival();
      } else {
        this.#look(look);
        look += period;
      }
    }
    return this.#outcome();
  }

  #arrive(now: number): void {
    const part = this.#partOf(now);
    const runTime = this.#scenario.runTimes.draw(this.#runs);
    this.#arrived++;
    part.arrivals++;
    if (this.#isRefused()) {
      this.#refused++;
      part.refused++;
    } else {
      this.#runSeconds += runTime;
      this.#fleet.arrive(now, runTime);
    }
  }

  #isRefused(): boolean {
    const { queueLimit, maxWait, runTimes } = this.#scenario;
    const { queued, running, draining } = this.#fleet;
    const ready = this.#fleet.ready || 1;
    if (queueLimit !== undefined && queued >= queueLimit * ready) return true;
    if (maxWait === undefined || running - draining < ready) return false;
    return ((queued + 1) * runTimes.mean) / ready > maxWait;
  }

  #started(arrivedAt: number, now: number, runTime: number): void {
    this.#begunSeconds += runTime;
    this.#waits.add(now - arrivedAt);
    this.#partOf(arrivedAt).waits.add(now - arrivedAt);
  }

  #end(now: number): void {
    const { draining } = this.#fleet;
    this.#fleet.end();
    if (this.#fleet.draining < draining) this.#count(now);
  }

  #becomeReady(now: number): void {
    this.#starting.shift();
    this.#fleet.add(now);
  }

  #look(now: number): void {
    const { scaler, metricDelay = 0 } = this.#scenario;
    this.#signals.push(this.#measure(now));
    if (this.#signals.length > 1 + Math.round(metricDelay / scaler!.period)) this.#signals.shift();
    const wanted = scaler!.desired(now, this.#wanted, this.#signals[0]!);
    for (; this.#wanted < wanted; this.#wanted++) this.#add(now);
    for (; this.#wanted > wanted; this.#wanted--) this.#remove();
    this.#count(now);
  }

  /** Refused ones count as what they would have kept running. */
  #measure(now: number): Signals {
    const { scaler, runTimes } = this.#scenario;
    const { running, ready } = this.#fleet;
    const queued = this.#isQueueHidden ? 0 : this.#fleet.queued;
    const refused = ((this.#refused - this.#refusedBefore) / scaler!.period) * runTimes.mean;
    this.#refusedBefore = this.#refused;
    const restSeconds = this.#fleet.runningSeconds(now);
    const backlogSeconds = queued * runTimes.mean + restSeconds;
    const offeredLoad = this.#recentRate(now) * runTimes.mean;
    const busyReplicas = (this.#begunSeconds - restSeconds - this.#overBefore) / scaler!.period;
    this.#overBefore = this.#begunSeconds - restSeconds;
    return { demand: queued + running + refused, backlogSeconds, offeredLoad, busyReplicas, ready };
  }

  #recentRate(now: number): number {
    while (this.#arrivedBy.length > 1 && this.#arrivedBy[0]!.at < now - RATE_WINDOW) this.#arrivedBy.shift();
    const { at, count } = this.#arrivedBy[0]!;
    // A replica counts a request when it gets it.
    const seen = this.#isQueueHidden ? this.#waits.count : this.#arrived;
    this.#arrivedBy.push({ at: now, count: seen });
    return (seen - count) / (now - at);
  }

  get #isQueueHidden(): boolean {
    const { balancing, isQueueSeen = true } = this.#scenario;
    return balancing === 'shared' && !isQueueSeen;
  }

  #add(now: number): void {
    const { startup = 0 } = this.#scenario;
    if (startup === 0) this.#fleet.add(now);
    else this.#starting.push(now + startup);
  }

  /** Kubernetes and ECS alike give up first what has not started yet. */
  #remove(): void {
    if (this.#starting.pop() === undefined) this.#fleet.remove();
  }

  #count(now: number): void {
    this.#paid.set(now, this.#starting.length + this.#fleet.ready + this.#fleet.draining);
  }

  #partOf(now: number): Part {
    return this.#parts[min(floor(now / this.#partSeconds), this.#parts.length - 1)]!;
  }

  #outcome(): Outcome {
    const { arrivals, quantile = 0.95 } = this.#scenario;
    const { least, most, sum, parts } = this.#paid.end();
    const timeline = this.#parts.map(({ waits, arrivals: came, refused }, index) => ({
      from: index * this.#partSeconds,
      rate: came / this.#partSeconds,
      replicas: parts[index]! / this.#partSeconds,
      wait: waits.quantile(quantile),
      refused,
    }));
    const served = this.#arrived - this.#refused;
    return {
      arrivals: this.#arrived,
      refused: this.#refused,
      waits: this.#waits.summary(quantile),
      within: (wait) => (this.#arrived === 0 ? 1 : (this.#waits.within(wait) * served) / this.#arrived),
      replicas: { least, mean: sum / arrivals.duration, most },
      replicaSeconds: sum,
      busyRatio: this.#runSeconds / sum,
      timeline,
    };
  }
}
