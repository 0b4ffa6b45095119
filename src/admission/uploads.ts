// Whose body arrives right now: how much of it has come, and how late it is.

import type { Prediction } from '../prediction.js';

/** How fast bodies have to come. */
export interface Pace {
  /** Time that a whole body has. */
  readonly uploadTimeoutMs: number;
  /** Bytes a second, on average; 0: any. */
  readonly minUploadRate: number;
  /** How far behind that rate a body may be. */
  readonly uploadGraceMs: number;
}

/** A client needs some round trips until it sends as fast as it can. */
const SLOW_START_MS = 1000;

/** Of 64 MiB, what one read of a socket brings. */
const BACKED_PART = 1 / 1025;

export class Upload {
  received = 0;
  #lastMs: number;
  readonly #pace: Pace;

  /** @param promised its size; undefined where the headers do not tell */
  constructor(
    readonly prediction: Prediction,
    readonly promised: number | undefined,
    pace: Pace,
  ) {
    this.#pace = pace;
    this.#lastMs = prediction.receivedMs;
  }

  add(bytes: number, nowMs: number): void {
    this.received += bytes;
    this.#lastMs = nowMs;
  }

  ageMs(nowMs: number): number {
    return nowMs - this.prediction.receivedMs;
  }

  /** How long ago what has come would have been there at the lowest rate. */
  behindMs(nowMs: number): number {
    return this.#behind(nowMs, this.#pace.minUploadRate / 1000);
  }

  /**
   * How late it is, where somebody else wants its place or its memory: behind the lowest rate, behind the rate at which it
   * would be whole in time, or silent for long. Not above 0: it is as it should be.
   */
  lateMs(nowMs: number): number {
    const { uploadTimeoutMs, uploadGraceMs } = this.#pace;
    const neededPerMs = (this.promised ?? 0) / uploadTimeoutMs;
    return Math.max(
      this.behindMs(nowMs),
      this.#behind(nowMs, neededPerMs) - SLOW_START_MS,
      nowMs - this.#lastMs - uploadGraceMs,
    );
  }

  /** Whether its promise counts: part of it has come, and as fast as it should. */
  isBacked(nowMs: number): boolean {
    return this.received > (this.promised ?? 0) * BACKED_PART && this.lateMs(nowMs) < 0;
  }

  #behind(nowMs: number, bytesPerMs: number): number {
    return bytesPerMs === 0 ? Number.NEGATIVE_INFINITY : this.ageMs(nowMs) - this.received / bytesPerMs;
  }
}

export class Uploads implements Iterable<Upload> {
  readonly #pace: Pace;
  readonly #maxBodyBytes: number;
  readonly #uploads = new Map<Prediction, Upload>();
  /** What has come of all of them. */
  bytes = 0;
  /** What is still to come by their promises. */
  outstanding = 0;

  constructor(pace: Pace, maxBodyBytes: number) {
    this.#pace = pace;
    this.#maxBodyBytes = maxBodyBytes;
  }

  get count(): number {
    return this.#uploads.size;
  }

  /** From the oldest. */
  [Symbol.iterator](): Iterator<Upload> {
    return this.#uploads.values();
  }

  begin(prediction: Prediction, promised: number | undefined): void {
    this.#uploads.set(prediction, new Upload(prediction, promised, this.#pace));
    this.outstanding += promised ?? 0;
  }

  add(prediction: Prediction, bytes: number, nowMs: number): void {
    const upload = this.#uploads.get(prediction);
    if (upload === undefined) return;
    upload.add(bytes, nowMs);
    this.bytes += bytes;
    if (upload.promised !== undefined) this.outstanding -= bytes;
  }

  /** It is whole, or nobody wants it any more; harmless when said again. */
  end(prediction: Prediction): void {
    const upload = this.#uploads.get(prediction);
    if (upload === undefined) return;
    this.#uploads.delete(prediction);
    this.bytes -= upload.received;
    if (upload.promised !== undefined) this.outstanding -= upload.promised - upload.received;
  }

  /** Of those that hold anything, the one that is latest; undefined where none is late. */
  latestBut(prediction: Prediction, nowMs: number): Upload | undefined {
    let latest: Upload | undefined;
    let latestMs = 0;
    for (const upload of this.#uploads.values()) {
      if (upload.received === 0 || upload.prediction === prediction) continue;
      const lateMs = upload.lateMs(nowMs);
      if (lateMs <= latestMs) continue;
      latest = upload;
      latestMs = lateMs;
    }
    return latest;
  }

  /**
   * Of those that hold anything, the one of which most is still to come; the newest of several. Undefined where that is this
   * one itself, whatever it holds.
   */
  furthestBut(prediction: Prediction): Upload | undefined {
    let furthest: Upload | undefined;
    let most = -1;
    for (const upload of this.#uploads.values()) {
      const missing = (upload.promised ?? this.#maxBodyBytes) - upload.received;
      if (missing < most || (upload.received === 0 && upload.prediction !== prediction)) continue;
      furthest = upload;
      most = missing;
    }
    return furthest?.prediction === prediction ? undefined : furthest;
  }

  /** What those hold, or will, whose promises count; what the others hold is anybody's. */
  claims(nowMs: number): number {
    let claims = 0;
    for (const upload of this.#uploads.values())
      if (upload.isBacked(nowMs)) claims += upload.promised ?? upload.received;
    return claims;
  }
}
