// The whole HTTP chain as one list. Express lives here and nowhere else.

import express, {
  type ErrorRequestHandler,
  type Express,
  type Request,
  type RequestHandler,
  type Response,
} from 'express';
import { asServiceError, ServiceError } from '../errors.js';
import type { Logger } from '../log.js';
import { ORCA_HEADER } from '../scaling/orca-report.js';
import { sendProblem } from './problem.js';

export interface Routes {
  readonly predict: RequestHandler;
  readonly healthz: RequestHandler;
  readonly readyz: RequestHandler;
  readonly metrics: RequestHandler;
  readonly scaling: RequestHandler;
  readonly models: RequestHandler;
  readonly model: RequestHandler;
}

export interface AppOptions {
  readonly log: Logger;
  readonly isDraining: () => boolean;
  /** The load report that every answer carries, where one is asked for. */
  readonly orcaReport?: (() => string | undefined) | undefined;
}

/** Predictions and, unless there is an admin port, everything else. */
export function createApp(routes: Routes, options: AppOptions & { readonly withAdmin: boolean }): Express {
  const app = bareApp(options);
  app.post(['/predict', '/predict/:model'], routes.predict);
  app.all(['/predict', '/predict/:model'], allowOnly('POST'));
  if (options.withAdmin) addAdmin(app, routes);
  return closeChain(app, options);
}

/** What operators and platforms read. */
export function createAdminApp(routes: Routes, options: AppOptions): Express {
  const app = bareApp(options);
  addAdmin(app, routes);
  return closeChain(app, options);
}

function bareApp(options: AppOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  // A digest of every answer, for conditional requests that nobody makes here.
  app.disable('etag');
  // What little of the query is read needs no parser that makes objects of it: it would be one more thing to attack.
  app.set('query parser', false);
  addHeadersLate(app, options);
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

function closeChain(app: Express, { log }: AppOptions): Express {
  app.use(nothingHere);
  app.use(errorHandler(log));
  return app;
}

/**
 * Answers end their connections while the server drains, so that clients which keep theirs open move on to another
 * replica. Asked as the answer begins: its request may have come long before, and the load report must be fresh.
 */
function addHeadersLate(app: Express, { isDraining, orcaReport }: AppOptions): void {
  const { writeHead } = app.response;
  app.response.writeHead = function (this: Response, ...head: unknown[]) {
    if (isDraining()) this.setHeader('Connection', 'close');
    const report = orcaReport?.();
    if (report !== undefined) this.setHeader(ORCA_HEADER, report);
    return (writeHead as (...head: unknown[]) => Response).apply(this, head);
  };
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
