// Calls of the platform's own endpoints. Whatever goes wrong with one is counted, said once, and harms nobody.

import type { Clock } from '../clock.js';
import type { CallName, CallResult } from '../observer.js';
import { AnswerTooLong, exchange, type HttpAnswer, type HttpRequest } from './platform-http.js';

/** Why a call failed, in the platform's own word where it has one, and in more words for the log. */
export class CallFailure extends Error {
  constructor(
    readonly result: Exclude<CallResult, 'ok'>,
    readonly reason: string,
    detail = '',
  ) {
    super(detail);
  }
}

export type Outcome<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly result: Exclude<CallResult, 'ok'> };

export interface PlatformCallsOptions {
  readonly clock: Clock;
  readonly log: { warn(bindings: object, message: string): void };
  /** Told of every call that has ended. */
  readonly count: (call: CallName, result: CallResult) => void;
}

/** Above the ECS agent's own limit of 4 s, so that its word is heard. */
const TIMEOUT_MS = 5_000;

/** Reasons are the platform's words: so many different ones are logged, and then none. */
const MAX_KINDS = 64;
const MAX_DETAIL = 300;

export class PlatformCalls {
  readonly #options: PlatformCallsOptions;
  readonly #kinds = new Set<string>();
  readonly #stopped = new AbortController();

  constructor(options: PlatformCallsOptions) {
    this.#options = options;
  }

  /**
   * Sends a request and reads its answer; never rejects.
   *
   * @param read throws a CallFailure where the answer is not what was asked for
   */
  async ask<Value>(
    call: CallName,
    request: () => HttpRequest | Promise<HttpRequest>,
    read: (answer: HttpAnswer) => Value,
  ): Promise<Outcome<Value>> {
    try {
      const value = read(await this.#exchange(await request()));
      this.#options.count(call, 'ok');
      return { ok: true, value };
    } catch (thrown) {
      const failure = failureOf(thrown);
      if (!this.#stopped.signal.aborted) this.#report(call, failure);
      return { ok: false, result: failure.result };
    }
  }

  /** Ends all calls for good. */
  stop(): void {
    this.#stopped.abort();
  }

  async #exchange(request: HttpRequest): Promise<HttpAnswer> {
    const timeout = new AbortController();
    const cancel = this.#options.clock.after(TIMEOUT_MS, () => timeout.abort());
    try {
      return await exchange(request, AbortSignal.any([timeout.signal, this.#stopped.signal]));
    } catch (error) {
      if (!timeout.signal.aborted) throw error;
      throw new CallFailure('timeout', 'timeout', `no answer within ${TIMEOUT_MS / 1000} s`);
    } finally {
      cancel();
    }
  }

  #report(call: CallName, { result, reason, message }: CallFailure): void {
    this.#options.count(call, result);
    const kind = `${call} ${result} ${reason}`;
    if (this.#kinds.has(kind) || this.#kinds.size === MAX_KINDS) return;
    this.#kinds.add(kind);
    const detail = message.slice(0, MAX_DETAIL);
    const text = 'a platform call failed; this kind of failure is not logged again';
    this.#options.log.warn({ call, result, reason, ...(detail !== '' && { detail }) }, text);
  }
}

function failureOf(thrown: unknown): CallFailure {
  if (thrown instanceof CallFailure) return thrown;
  const { code = 'unknown', message } = thrown as NodeJS.ErrnoException;
  if (thrown instanceof AnswerTooLong) return new CallFailure('invalid', 'too long', message);
  if (code.startsWith('HPE_')) return new CallFailure('invalid', code, message);
  return new CallFailure('unreachable', code, message);
}

/** The answer's body as an object. @throws CallFailure */
export function objectOf({ status, text }: HttpAnswer): Readonly<Record<string, unknown>> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    parsed = undefined;
  }
  if (isObject(parsed)) return parsed;
  throw new CallFailure(
    'invalid',
    `status ${status}`,
    `not a JSON object: ${JSON.stringify(text.slice(0, 100))}`,
  );
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value where it is a text, else an empty one. */
export const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** An answer that is not a 2xx, as a failure. `reason` is the platform's own code where it gave one. */
export function refusalOf({ status }: HttpAnswer, reason: string, detail: string): CallFailure {
  const named = reason === '' ? `status ${status}` : reason.slice(0, 60);
  if (status === 429 || reason === 'ThrottlingException') return new CallFailure('throttled', named, detail);
  if (status === 401 || status === 403) return new CallFailure('forbidden', named, detail);
  return new CallFailure('refused', named, detail);
}

export const isSuccess = ({ status }: HttpAnswer): boolean => status >= 200 && status < 300;
