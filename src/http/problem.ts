// Every error answer: application/problem+json (RFC 9457), with what Open Inference Protocol clients read beside it.

import type { Request, Response } from 'express';
import { ERRORS, type ServiceError } from '../errors.js';
import { endLingering, mustClose } from './body.js';

/** The error's body. `error` repeats the detail: it is where OIP clients look. */
export function problemOf(error: ServiceError, requestId: string): Record<string, unknown> {
  const { retryAfterSeconds: _, ...details } = error.details;
  return {
    type: 'about:blank',
    title: ERRORS[error.code].title,
    status: error.status,
    detail: error.message,
    code: error.code,
    error: error.message,
    retryable: error.retryable,
    requestId,
    ...details,
  };
}

/**
 * `Retry-After` counts whole seconds: rounded up, and later where more would come at the same one than find room.
 * `retry-after-ms` is exact, and what some SDKs read first.
 */
export function sendProblem(request: Request, response: Response, error: ServiceError): void {
  const { retryAfterMs, retryAfterSeconds } = error.details;
  if (retryAfterMs !== undefined) {
    response.setHeader('Retry-After', String(retryAfterSeconds ?? Math.ceil(retryAfterMs / 1000)));
    response.setHeader('retry-after-ms', String(retryAfterMs));
  }
  if (error.code === 'unauthorized') response.setHeader('WWW-Authenticate', 'Bearer');
  const body = Buffer.from(JSON.stringify(problemOf(error, response.locals.requestId)));
  response.statusCode = error.status;
  response.setHeader('Content-Type', 'application/problem+json');
  response.setHeader('Content-Length', String(body.length));
  if (!mustClose(request)) {
    response.end(body);
    return;
  }
  response.setHeader('Connection', 'close');
  endLingering(request, response, body);
}
