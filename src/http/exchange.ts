// One predict request and what is known of it so far; how it shows in the log and in Server-Timing.

import type { Request, Response } from 'express';
import type { Clock } from '../clock.js';
import type { ServiceError } from '../errors.js';
import type { Logger } from '../log.js';
import type { Model } from '../model-repository/model.js';
import type { Prediction } from '../prediction.js';
import type { AnswerType } from './accept.js';
import type { EventStream } from './events.js';
import type { UrgencyRight } from './urgency.js';

/** What the headers and the query say, once they are known to make sense. */
export interface PredictHeaders {
  readonly mediaType: string;
  readonly coding: string | undefined;
  /** Forms of the answer that are accepted, the preferred one first. */
  readonly answerTypes: readonly AnswerType[];
  readonly model: Model;
  readonly urgencyRight: UrgencyRight;
  /** Those that the query asks for; they win over what the body says. */
  readonly outputs: readonly string[] | undefined;
}

export interface Exchange {
  readonly request: Request;
  readonly response: Response;
  readonly arrivedMs: number;
  prediction?: Prediction;
  /** The form of the answer, once the outputs are known. */
  answerType?: AnswerType;
  events?: EventStream;
  encodeMs?: number;
  /** Whether some of its answer is: an error can't be answered any more. */
  isBegun?: boolean;
  /** Whether all of its answer is given to the connection; it is over when that has taken it. */
  isSent?: boolean;
}

/** The model's name in the path; empty where the path names none. */
export function modelNameOf({ params }: Request): string {
  return typeof params.model === 'string' ? params.model : '';
}

/** Durations in ms (W3C Server Timing). */
export function serverTiming({ prediction, encodeMs = 0 }: Exchange): string {
  const { receive, decode, queue, run } = prediction!.times;
  const part = (name: string, ms: number) => `${name};dur=${ms.toFixed(3)}`;
  const parts = [part('receive', receive), part('decode', decode), part('queue', queue), part('run', run)];
  return [...parts, part('encode', encodeMs)].join(', ');
}

interface LogOptions {
  readonly log: Logger;
  readonly clock: Clock;
}

const round = (ms: number): number => Math.round(ms * 1000) / 1000;

/** One line a prediction, with its times and outcome. */
export function logEnd(exchange: Exchange, { log, clock }: LogOptions, error?: ServiceError): void {
  if (!log.isLevelEnabled('info')) return;
  const { prediction, response, request, arrivedMs, encodeMs } = exchange;
  const times = prediction?.times;
  log.info(
    {
      requestId: response.locals.requestId,
      model: prediction?.model.name ?? modelNameOf(request),
      outcome: prediction?.outcome ?? error?.outcome ?? 'cancelled',
      ...(error !== undefined && { code: error.code, detail: error.message }),
      ...(prediction?.client !== undefined && { client: prediction.client }),
      ...(times !== undefined && {
        receiveMs: round(times.receive),
        decodeMs: round(times.decode),
        queueMs: round(times.queue),
        runMs: round(times.run),
      }),
      ...(encodeMs !== undefined && { encodeMs: round(encodeMs) }),
      totalMs: round(clock.nowMs() - arrivedMs),
    },
    'prediction',
  );
}
