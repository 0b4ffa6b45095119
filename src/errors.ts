// Every error a caller can see: one closed table, code → status, retryable, outcome, title.

/**
 * How a prediction ended; the label `outcome` of the metrics. `failed` is about us: no error with a status of 4xx is.
 * `refused` is whom we do not let in or have no room for, `invalid` a request that no replica could serve as it is.
 */
export type Outcome = 'completed' | 'failed' | 'refused' | 'invalid' | 'expired' | 'cancelled';

interface ErrorKind {
  readonly status: number;
  /** Whether the same request may succeed later or elsewhere. */
  readonly retryable: boolean;
  readonly outcome: Outcome;
  readonly title: string;
}

export const ERRORS = {
  invalid_input: {
    status: 400,
    retryable: false,
    outcome: 'invalid',
    title: 'The input is not what the model takes',
  },
  bad_request: { status: 400, retryable: false, outcome: 'invalid', title: 'The request is malformed' },
  unauthorized: { status: 401, retryable: false, outcome: 'refused', title: 'A valid API key is needed' },
  model_not_found: { status: 404, retryable: false, outcome: 'invalid', title: 'No such model' },
  route_not_found: { status: 404, retryable: false, outcome: 'invalid', title: 'No such resource' },
  method_not_allowed: {
    status: 405,
    retryable: false,
    outcome: 'invalid',
    title: 'The method is not allowed here',
  },
  not_acceptable: {
    status: 406,
    retryable: false,
    outcome: 'invalid',
    title: 'No acceptable form of the answer',
  },
  upload_timeout: {
    status: 408,
    retryable: true,
    outcome: 'expired',
    title: 'The body took too long to arrive',
  },
  body_too_large: { status: 413, retryable: false, outcome: 'invalid', title: 'The body is too large' },
  unsupported_media_type: {
    status: 415,
    retryable: false,
    outcome: 'invalid',
    title: 'No codec for this content',
  },
  answer_too_large: {
    status: 422,
    retryable: false,
    outcome: 'invalid',
    title: 'The answer is larger than one may be',
  },
  input_quarantined: {
    status: 422,
    retryable: false,
    outcome: 'invalid',
    title: 'This input has ended runners',
  },
  quota_exceeded: {
    status: 429,
    retryable: true,
    outcome: 'refused',
    title: 'This key has its quota of waiting requests',
  },
  headers_too_large: {
    status: 431,
    retryable: false,
    outcome: 'invalid',
    title: 'The headers are too large',
  },
  internal_error: { status: 500, retryable: false, outcome: 'failed', title: 'oneslot failed' },
  unsupported_transfer_coding: {
    status: 501,
    retryable: false,
    outcome: 'invalid',
    title: 'No such transfer coding',
  },
  run_failed: { status: 500, retryable: false, outcome: 'failed', title: 'The model run failed' },
  runner_crashed: {
    status: 500,
    retryable: true,
    outcome: 'failed',
    title: 'The runner died during the run',
  },
  queue_full: { status: 503, retryable: true, outcome: 'refused', title: 'The queue is full' },
  uploads_full: {
    status: 503,
    retryable: true,
    outcome: 'refused',
    title: 'As many bodies arrive as may',
  },
  queue_bytes_full: {
    status: 503,
    retryable: true,
    outcome: 'refused',
    title: 'The queue holds as many bytes as it may',
  },
  no_resources: {
    status: 503,
    retryable: true,
    outcome: 'failed',
    title: 'The operating system has nothing left to give',
  },
  too_many_connections: {
    status: 503,
    retryable: true,
    outcome: 'refused',
    title: 'As many connections are open as may be',
  },
  deadline_unattainable: {
    status: 503,
    retryable: true,
    outcome: 'refused',
    title: 'The deadline cannot be met',
  },
  draining: { status: 503, retryable: true, outcome: 'refused', title: 'This replica is shutting down' },
  not_ready: { status: 503, retryable: true, outcome: 'refused', title: 'This replica is not ready' },
  model_not_ready: { status: 503, retryable: true, outcome: 'refused', title: 'This model is not loaded' },
  expired_in_queue: {
    status: 504,
    retryable: true,
    outcome: 'expired',
    title: 'The deadline passed in the queue',
  },
  deadline_exceeded: {
    status: 504,
    retryable: true,
    outcome: 'expired',
    title: 'The deadline passed during the run',
  },
  run_timeout: { status: 504, retryable: false, outcome: 'failed', title: 'The run took longer than it may' },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERRORS;

/** What a refusal tells its caller about the way back. */
export interface RefusalDetails {
  readonly retryAfterMs?: number;
  /** For those who read whole seconds; not earlier. */
  readonly retryAfterSeconds?: number;
  readonly queueDepth?: number;
  readonly estimatedWaitMs?: number;
}

export interface ServiceErrorOptions extends RefusalDetails {
  readonly cause?: unknown;
  /** Overrides the table where the single case is known better. */
  readonly retryable?: boolean;
}

/** The only error that reaches a caller. Match on `code`; the message names the limit and the value found. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  readonly details: RefusalDetails;
  readonly #retryable: boolean | undefined;

  constructor(
    readonly code: ErrorCode,
    message: string,
    { cause, retryable, ...details }: ServiceErrorOptions = {},
  ) {
    super(message, { cause });
    this.details = details;
    this.#retryable = retryable;
  }

  get status(): number {
    return ERRORS[this.code].status;
  }

  get outcome(): Outcome {
    return ERRORS[this.code].outcome;
  }

  get retryable(): boolean {
    return this.#retryable ?? ERRORS[this.code].retryable;
  }
}

/** The error itself, or an `internal_error` that keeps it as its cause and tells the caller nothing of it. */
export function asServiceError(error: unknown): ServiceError {
  if (error instanceof ServiceError) return error;
  return new ServiceError('internal_error', 'oneslot failed while it served this request', { cause: error });
}
