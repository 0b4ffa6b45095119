// Admit or refuse, now. From the headers alone, in a fixed order, before a byte of the body is read; and once more when
// the body has told what the run will take.

import type { Clock } from '../clock.js';
import { type ErrorCode, ServiceError } from '../errors.js';
import type { Span } from '../estimator/backlog.js';
import type { Estimator } from '../estimator/estimator.js';
import type { Ledger } from '../ledger.js';
import type { Model } from '../model-repository/model.js';
import type { ModelEntry, Models } from '../model-repository/models.js';
import type { Observer } from '../observer.js';
import { Prediction, type Work } from '../prediction.js';
import type { Queue } from '../queue/queue.js';
import type { Forecast } from './forecast.js';
import { neverFit, Receiving, type ReceivingLimits } from './receiving.js';
import { ReturnAdvice } from './return-advice.js';
import type { ReturnTime } from './return-times.js';

export interface AdmissionLimits extends ReceivingLimits {
  /** Places of those who wait. A body takes one when it is whole. */
  readonly queueLimit: number;
  /** Patience of callers who state none; undefined: they wait for ever. */
  readonly maxWaitMs: number | undefined;
  /** Predicted times are multiplied with this before they are held against a deadline. */
  readonly margin: number;
}

export interface AdmissionOptions {
  readonly limits: AdmissionLimits;
  readonly models: Pick<Models, 'isServing' | 'missing' | 'get' | 'isCurrent'>;
  readonly ledger: Ledger;
  readonly queue: Queue;
  readonly forecast: Forecast;
  readonly estimator: Estimator;
  readonly observer: Pick<Observer, 'offered'>;
  readonly clock: Clock;
  /** From 0 on, below 1. @default Math.random */
  readonly random?: () => number;
}

interface Client {
  readonly name: string;
  readonly maxWaiting?: number | undefined;
}

/** What a prediction's headers say. */
export interface Arrival {
  readonly model: Model;
  readonly urgency: number;
  readonly patienceMs: number | undefined;
  /** As sent; undefined where it can't be known beforehand: chunked. */
  readonly bodyBytes: number | undefined;
  readonly client: Client | undefined;
}

/** A caller's deadline, and what stands against it. */
interface Deadline {
  readonly model: Model;
  readonly urgency: number;
  readonly patienceMs: number;
  /** Of its patience. */
  readonly leftMs: number;
  /** The least that its run takes. */
  readonly ownMs: number;
}

interface Refusal {
  readonly urgency: number;
  /** Undefined where no time would make a retry succeed. */
  readonly comeBack: ReturnTime | undefined;
  readonly retryable?: boolean;
}

/** Of whom nothing is known yet, or whom it does not matter to. */
const LAST_URGENCY = 7;

export class Admission {
  readonly #options: AdmissionOptions;
  /** Bodies on their way. */
  readonly receiving: Receiving;
  readonly #advice: ReturnAdvice;
  #nextId = 1;
  #isClosing = false;
  /** From the moment at which nobody is admitted any more: when the last must have ended. */
  #endsMs: number | undefined;

  constructor(options: AdmissionOptions) {
    this.#options = options;
    const { clock, forecast, estimator, ledger, limits, random = Math.random } = options;
    const { queueLimit } = limits;
    this.#advice = new ReturnAdvice({ clock, forecast, estimator, queueLimit, random });
    this.receiving = new Receiving({
      limits,
      ledger,
      clock,
      bytesRefusal: (message, prediction, retryable) => {
        this.#offer(prediction.model.name, undefined);
        return this.#bytesRefusal(message, prediction, retryable);
      },
      uploadsRefusal: (message, { urgency }) =>
        this.#refusal('uploads_full', message, { urgency, comeBack: this.#advice.elsewhere() }),
    });
  }

  get isDraining(): boolean {
    return this.#isClosing;
  }

  /** Balancers are told to send no more; whoever comes all the same is still admitted. */
  announceDrain(): void {
    this.#isClosing = true;
  }

  /** From now on nobody is admitted, and whose body still arrives must be served by `endsMs`. */
  drain(endsMs: number): void {
    this.#isClosing = true;
    this.#endsMs = endsMs;
  }

  /**
   * The model of this name, or the default one.
   * @throws ServiceError `draining`, `not_ready`, `model_not_found`, `model_not_ready`, or `bad_request` where a name is
   * needed.
   */
  open(name: string | undefined): Model {
    const { models } = this.#options;
    if (this.#endsMs !== undefined) throw this.#draining('another one will answer');
    if (!models.isServing) throw this.#notReady();
    const entry = models.get(name);
    if (entry.state.kind === 'ready') return entry.state.model;
    throw this.#modelNotReady(entry);
  }

  /**
   * What to tell one that waits for its run, or whose body arrives, where its model is not the one any more that it was
   * read for.
   */
  refusalOf({ model }: Prediction): ServiceError | undefined {
    const { models } = this.#options;
    if (models.isCurrent(model)) return undefined;
    const entry = models.get(model.name);
    if (entry.state.kind !== 'ready') return this.#modelNotReady(entry);
    const message = `model ${model.name} was replaced while this waited, and takes or gives something else now: send it again`;
    return this.#refusal('model_not_ready', message, {
      urgency: LAST_URGENCY,
      comeBack: this.#advice.elsewhere(),
    });
  }

  /**
   * Lets its body come, for which nothing is reserved yet but a place among those that arrive.
   * @throws ServiceError `body_too_large`, `quota_exceeded`, `queue_full`, `queue_bytes_full`, `deadline_unattainable`.
   */
  admit(arrival: Arrival): Prediction {
    const { limits, clock, ledger } = this.#options;
    const { model, urgency, client } = arrival;
    const patienceMs = arrival.patienceMs ?? limits.maxWaitMs;
    const { bodyBytes } = arrival;
    this.#checkSize(bodyBytes);
    try {
      this.#checkQuota(arrival);
      if (this.#places >= limits.queueLimit) throw this.#queueFull(arrival);
      this.#checkRoom(arrival, bodyBytes ?? 0);
      this.#checkPatience(arrival, patienceMs);
    } catch (refusal) {
      this.#offer(model.name, undefined);
      throw refusal;
    }
    const prediction = new Prediction({
      id: this.#nextId++,
      model,
      urgency,
      patienceMs,
      bytes: 0,
      client: client?.name,
      clock,
      watcher: ledger,
    });
    this.receiving.begin(prediction, bodyBytes);
    return prediction;
  }

  /**
   * Its body is whole: it takes a place in the queue.
   * @throws ServiceError `queue_full` where others were faster.
   */
  whole(prediction: Prediction): void {
    this.receiving.end(prediction);
    if (this.#places <= this.#options.limits.queueLimit) return;
    this.#offer(prediction.model.name, undefined);
    throw this.#queueFull(prediction);
  }

  /**
   * The body is whole and decoded: holds its real size and run time against the limits, and puts it in line.
   * @throws ServiceError `model_not_ready`, `queue_bytes_full`, `deadline_unattainable`, `draining`; the prediction is
   * then still receiving.
   */
  enter(prediction: Prediction, work: Work, bytes: number): void {
    const { estimator, queue } = this.#options;
    const { model } = prediction;
    const outdated = this.refusalOf(prediction);
    if (outdated !== undefined) throw outdated;
    prediction.estimate = estimator.estimate(model.name, work.workload);
    if (bytes > prediction.bytes) this.receiving.grow(prediction, bytes - prediction.bytes);
    else prediction.resize(bytes);
    this.#offer(model.name, prediction.estimate?.meanMs);
    this.#checkTimeLeft(prediction);
    this.#checkEnd(prediction);
    prediction.queued(work);
    queue.enter(prediction);
  }

  /** Demand that came, whatever becomes of it; where its input is unknown, as much as is usual. */
  #offer(model: string, ms: number | undefined): void {
    const { estimator, observer } = this.#options;
    observer.offered(model, (ms ?? estimator.typical(model)?.meanMs ?? 0) / 1000);
  }

  #checkSize(bodyBytes = 0): void {
    const { maxBodyBytes } = this.#options.limits;
    if (bodyBytes <= maxBodyBytes) return;
    throw new ServiceError(
      'body_too_large',
      `the body has ${bodyBytes} bytes; at most ${maxBodyBytes} are taken`,
    );
  }

  #checkQuota({ client, urgency }: Arrival): void {
    if (client?.maxWaiting === undefined) return;
    const waiting = this.#options.ledger.waitingOf(client.name);
    if (waiting < client.maxWaiting) return;
    const message = `the key ${client.name} has ${waiting} requests waiting; its quota is ${client.maxWaiting}`;
    const comeBack = this.#advice.forQuota({ name: client.name, maxWaiting: client.maxWaiting });
    throw this.#refusal('quota_exceeded', message, { urgency, comeBack });
  }

  /** Waiting, and whole but not decoded yet. */
  get #places(): number {
    const { ledger } = this.#options;
    return ledger.queued + ledger.receiving - this.receiving.count;
  }

  #checkRoom(arrival: Arrival, bytes: number): void {
    const { limits } = this.#options;
    if (bytes > limits.queueBytes) throw this.#bytesRefusal(neverFit(bytes, limits), arrival, false);
    const lack = this.receiving.lack(bytes);
    if (lack === 0) return;
    const held = limits.queueBytes + lack - bytes;
    const message = `${bytes} bytes do not fit beside ${held} of ${limits.queueBytes} held or promised`;
    throw this.#bytesRefusal(message, arrival, true);
  }

  #checkPatience({ model, urgency }: Arrival, patienceMs: number | undefined): void {
    if (patienceMs === undefined) return;
    const ownMs = this.#options.estimator.lowerBoundMs(model.name) ?? 0;
    this.#checkDeadline({ model, urgency, patienceMs, leftMs: patienceMs, ownMs });
  }

  #checkTimeLeft({ model, urgency, receivedMs, deadlineMs, estimate }: Prediction): void {
    if (deadlineMs === undefined) return;
    const leftMs = deadlineMs - this.#options.clock.nowMs();
    const ownMs = estimate?.leastMs ?? 0;
    this.#checkDeadline({ model, urgency, patienceMs: deadlineMs - receivedMs, leftMs, ownMs });
  }

  /** What is unknown ahead may take no time at all: refused is only who is late even then. */
  #checkDeadline({ model, urgency, patienceMs, leftMs, ownMs }: Deadline): void {
    const { limits, forecast } = this.#options;
    const waitMs = forecast.waitOf(urgency).knownMs;
    const excessMs = (waitMs + ownMs) * limits.margin - leftMs;
    if (excessMs <= 0) return;
    const message = `the wait is ${seconds(waitMs)} and the run ${seconds(ownMs)}, with ${seconds(leftMs)} left`;
    // Where its own run alone is longer than its patience, no time to come back would make sense.
    const retryable = ownMs * limits.margin <= patienceMs;
    const comeBack = retryable ? this.#advice.forTime(model.name, excessMs) : undefined;
    throw this.#refusal('deadline_unattainable', message, { urgency, comeBack, retryable });
  }

  /** While it drains: whose turn would come too late is better served elsewhere. */
  #checkEnd({ urgency, estimate }: Prediction): void {
    if (this.#endsMs === undefined) return;
    const { forecast, clock } = this.#options;
    const endMs = clock.nowMs() + forecast.waitOf(urgency).knownMs + (estimate?.meanMs ?? 0);
    if (endMs > this.#endsMs) throw this.#draining('its turn would come too late');
  }

  #notReady(): ServiceError {
    const failed = this.#options.models.missing.find(({ state }) => state.kind === 'failed');
    const message = failed === undefined ? 'the models are being loaded' : notLoaded(failed);
    const comeBack = this.#advice.forLoad(this.#loadRest(failed));
    return this.#refusal('not_ready', message, { urgency: LAST_URGENCY, comeBack });
  }

  /** Where no further try can mend it, no time to come back would make sense. */
  #modelNotReady(entry: ModelEntry): ServiceError {
    const { state } = entry;
    const isPermanent = state.kind === 'failed' && state.failure.isPermanent;
    return this.#refusal('model_not_ready', notLoaded(entry), {
      urgency: LAST_URGENCY,
      comeBack: isPermanent ? undefined : this.#advice.forLoad(this.#loadRest(entry)),
      ...(isPermanent && { retryable: false }),
    });
  }

  /** Until one that failed is tried again; else until the runner has loaded. */
  #loadRest(entry: ModelEntry | undefined): Span {
    const { forecast, clock } = this.#options;
    if (entry?.state.kind !== 'failed') return forecast.rest;
    const { retryAtMs } = entry.state;
    if (retryAtMs === undefined) return NEVER;
    return { knownMs: Math.max(0, retryAtMs - clock.nowMs()), isComplete: true };
  }

  #draining(message: string): ServiceError {
    const refusal = { urgency: LAST_URGENCY, comeBack: this.#advice.elsewhere() };
    return this.#refusal('draining', `this replica is shutting down; ${message}`, refusal);
  }

  #queueFull({ model, urgency }: Pick<Arrival, 'model' | 'urgency'>): ServiceError {
    const { limits } = this.#options;
    const message = `${limits.queueLimit} of ${limits.queueLimit} places are taken (--queue-limit)`;
    return this.#refusal('queue_full', message, { urgency, comeBack: this.#advice.forPlace(model.name) });
  }

  #bytesRefusal(
    message: string,
    { model, urgency }: Pick<Arrival, 'model' | 'urgency'>,
    retryable: boolean,
  ): ServiceError {
    if (!retryable)
      return this.#refusal('queue_bytes_full', message, { urgency, comeBack: undefined, retryable });
    const comeBack = this.#advice.forPlace(model.name);
    return this.#refusal('queue_bytes_full', message, { urgency, comeBack });
  }

  #refusal(code: ErrorCode, message: string, { urgency, comeBack, retryable }: Refusal): ServiceError {
    const { queue, forecast } = this.#options;
    const waitMs = known(forecast.waitOf(urgency));
    return new ServiceError(code, message, {
      ...(comeBack !== undefined && {
        retryAfterMs: comeBack.afterMs,
        retryAfterSeconds: comeBack.afterSeconds,
      }),
      queueDepth: queue.queued,
      ...(waitMs !== undefined && { estimatedWaitMs: Math.round(waitMs) }),
      ...(retryable !== undefined && { retryable }),
    });
  }
}

const NEVER: Span = { knownMs: 0, isComplete: false };

/** The span where it is a prediction. */
const known = ({ knownMs, isComplete }: Span): number | undefined => (isComplete ? knownMs : undefined);

function notLoaded({ name, state }: ModelEntry): string {
  if (state.kind !== 'failed') return `model ${name} is being loaded`;
  return `model ${name} could not be loaded: ${state.failure.told}`;
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(3)} s`;
