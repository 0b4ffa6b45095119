// EC2's notice that a Spot instance will be taken away, asked of the instance metadata service, version 2.

import type { Clock } from '../clock.js';
import { CallFailure, isSuccess, objectOf, type PlatformCalls, refusalOf, textOf } from './platform-calls.js';
import type { HttpAnswer } from './platform-http.js';
import { Backoff } from './ticker.js';

export interface SpotNotice {
  readonly action: string;
  /** How long the instance is still there. */
  readonly leftMs: number;
}

export interface SpotNoticesOptions {
  readonly clock: Pick<Clock, 'nowMs'>;
  /** Milliseconds since 1970. */
  readonly wallMs: () => number;
  readonly calls: PlatformCalls;
  /** Where the metadata service is. */
  readonly endpoint: string;
  /** Called once. */
  readonly onNotice: (notice: SpotNotice) => void;
}

export const SPOT_POLL_MS = 5_000;
const TOKEN_SECONDS = 21_600;
/** A token is replaced while it still works. */
const TOKEN_USE_MS = (TOKEN_SECONDS - 600) * 1000;
/** What EC2 promises, where the notice names no time that makes sense. */
const PROMISED_MS = 120_000;

interface Token {
  readonly text: string;
  readonly untilMs: number;
}

export class SpotNotices {
  readonly #options: SpotNoticesOptions;
  /** At most a minute: a notice gives two. */
  readonly #backoff = new Backoff(SPOT_POLL_MS, 60_000);
  #token: Token | undefined;
  #isCalling = false;
  #isOver = false;

  constructor(options: SpotNoticesOptions) {
    this.#options = options;
  }

  /** To be called every five seconds; resolves when what it sent is answered. */
  async tick(): Promise<void> {
    if (this.#isCalling || this.#isOver || !this.#backoff.isOver(this.#options.clock.nowMs())) return;
    this.#isCalling = true;
    try {
      await this.#poll();
    } finally {
      this.#isCalling = false;
    }
  }

  async #poll(): Promise<void> {
    const token = await this.#freshToken();
    if (token === undefined) return;
    const { calls, endpoint, wallMs } = this.#options;
    const request = {
      url: `${endpoint}/latest/meta-data/spot/instance-action`,
      headers: { 'X-aws-ec2-metadata-token': token },
    };
    const outcome = await calls.ask(
      'spot_notice',
      () => request,
      (answer) => noticeOf(answer, wallMs()),
    );
    this.#note(outcome.ok);
    if (!outcome.ok && outcome.result === 'forbidden') this.#token = undefined;
    if (!outcome.ok || outcome.value === undefined) return;
    this.#isOver = true;
    this.#options.onNotice(outcome.value);
  }

  async #freshToken(): Promise<string | undefined> {
    const { calls, clock, endpoint } = this.#options;
    const nowMs = clock.nowMs();
    if (this.#token !== undefined && nowMs < this.#token.untilMs) return this.#token.text;
    const request = {
      url: `${endpoint}/latest/api/token`,
      method: 'PUT',
      headers: { 'X-aws-ec2-metadata-token-ttl-seconds': String(TOKEN_SECONDS) },
    } as const;
    const outcome = await calls.ask('spot_token', () => request, tokenOf);
    this.#note(outcome.ok);
    this.#token = outcome.ok ? { text: outcome.value, untilMs: nowMs + TOKEN_USE_MS } : undefined;
    return this.#token?.text;
  }

  #note(ok: boolean): void {
    if (ok) this.#backoff.worked();
    else this.#backoff.failed(this.#options.clock.nowMs());
  }
}

function tokenOf(answer: HttpAnswer): string {
  if (!isSuccess(answer)) throw refusalOf(answer, '', answer.text);
  // It goes into a header, which takes no other characters.
  if (/^[\x21-\x7e]{1,1024}$/.test(answer.text)) return answer.text;
  throw new CallFailure('invalid', 'no token', answer.text);
}

/** 404 says that nothing is planned. */
function noticeOf(answer: HttpAnswer, wallMs: number): SpotNotice | undefined {
  if (answer.status === 404) return undefined;
  if (!isSuccess(answer)) throw refusalOf(answer, '', answer.text);
  const { action, time } = objectOf(answer);
  if (textOf(action) === '') throw new CallFailure('invalid', 'no action', answer.text);
  const leftMs = Date.parse(textOf(time)) - wallMs;
  return { action: textOf(action), leftMs: Number.isNaN(leftMs) ? PROMISED_MS : Math.max(0, leftMs) };
}
