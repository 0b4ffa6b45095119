// The whole HTTP chain as one list. Express lives here and nowhere else.

import { randomUUID } from 'node:crypto';
import express, {
  type ErrorRequestHandler,
  type Express,
  type Request,
  type RequestHandler,
  type Response,
} from 'express';
import { asServiceError, ServiceError } from '../errors.js';
import type { Logger } from '../log.js';
import { sendProblem } from './problem.js';
import { requestIdOf } from './request-headers.js';

export interface Routes {
  readonly predict: RequestHandler;
  readonly healthz: RequestHandler;
  readonly readyz: RequestHandler;
  readonly metrics: RequestHandler;
  readonly scaling: RequestHandler;
  readonly models: RequestHandler;
  readonly model: RequestHandler;
}

/** Predictions and, unless there is an admin port, everything else. */
export function createApp(routes: Routes, { log, withAdmin }: { log: Logger; withAdmin: boolean }): Express {
  const app = bareApp();
  app.post(['/predict', '/predict/:model'], routes.predict);
  app.all(['/predict', '/predict/:model'], allowOnly('POST'));
  if (withAdmin) addAdmin(app, routes);
  return closeChain(app, log);
}

/** What operators and platforms read. */
export function createAdminApp(routes: Routes, log: Logger): Express {
  const app = bareApp();
  addAdmin(app, routes);
  return closeChain(app, log);
}

function bareApp(): Express {
  const app = express();
  app.disable('x-powered-by');
  // A digest of every answer, for conditional requests that nobody makes here.
  app.disable('etag');
  // The query is read by nobody; its parser would be one more thing to attack.
  app.set('query parser', false);
  app.use(identify);
  return app;
}

function addAdmin(app: Express, routes: Routes): void {
  app.get('/healthz', routes.healthz);
  app.get('/readyz', routes.readyz);
  app.get('/metrics', routes.metrics);
  app.get('/scaling', routes.scaling);
  app.get('/models', routes.models);
  app.get('/models/:model', routes.model);
  app.all(
    ['/healthz', '/readyz', '/metrics', '/scaling', '/models', '/models/:model'],
    allowOnly('GET, HEAD'),
  );
}

function closeChain(app: Express, log: Logger): Express {
  app.use(nothingHere);
  app.use(errorHandler(log));
  return app;
}

function identify(request: Request, response: Response, next: () => void): void {
  const requestId = requestIdOf(request.get('x-request-id')) ?? randomUUID();
  response.locals.requestId = requestId;
  response.setHeader('X-Request-Id', requestId);
  next();
}

function allowOnly(methods: string): RequestHandler {
  return function methodNotAllowed(request, response) {
    response.set('Allow', methods);
    throw new ServiceError('method_not_allowed', `${request.path} takes ${methods}, got ${request.method}`);
  };
}

function nothingHere(request: Request): void {
  const path = JSON.stringify(request.path.slice(0, 100));
  throw new ServiceError(
    'route_not_found',
    `there is nothing at ${path}; predictions are made at POST /predict/{model}`,
  );
}

function errorHandler(log: Logger): ErrorRequestHandler {
  return function handleError(thrown, request, response, _next) {
    const error = isMalformedUrl(thrown)
      ? new ServiceError('bad_request', 'the URL is malformed')
      : asServiceError(thrown);
    if (error.code === 'internal_error') log.error({ err: error.cause }, 'request failed');
    if (response.headersSent) response.destroy();
    else sendProblem(request, response, error);
  };
}

/** Express's router throws this for a path such as /models/%ff. */
const isMalformedUrl = (thrown: unknown): boolean =>
  thrown instanceof URIError || (thrown as { status?: unknown })?.status === 400;
