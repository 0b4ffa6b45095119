// ECS task scale-in protection: on while there is work to protect, renewed, off after a quiet time. Edges, not
// requests, make calls: the agent's endpoint is rate limited.

import type { Clock } from '../clock.js';
import {
  CallFailure,
  isObject,
  isSuccess,
  objectOf,
  type PlatformCalls,
  refusalOf,
  textOf,
} from './platform-calls.js';
import type { HttpAnswer } from './platform-http.js';
import { Backoff } from './ticker.js';

export interface TaskProtectionOptions {
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly calls: PlatformCalls;
  /** $ECS_AGENT_URI */
  readonly agentUri: string;
  /** Predictions waiting or running. */
  readonly demand: () => number;
  readonly backlogSeconds: () => number;
}

/** Work that is done sooner than this is safe in the drain that follows SIGTERM. */
const BUSY_MS = 5_000;
const QUIET_MS = 30_000;
/** What a run may take longer than was predicted. */
const SPARE_SECONDS = 120;
const MAX_MINUTES = 2880;
const MINUTE_MS = 60_000;

/** What ECS was told last, as far as it is known. */
interface Held {
  readonly untilMs: number;
  readonly renewMs: number;
}

export class TaskProtection {
  readonly #options: TaskProtectionOptions;
  readonly #backoff = new Backoff(10_000, 300_000);
  #busySinceMs: number | undefined;
  #quietSinceMs: number | undefined;
  #isWanted = false;
  #held: Held | undefined;
  #isCalling = false;

  constructor(options: TaskProtectionOptions) {
    this.#options = options;
  }

  /** To be called every second; resolves when what it sent is answered. */
  async tick(): Promise<void> {
    const nowMs = this.#options.clock.nowMs();
    this.#observe(nowMs);
    if (this.#held !== undefined && nowMs >= this.#held.untilMs) this.#held = undefined;
    if (this.#isCalling || !this.#backoff.isOver(nowMs)) return;
    if (this.#isWanted) {
      const isDue = this.#held === undefined || nowMs >= this.#held.renewMs;
      if (isDue && this.#busySinceMs !== undefined) await this.#protect(nowMs);
    } else if (this.#held !== undefined) await this.#release();
  }

  #observe(nowMs: number): void {
    if (this.#options.demand() > 0) {
      this.#busySinceMs ??= nowMs;
      this.#quietSinceMs = undefined;
      if (nowMs - this.#busySinceMs > BUSY_MS) this.#isWanted = true;
    } else {
      this.#quietSinceMs ??= nowMs;
      this.#busySinceMs = undefined;
      if (nowMs - this.#quietSinceMs >= QUIET_MS) this.#isWanted = false;
    }
  }

  async #protect(nowMs: number): Promise<void> {
    const minutes = Math.ceil((this.#options.backlogSeconds() + SPARE_SECONDS) / 60);
    const expiresInMinutes = Math.min(MAX_MINUTES, minutes);
    const expiryMs = expiresInMinutes * MINUTE_MS;
    const held = { untilMs: nowMs + expiryMs, renewMs: nowMs + expiryMs / 2 };
    const outcome = await this.#put({ ProtectionEnabled: true, ExpiresInMinutes: expiresInMinutes });
    if (outcome.ok) this.#held = held;
    // It may have been heard all the same, and then it is to be taken back.
    else if (outcome.result === 'timeout') this.#held = { ...held, renewMs: nowMs };
  }

  async #release(): Promise<void> {
    if ((await this.#put({ ProtectionEnabled: false })).ok) this.#held = undefined;
  }

  async #put(body: { ProtectionEnabled: boolean; ExpiresInMinutes?: number }) {
    const { calls, agentUri, clock } = this.#options;
    const request = {
      url: `${agentUri}/task-protection/v1/state`,
      method: 'PUT',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    } as const;
    this.#isCalling = true;
    const check = (answer: HttpAnswer): void => checkProtection(answer, body.ProtectionEnabled);
    const outcome = await calls.ask('task_protection', () => request, check);
    this.#isCalling = false;
    if (outcome.ok) this.#backoff.worked();
    else this.#backoff.failed(clock.nowMs());
    return outcome;
  }
}

/** A refusal may come with status 200: only what the body says is true. */
function checkProtection(answer: HttpAnswer, enabled: boolean): void {
  const { protection, failure, error } = objectOf(answer);
  if (isObject(failure)) throw refusalOf(answer, textOf(failure.Reason), textOf(failure.Detail));
  if (isObject(error)) throw refusalOf(answer, textOf(error.Code), textOf(error.Message));
  if (!isSuccess(answer)) throw refusalOf(answer, '', answer.text);
  if (isObject(protection) && protection.ProtectionEnabled === enabled) return;
  throw new CallFailure('invalid', 'another protection', answer.text);
}
