// What the load generator is told and what it tells; both sides of its process import this.

/** One form of request; a call is one sending of it. */
export interface RequestForm {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

export type Schedule =
  /** Open loop: each call is sent when it is due, whatever became of those before it. */
  | {
      readonly kind: 'when due';
      /** Ascending, from the start. */
      readonly dueMs: readonly number[];
      /** Index of the form that is sent, for each. */
      readonly forms: readonly number[];
    }
  /** Closed loop: each connection sends the next call when the last one is answered; forms go round in turn. */
  | {
      readonly kind: 'in turn';
      readonly connections: number;
      /** How many calls in all; without it, until it is stopped. */
      readonly calls?: number;
    };

export interface LoadPlan {
  /** e.g. `http://127.0.0.1:8080` */
  readonly url: string;
  readonly forms: readonly RequestForm[];
  readonly schedule: Schedule;
  /**
   * So many connections are opened before the first call is due, by as many health checks at once, so that neither
   * connecting nor a cold generator counts as waiting. @default 0
   */
  readonly connectFirst?: number;
  /** Whether the bodies of 200 answers are kept; for small ones. */
  readonly keepBodies?: boolean;
  /** A call without an answer is given up after this; a net below what the server promises. @default 15 min */
  readonly giveUpMs?: number;
}

export interface Answer {
  /** Index of the form that was sent. */
  readonly form: number;
  /** Times are of the machine's monotonic clock, ms; the latency is from `dueMs`, so that a late client shows. */
  readonly dueMs: number;
  readonly sentMs: number;
  readonly endMs: number;
  /** 0 where there was no answer. */
  readonly status: number;
  /** Of a problem document; or what broke the connection. */
  readonly code?: string;
  /** Whether the answer names the request that it was given to. */
  readonly isOwn: boolean;
  /** From Server-Timing: ms by name. */
  readonly timing: Readonly<Record<string, number>>;
  readonly body?: string;
}

export type ToLoad = { readonly kind: 'start'; readonly plan: LoadPlan } | { readonly kind: 'stop' };

export type FromLoad =
  | { readonly kind: 'started'; readonly atMs: number }
  | { readonly kind: 'progress'; readonly sent: number; readonly answered: number }
  | { readonly kind: 'done'; readonly answers: readonly Answer[] };
