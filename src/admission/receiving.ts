// Bodies on their way: bytes are reserved as they come, and whoever trickles makes room for whoever sends.
//
// A body that arrives holds no place in the queue. It takes one when it is whole; so however many clients promise bodies
// and send none, a request that is whole finds the queue's places and its bytes for itself.

import type { Cancel, Clock } from '../clock.js';
import { ServiceError } from '../errors.js';
import type { Ledger } from '../ledger.js';
import type { Prediction } from '../prediction.js';
import { type Pace, type Upload, Uploads } from './uploads.js';

export interface ReceivingLimits extends Pace {
  /** Bodies that may arrive at once. */
  readonly uploadLimit: number;
  readonly queueBytes: number;
  readonly maxBodyBytes: number;
}

export interface ReceivingOptions {
  readonly limits: ReceivingLimits;
  readonly ledger: Ledger;
  readonly clock: Clock;
  /** Refusals that tell their callers about the way back: `queue_bytes_full`, `uploads_full`. */
  readonly bytesRefusal: (message: string, prediction: Prediction, retryable: boolean) => ServiceError;
  readonly uploadsRefusal: (message: string, prediction: Prediction) => ServiceError;
}

/** How often late bodies are looked for. */
export const SWEEP_MS = 100;

/**
 * Whoever has just come is not counted yet: most bodies are whole at once, and where clients come faster than they can be told
 * apart, those who mean it have sent something by then.
 */
const MOMENT_MS = 100;

/** Bodies up to this part of `--queue-bytes` need not mind what larger ones promise: one of those would yield. */
const SMALL_PART = 1 / 256;

export class Receiving {
  readonly #options: ReceivingOptions;
  readonly #uploads: Uploads;
  #cancelSweep: Cancel | undefined;

  constructor(options: ReceivingOptions) {
    this.#options = options;
    this.#uploads = new Uploads(options.limits, options.limits.maxBodyBytes);
  }

  /** Bodies that arrive. */
  get count(): number {
    return this.#uploads.count;
  }

  /** Bytes that a newcomer of this size could not have; 0 where there is room. */
  lack(bytes: number): number {
    const { limits, ledger, clock } = this.#options;
    const uploads = this.#uploads;
    if (ledger.bytes + uploads.outstanding + bytes <= limits.queueBytes) return 0;
    const claims = bytes > limits.queueBytes * SMALL_PART ? uploads.claims(clock.nowMs()) : 0;
    return Math.max(0, ledger.bytes - uploads.bytes + claims + bytes - limits.queueBytes);
  }

  /** Its body arrives from now on, and has `promised` bytes if that is known. */
  begin(prediction: Prediction, promised: number | undefined): void {
    this.#uploads.begin(prediction, promised);
    this.#cancelSweep ??= this.#options.clock.after(SWEEP_MS, () => this.#sweep());
  }

  /**
   * So much more of its body has come.
   * @throws ServiceError `queue_bytes_full` where there is no room, and it is the one to make some.
   */
  received(prediction: Prediction, bytes: number): void {
    this.grow(prediction, bytes);
    this.#uploads.add(prediction, bytes, this.#options.clock.nowMs());
  }

  /** Its body is whole, or nobody waits for it any more. */
  end(prediction: Prediction): void {
    this.#uploads.end(prediction);
    if (this.count > 0) return;
    this.#cancelSweep?.();
    this.#cancelSweep = undefined;
  }

  /**
   * It holds so many more bytes, if need be at the expense of bodies that are not whole: of those that are late, then of the one
   * that is furthest from its end.
   * @throws ServiceError `queue_bytes_full` where there is none to be made, or it is itself the furthest.
   */
  grow(prediction: Prediction, bytes: number): void {
    this.#makeRoom(prediction, bytes);
    prediction.resize(prediction.bytes + bytes);
  }

  #makeRoom(prediction: Prediction, bytes: number): void {
    const { limits, ledger, clock } = this.#options;
    if (ledger.bytes + bytes <= limits.queueBytes) return;
    if (prediction.bytes + bytes > limits.queueBytes) throw this.#bytesRefusal(prediction, bytes);
    while (ledger.bytes + bytes > limits.queueBytes) {
      const uploads = this.#uploads;
      const upload = uploads.latestBut(prediction, clock.nowMs()) ?? uploads.furthestBut(prediction);
      if (upload === undefined) throw this.#bytesRefusal(prediction, bytes);
      this.#endOne(upload, this.#yielding(upload));
    }
  }

  #sweep(): void {
    const { clock } = this.#options;
    const nowMs = clock.nowMs();
    for (const upload of this.#uploads) {
      const error = this.#overdue(upload, nowMs);
      if (error !== undefined) this.#endOne(upload, error);
    }
    this.#endExcess(nowMs);
    if (this.count > 0) this.#cancelSweep = clock.after(SWEEP_MS, () => this.#sweep());
  }

  #overdue(upload: Upload, nowMs: number): ServiceError | undefined {
    const { uploadTimeoutMs, uploadGraceMs, minUploadRate } = this.#options.limits;
    const { received } = upload;
    const ageMs = upload.ageMs(nowMs);
    if (ageMs >= uploadTimeoutMs) {
      const message = `the body did not arrive within ${uploadTimeoutMs / 1000} s; ${received} bytes came: send it over a faster connection, or raise --upload-timeout`;
      return new ServiceError('upload_timeout', message);
    }
    if (upload.behindMs(nowMs) < uploadGraceMs) return undefined;
    const rate = `${paceOf(upload, nowMs)}, slower than the ${minUploadRate} bytes a second that are needed`;
    const cure = 'send it over a faster connection, or lower --min-upload-rate';
    return new ServiceError('upload_timeout', `the body came too slowly: ${rate}; ${cure}`);
  }

  /** Of more than may arrive at once, the latest end; where none is late, the newest. */
  #endExcess(nowMs: number): void {
    const { uploadLimit } = this.#options.limits;
    if (this.count <= uploadLimit) return;
    const counted = [...this.#uploads].filter((upload) => upload.ageMs(nowMs) >= MOMENT_MS).reverse();
    const excess = Math.max(0, counted.length - uploadLimit);
    const latenessOf = new Map(counted.map((upload) => [upload, Math.max(0, upload.lateMs(nowMs))]));
    const ordered = counted.sort((a, b) => latenessOf.get(b)! - latenessOf.get(a)!);
    for (const upload of ordered.slice(0, excess)) this.#endOne(upload, this.#uploadsFull(upload, nowMs));
  }

  #endOne({ prediction }: Upload, error: ServiceError): void {
    this.end(prediction);
    prediction.fail(error);
  }

  #uploadsFull(upload: Upload, nowMs: number): ServiceError {
    const limit = `${this.#options.limits.uploadLimit} bodies may arrive at once (--upload-limit)`;
    const message = `${limit}, and this one was among the slowest or newest: ${paceOf(upload, nowMs)}`;
    return this.#options.uploadsRefusal(message, upload.prediction);
  }

  #yielding({ prediction, received }: Upload): ServiceError {
    const { limits, bytesRefusal } = this.#options;
    const message = `the predictions hold all of ${limits.queueBytes} bytes; this body, of which ${received} had come, was the furthest from its end`;
    return bytesRefusal(message, prediction, true);
  }

  #bytesRefusal(prediction: Prediction, bytes: number): ServiceError {
    const { limits, ledger, bytesRefusal } = this.#options;
    const total = prediction.bytes + bytes;
    if (total > limits.queueBytes) return bytesRefusal(neverFit(total, limits), prediction, false);
    const message = `${total} bytes do not fit beside ${ledger.bytes - prediction.bytes} of ${limits.queueBytes} held`;
    return bytesRefusal(message, prediction, true);
  }
}

export function neverFit(bytes: number, { queueBytes }: Pick<ReceivingLimits, 'queueBytes'>): string {
  return `${bytes} bytes never fit: the whole queue holds at most ${queueBytes}`;
}

function paceOf(upload: Upload, nowMs: number): string {
  return `${upload.received} bytes in ${(upload.ageMs(nowMs) / 1000).toFixed(3)} s`;
}
