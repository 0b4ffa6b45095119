// What this replica tells its platform and hears from it: each signal is found by what its platform sets in the
// environment, and none of them can touch a prediction.

import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Cancel, Clock } from '../clock.js';
import type { Config } from '../config.js';
import type { CallName, CallResult, Snapshot } from '../observer.js';
import { EcsIdentity } from './ecs-task.js';
import { EmbeddedMetrics, type EndedTotals } from './embedded-metrics.js';
import { PlatformCalls } from './platform-calls.js';
import { PodDeletionCost } from './pod-deletion-cost.js';
import { SPOT_POLL_MS, type SpotNotice, SpotNotices } from './spot-notice.js';
import { TaskProtection } from './task-protection.js';
import { every } from './ticker.js';

export interface SignalsOptions {
  readonly config: Pick<
    Config,
    | 'cloudwatchMetrics'
    | 'cloudwatchNamespace'
    | 'cloudwatchPeriodMs'
    | 'taskProtection'
    | 'podDeletionCost'
    | 'spotNotices'
  >;
  readonly clock: Clock;
  readonly log: SignalsLog;
  readonly snapshot: () => Snapshot;
  /** Predictions waiting or running; asked every second, so it adds nothing up. */
  readonly demand: () => number;
  /** Predictions since the start that ended so. */
  readonly totals: () => EndedTotals;
  /** Told of every platform call that has ended. */
  readonly count: (call: CallName, result: CallResult) => void;
  /** Shows the counts of these calls, at zero. */
  readonly addCalls: (calls: readonly CallName[]) => void;
  /** Writes a line of its own to stdout. */
  readonly writeLine: (line: string) => void;
  readonly onSpotNotice: (notice: SpotNotice) => void;
  /** @default process.env */
  readonly env?: NodeJS.ProcessEnv;
  /** @default Date.now */
  readonly wallMs?: () => number;
  /** Where Kubernetes puts the service account. */
  readonly accountFolder?: string;
}

interface SignalsLog {
  info(bindings: object, message: string): void;
  warn(bindings: object, message: string): void;
  error(bindings: object, message: string): void;
}

const SECOND_MS = 1_000;
/** Kubernetes asks not to change the annotation often. */
const POD_COST_MS = 10_000;
const ACCOUNT_FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';
const METADATA_SERVICE = 'http://169.254.169.254';

/** Starts those signals whose platform is found or whose option says so, until it is stopped. */
export class Signals {
  readonly #options: SignalsOptions;
  readonly #env: NodeJS.ProcessEnv;
  readonly #wallMs: () => number;
  readonly #calls: PlatformCalls;
  readonly #stops: Cancel[] = [];
  readonly #broken = new Set<string>();
  readonly #started: string[] = [];
  #identity: EcsIdentity | undefined;

  constructor(options: SignalsOptions) {
    const { clock, log, count, env = process.env, wallMs = Date.now } = options;
    this.#options = options;
    this.#env = env;
    this.#wallMs = wallMs;
    this.#calls = new PlatformCalls({ clock, log, count });
    this.#startEmbeddedMetrics();
    this.#startTaskProtection();
    this.#startPodDeletionCost();
    this.#startSpotNotices();
    if (this.#started.length > 0) log.info({ signals: this.#started }, 'platform signals');
  }

  /** Ends all of them, calls under way included. The platform is told nothing: it sees the process go. */
  stop(): void {
    for (const stop of this.#stops.splice(0)) stop();
    this.#calls.stop();
  }

  #startEmbeddedMetrics(): void {
    const { config, clock, snapshot, totals, writeLine } = this.#options;
    const uri = this.#env.ECS_CONTAINER_METADATA_URI_V4;
    if (!this.#isOn('--cloudwatch-metrics', config.cloudwatchMetrics, uri, 'ECS_CONTAINER_METADATA_URI_V4'))
      return;
    const identity = this.#identify(uri!);
    const metrics = new EmbeddedMetrics({
      clock: this.#guarded(clock, 'cloudwatch metrics'),
      wallMs: this.#wallMs,
      snapshot,
      totals,
      task: () => identity.task,
      namespace: config.cloudwatchNamespace,
      periodMs: config.cloudwatchPeriodMs,
      writeLine,
    });
    this.#started.push('cloudwatch metrics');
    this.#stops.push(() => metrics.stop());
  }

  #startTaskProtection(): void {
    const { config, clock, snapshot, demand } = this.#options;
    const agentUri = this.#env.ECS_AGENT_URI;
    if (!this.#isOn('--task-protection', config.taskProtection, agentUri, 'ECS_AGENT_URI')) return;
    const backlogSeconds = (): number => snapshot().backlogSeconds;
    const protection = new TaskProtection({
      clock,
      calls: this.#calls,
      agentUri: agentUri!,
      demand,
      backlogSeconds,
    });
    this.#start('task protection', ['task_protection'], SECOND_MS, () => protection.tick());
  }

  #startPodDeletionCost(): void {
    const { config, clock, snapshot, accountFolder = ACCOUNT_FOLDER } = this.#options;
    const apiServer = this.#apiServer(accountFolder);
    const wanted = `KUBERNETES_SERVICE_HOST and ${accountFolder}/token`;
    if (!this.#isOn('--pod-deletion-cost', config.podDeletionCost, apiServer, wanted)) return;
    const cost = new PodDeletionCost({
      clock,
      calls: this.#calls,
      apiServer: apiServer!,
      podName: this.#env.POD_NAME || this.#env.HOSTNAME || hostname(),
      namespace: this.#env.POD_NAMESPACE || undefined,
      accountFolder,
      snapshot,
    });
    this.#start('pod deletion cost', ['pod_deletion_cost'], POD_COST_MS, () => cost.tick());
  }

  /** Where its launch type is not EC2 there is no such notice: Fargate sends SIGTERM instead. */
  #startSpotNotices(): void {
    const { config, clock, onSpotNotice } = this.#options;
    const { ECS_CONTAINER_METADATA_URI_V4: uri, AWS_EC2_METADATA_DISABLED: disabled } = this.#env;
    const choice = config.spotNotices;
    if (choice === 'off' || (choice === 'auto' && (!uri || disabled?.toLowerCase() === 'true'))) return;
    const identity = choice === 'auto' ? this.#identify(uri!) : undefined;
    const notices = new SpotNotices({
      clock,
      wallMs: this.#wallMs,
      calls: this.#calls,
      endpoint: withoutSlash(this.#env.AWS_EC2_METADATA_SERVICE_ENDPOINT || METADATA_SERVICE),
      onNotice: onSpotNotice,
    });
    const poll = async (): Promise<void> => {
      if (identity === undefined || identity.task?.launchType === 'EC2') await notices.tick();
    };
    this.#start('spot notices', ['spot_token', 'spot_notice'], SPOT_POLL_MS, poll);
  }

  #identify(metadataUri: string): EcsIdentity {
    const known = this.#identity;
    if (known !== undefined) return known;
    const identity = new EcsIdentity({ clock: this.#options.clock, calls: this.#calls, metadataUri });
    this.#identity = identity;
    this.#run('task metadata', ['task_metadata'], SECOND_MS, () => identity.tick());
    return identity;
  }

  /** The variables are set in every pod; an account is not, where the pod asks for none. */
  #apiServer(accountFolder: string): string | undefined {
    const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = this.#env;
    if (!host || !existsSync(join(accountFolder, 'token'))) return undefined;
    return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  }

  #isOn(option: string, choice: 'auto' | 'on' | 'off', found: string | undefined, wanted: string): boolean {
    if (choice === 'on' && !found) {
      this.#options.log.warn(
        { option, missing: wanted },
        'the platform of this signal was not found: it is off',
      );
    }
    return choice !== 'off' && Boolean(found);
  }

  #start(name: string, calls: readonly CallName[], periodMs: number, tick: () => Promise<void>): void {
    this.#started.push(name);
    this.#run(name, calls, periodMs, tick);
  }

  #run(name: string, calls: readonly CallName[], periodMs: number, tick: () => Promise<void>): void {
    this.#options.addCalls(calls);
    this.#stops.push(every(this.#options.clock, periodMs, tick, (error) => this.#failed(name, error)));
  }

  #guarded({ after, nowMs }: Clock, name: string): Clock {
    const guard = (callback: () => void) => () => {
      try {
        callback();
      } catch (error) {
        this.#failed(name, error);
      }
    };
    return { nowMs, after: (delayMs, callback) => after(delayMs, guard(callback)) };
  }

  #failed(name: string, error: unknown): void {
    if (this.#broken.has(name)) return;
    this.#broken.add(name);
    this.#options.log.error({ err: error, signal: name }, 'a platform signal failed; this is a bug');
  }
}

const withoutSlash = (url: string): string => url.replace(/\/+$/, '');
