// What the rooms tell whoever watches (metrics, logs) and what can be read from them at any moment.

import type { ErrorCode, Outcome } from './errors.js';

/** The moments of a prediction and of the runner; seconds throughout. Implementations never throw. */
export interface Observer {
  /** A prediction's headers have come; `model` is a name that exists, or `''`. */
  received(model: string): void;
  /** The estimated run time of one that came, refused ones too. */
  offered(model: string, seconds: number): void;
  refused(reason: ErrorCode): void;
  /** One that no replica could serve as it was sent. */
  invalid(reason: ErrorCode): void;
  /** Its run has begun. */
  started(model: string, queueWaitSeconds: number): void;
  /** A run has begun with `size` predictions; `gapSeconds` is how long the slot stood idle while they waited. */
  runStarted(model: string, size: number, gapSeconds: number | undefined): void;
  runEnded(model: string, runSeconds: number): void;
  /** A prediction is over, whatever became of it. */
  ended(model: string, outcome: Outcome, seconds: number): void;
  runnerRestarted(reason: RestartReason): void;
  /** A model that declares batches is loaded. */
  batchDeclared(model: string): void;
  /** An answer of a batch was checked by a run alone. A mismatch ends batching; a difference that may be a near tie is none. */
  batchChecked(model: string, isMismatch: boolean): void;
}

export const RESTART_REASONS = [
  'crashed',
  'cancelled',
  'run_timeout',
  'device_error',
  'load_failed',
  'load_timeout',
] as const;
export type RestartReason = (typeof RESTART_REASONS)[number];

/** Calls of the platform's own endpoints, and how they may end. */
export const PLATFORM_CALLS = [
  'task_metadata',
  'task_protection',
  'pod_deletion_cost',
  'spot_token',
  'spot_notice',
] as const;
export type CallName = (typeof PLATFORM_CALLS)[number];

export const CALL_RESULTS = [
  'ok',
  'refused',
  'forbidden',
  'throttled',
  'timeout',
  'unreachable',
  'invalid',
] as const;
export type CallResult = (typeof CALL_RESULTS)[number];

export interface LoadedModel {
  readonly name: string;
  readonly version: string;
  readonly provider: string;
  readonly loaded: boolean;
}

/** The truth at one moment; gauges are read from it at each scrape. */
export interface Snapshot {
  /** Whose body arrives or is decoded. */
  readonly receiving: number;
  /** Of them, those whose body is not whole yet. */
  readonly uploads: number;
  readonly uploadLimit: number;
  /** Waiting only. */
  readonly queued: number;
  /** Predictions in the present run: 0, 1, or a batch. */
  readonly running: number;
  /** Those whose answer is not handed over yet. */
  readonly sending: number;
  readonly slotBusy: boolean;
  /** Bytes held by receiving, queued and running predictions. */
  readonly queueBytes: number;
  /** Bytes of answers that are not handed over yet. */
  readonly answerBytes: number;
  /** Of the memory that the runner shares, what inputs hold. */
  readonly sharedMemoryBytes: number;
  /** Copies of the one prediction whose answer is checked, or will be. */
  readonly batchCheckBytes: number;
  readonly queueLimit: number;
  /** Rest of the running one and the estimates of all that wait, as far as they are known. */
  readonly backlogSeconds: number;
  /** This replica's share of what waits in a balancer, and how long it would run; 0 where no balancer says so. */
  readonly balancerQueued: number;
  readonly balancerSeconds: number;
  readonly oldestQueuedSeconds: number;
  readonly runningSeconds: number;
  /** Since the start, the present run included; never falls. */
  readonly slotBusySecondsTotal: number;
  /** Share of the last minute that the slot was busy, 0…1. */
  readonly busyRatio: number;
  /** Inputs that are refused because they ended runners. */
  readonly quarantinedInputs: number;
  readonly ready: boolean;
  readonly draining: boolean;
  readonly models: readonly LoadedModel[];
}
