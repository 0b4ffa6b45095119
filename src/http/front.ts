// What stands before Express: every request gets its id, and what Express would pass by gets its answer all the same.

import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Express, Request, Response } from 'express';
import { ServiceError } from '../errors.js';
import { headProblem } from './framing.js';
import { sendProblem } from './problem.js';
import { requestIdOf } from './request-headers.js';

export type RequestListener = (request: IncomingMessage, response: ServerResponse) => void;

/** The listener of a Node server for this app. */
export function frontOf(app: Express): RequestListener {
  return function front(incoming, outgoing) {
    const request = incoming as Request;
    const response = outgoing as Response;
    identify(request, response);
    const problem = headProblem(request);
    if (problem !== undefined) {
      sendProblem(request, response, problem);
      return;
    }
    // Express passes by all its handlers where the target is no URL at all.
    app(request, response, () => {
      sendProblem(request, response, new ServiceError('bad_request', 'the URL is malformed'));
    });
  };
}

function identify({ headers }: Request, response: Response): void {
  const given = headers['x-request-id'];
  const requestId = (typeof given === 'string' && requestIdOf(given)) || randomUUID();
  response.locals = { requestId };
  response.setHeader('X-Request-Id', requestId);
}
