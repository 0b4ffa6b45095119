// POST /predict: one prediction from its headers to its answer, in the order of the request's way.

import type { Request, Response } from 'express';
import type { Admission } from '../admission/admission.js';
import type { Clock } from '../clock.js';
import { acceptsMediaType, type Codecs, type Decoded, registeredType } from '../codecs/codecs.js';
import { asServiceError, ServiceError } from '../errors.js';
import type { Ledger } from '../ledger.js';
import type { Logger } from '../log.js';
import { batchAxis } from '../model-repository/batch-axis.js';
import type { Model } from '../model-repository/model.js';
import type { Models } from '../model-repository/models.js';
import type { Observer } from '../observer.js';
import type { Prediction, Work } from '../prediction.js';
import type { Positions } from '../queue/positions.js';
import type { AnswerRoom } from '../runner/answer-room.js';
import type { InputMemory } from '../runner/input-memory.js';
import type { Slot } from '../slot/slot.js';
import type { Suspects } from '../slot/suspects.js';
import { tensorsBytes } from '../tensor.js';
import { workloadOf } from '../workload.js';
import { acceptedTypes, answerTypeFor } from './accept.js';
import { sendAnswer } from './answer.js';
import type { ApiKeys, Client as ClientOfKey } from './api-keys.js';
import { ClientLeft, promisedBytes } from './body.js';
import { isExtra } from './connections.js';
import { EventStream } from './events.js';
import { type Exchange, logEnd, modelNameOf, type PredictHeaders, serverTiming } from './exchange.js';
import { problemOf, sendProblem } from './problem.js';
import { queriedOutputs } from './query.js';
import { receive } from './receive.js';
import { codingOf, mediaTypeOf, patienceOf } from './request-headers.js';
import { bodyUrgency, headerUrgency, type UrgencyMode, urgencyRightOf } from './urgency.js';

export interface PredictOptions {
  readonly admission: Admission;
  readonly answers: AnswerRoom;
  readonly apiKeys: ApiKeys | undefined;
  readonly clock: Clock;
  readonly codecs: Codecs;
  /** Left out where the runner shares no memory. */
  readonly inputMemory: InputMemory | undefined;
  readonly ledger: Ledger;
  readonly limits: { readonly maxBodyBytes: number };
  readonly log: Logger;
  readonly models: Models;
  readonly observer: Observer;
  readonly positions: Positions;
  readonly slot: Slot;
  readonly suspects: Suspects;
  readonly urgency: UrgencyMode;
}

/** The handler of both predict routes. It answers every error itself: a prediction's books close here. */
export function predictHandler(options: PredictOptions) {
  return async function predict(request: Request, response: Response): Promise<void> {
    const exchange: Exchange = { request, response, arrivedMs: options.clock.nowMs() };
    options.observer.received(options.models.labelFor(modelNameOf(request)));
    try {
      await exchangeAnswer(exchange, options);
    } catch (thrown) {
      if (thrown instanceof ClientLeft) {
        exchange.prediction?.leave();
        logEnd(exchange, options);
        return;
      }
      const error = asServiceError(thrown);
      if (error.code === 'internal_error') options.log.error({ err: error.cause }, 'prediction failed');
      fail(exchange, error, options);
    } finally {
      exchange.events?.close();
    }
  };
}

async function exchangeAnswer(exchange: Exchange, options: PredictOptions): Promise<void> {
  if (isExtra(exchange.request)) throw tooManyConnections();
  const headers = readHeaders(exchange.request, options);
  const prediction = admit(exchange, headers, options);
  exchange.prediction = prediction;
  watchAnswer(exchange, prediction, options);
  const decoded = await receive(exchange, headers, options);
  const { suspects } = options;
  if (suspects.mayKnow(headers.model, decoded.inputs)) await suspects.examine(prediction, decoded.inputs);
  if (!prediction.isSettled) enter(exchange, decoded, { ...options, headers });
  const settlement = await prediction.settlement;
  if (settlement.kind === 'completed')
    await sendAnswer(exchange, settlement.outputs, { ...options, headers });
  else if (settlement.kind === 'failed') throw settlement.error;
  else logEnd(exchange, options);
}

/** A response finishes too where its connection broke. */
function watchAnswer(exchange: Exchange, prediction: Prediction, options: PredictOptions): void {
  const { request, response } = exchange;
  const { socket } = request;
  response.on('finish', () => {
    if (!socket.destroyed && socket.errored === null) prediction.answered();
  });
  response.on('close', () => {
    prediction.leave();
    if (exchange.isSent) logEnd(exchange, options);
  });
}

/** How soon it may be worth trying again: connections come and go. */
const CONNECTION_RETRY_MS = 1000;

function tooManyConnections(): ServiceError {
  const message =
    'as many connections are open and busy as may be (--max-connections, or the limit of open files of the process)';
  return new ServiceError('too_many_connections', message, { retryAfterMs: CONNECTION_RETRY_MS });
}

function readHeaders(
  request: Request,
  { admission, apiKeys, urgency }: PredictOptions,
): PredictHeaders & { client: Client } {
  const client = clientOf(request, apiKeys);
  const model = admission.open(modelNameOf(request) || undefined);
  const mediaType = registeredType(mediaTypeOf(request.headers['content-type']));
  acceptsMediaType(mediaType, model);
  const headers = {
    client,
    model,
    mediaType,
    coding: codingOf(request.headers['content-encoding']),
    answerTypes: acceptedTypes(request.headers.accept),
    urgencyRight: urgencyRightOf({ headers: request.headers, client }, urgency),
    outputs: queriedOutputs(request.url, model.signature),
  };
  if (headers.outputs !== undefined)
    answerTypeFor({ types: headers.answerTypes, outputs: headers.outputs, model });
  return headers;
}

type Client = ClientOfKey | undefined;

function clientOf(request: Request, apiKeys: ApiKeys | undefined): Client {
  if (apiKeys === undefined) return undefined;
  const client = apiKeys.authenticate(request.headers);
  if (client === undefined) {
    throw new ServiceError('unauthorized', 'send a valid key as Authorization: Bearer KEY or X-API-Key: KEY');
  }
  return client;
}

function admit(
  { request, response }: Exchange,
  { model, client, urgencyRight }: PredictHeaders & { client: Client },
  { admission }: PredictOptions,
): Prediction {
  const patienceMs = patienceOf(request.get('prefer'));
  const prediction = admission.admit({
    model,
    urgency: headerUrgency(request.get('priority'), urgencyRight),
    patienceMs,
    bodyBytes: promisedBytes(request),
    client,
  });
  if (patienceMs !== undefined) response.set('Preference-Applied', `wait=${patienceMs / 1000}`);
  return prediction;
}

type WithHeaders = PredictOptions & { readonly headers: PredictHeaders };

function enter(exchange: Exchange, decoded: Decoded, options: WithHeaders): void {
  const { admission, positions, slot, headers } = options;
  const prediction = exchange.prediction!;
  if (decoded.timeoutMs !== undefined) prediction.limitPatience(decoded.timeoutMs);
  prediction.urgency = bodyUrgency(decoded.priority, headers.urgencyRight) ?? prediction.urgency;
  const { model, answerTypes: types } = headers;
  exchange.answerType = answerTypeFor({ types, outputs: decoded.outputs, model });
  const work = workOf(headers.model, decoded);
  admission.enter(prediction, work, tensorsBytes(decoded.inputs));
  if (exchange.answerType !== 'text/event-stream') return;
  exchange.events = new EventStream(exchange.response);
  exchange.events.follow(prediction, positions, () => slot.run?.expectedMs);
}

function workOf({ name, settings, signature }: Model, { inputs, own, outputs }: Decoded): Work {
  const workload = workloadOf(inputs, settings.cost);
  const { batch } = settings;
  const alone = { inputs, own, outputs, workload, batchKey: undefined, rows: 1 };
  if (batch === undefined) return alone;
  let rows: number | undefined;
  let batchKey = name;
  for (const spec of signature.inputs) {
    const { dims } = inputs[spec.name]!;
    const axis = batchAxis(batch.inputs, spec.name, batch.axis);
    // Of unequal inputs, nobody knows which rows belong together. An input of any rank may lack the axis.
    rows ??= dims[axis];
    if (rows === undefined || dims[axis] !== rows) return alone;
    batchKey += ` ${dims.with(axis, -1)}`;
  }
  return { inputs, own, outputs, workload, batchKey, rows: rows! };
}

function fail(exchange: Exchange, error: ServiceError, options: PredictOptions): void {
  const { request, response, prediction, events } = exchange;
  if (prediction === undefined) refuse(exchange, error, options);
  else prediction.fail(error);
  countReason(error, prediction, options.observer);
  if (exchange.isBegun) response.destroy();
  else if (events !== undefined)
    events.end('error', JSON.stringify(problemOf(error, response.locals.requestId)));
  else if (!response.headersSent) {
    if (prediction !== undefined) response.setHeader('Server-Timing', serverTiming(exchange));
    sendProblem(request, response, error);
  }
  logEnd(exchange, options, error);
}

/** A caller who was gone already, or had another answer, is counted as that, so that reasons add up to outcomes. */
function countReason(error: ServiceError, prediction: Prediction | undefined, observer: Observer): void {
  const { outcome, code } = error;
  if (prediction !== undefined && prediction.outcome !== outcome) return;
  if (outcome === 'refused') observer.refused(code);
  else if (outcome === 'invalid') observer.invalid(code);
}

/** Never admitted: no prediction was made that could keep the books. */
function refuse({ request, arrivedMs }: Exchange, error: ServiceError, options: PredictOptions): void {
  const seconds = (options.clock.nowMs() - arrivedMs) / 1000;
  options.observer.ended(options.models.labelFor(modelNameOf(request)), error.outcome, seconds);
}
