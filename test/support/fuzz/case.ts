// What one generated case is: requests as an HTTP client sends them, or bytes that no such client would send.

import type { OutgoingHttpHeaders } from 'node:http';
import type { Random } from '../random.js';
import type { Material } from './material.js';

export interface FuzzAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** The outputs of a JSON answer by name, or what a raw answer holds. */
export type Outputs = Readonly<Record<string, unknown>>;

export interface FuzzRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Uint8Array;
  /** What may be answered; refusals for want of room (503) may always be. */
  readonly statuses: readonly number[];
  /** It has a deadline, so 504 and 503 `deadline_unattainable` may be answered too. */
  readonly hasDeadline?: boolean;
  /** It is a good prediction, and this says what is wrong with its outputs; undefined where nothing is. */
  readonly problemOf?: (outputs: Outputs, raw: Buffer) => string | undefined;
  /** The caller closes the connection so long after it has sent all. */
  readonly leavesAfterMs?: number;
}

/** Bytes as they go over a socket of their own. */
export interface Wire {
  readonly bytes: Uint8Array;
  /** Sent in so many pieces, a few milliseconds apart. @default 1 */
  readonly pieces?: number;
  /** The caller reads nothing of what is answered. */
  readonly isDeaf?: boolean;
  /**
   * What the caller does next: waits for so many answers; stops sending, and reads what comes until the server closes;
   * or is gone so long after.
   */
  readonly next: { readonly answers: number } | 'half-close' | { readonly resetAfterMs: number };
  /** Sent as soon as something is heard; an answer that has begun by then may be cut off. */
  readonly afterwards?: Uint8Array;
  /** What each answer may be. */
  readonly statuses: readonly number[];
  /** Of the requests in these bytes, in order, where their answers can be told apart. */
  readonly requests?: readonly FuzzRequest[];
}

export type FuzzCase =
  | { readonly kind: 'requests'; readonly requests: readonly FuzzRequest[] }
  | { readonly kind: 'wire'; readonly wire: Wire };

/** Makes a request, or bytes, of one sort. */
export type Generator = (random: Random, material: Material) => FuzzRequest;
export type WireGenerator = (random: Random, material: Material) => Wire;

/** A wrong request is told that it is wrong. */
export const BAD = [400] as const;
