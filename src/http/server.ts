// A Node HTTP server around an app: time-outs that fit 11-minute runs, refusals before the body, answers to broken HTTP.

import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Express, Request } from 'express';
import { ServiceError } from '../errors.js';
import { expectsContinue } from './body.js';
import { frontOf, type RequestListener } from './front.js';
import { messageClassesOf } from './message-classes.js';
import { problemOf } from './problem.js';

export interface ServerOptions {
  readonly host: string;
  readonly port: number;
  /** Must outlast a balancer's idle time, or it meets a connection that was just closed and answers 502. */
  readonly keepAliveTimeoutMs: number;
  /** Node's own guard for the whole request; ours for the body comes first and can explain itself. */
  readonly requestTimeoutMs: number;
}

const SWEEP_MS = 20;

export interface Listening {
  readonly port: number;
  /** Ends idle connections at once and the others as soon as they are answered. */
  close(): Promise<void>;
  /** Ends every connection now. */
  destroy(): Promise<void>;
}

/** Rejects when the address can't be listened on. */
export async function listen(app: Express, options: ServerOptions): Promise<Listening> {
  const unused = new Set<Socket>();
  const answer = frontOf(app);
  const front: RequestListener = (request, response) => {
    unused.delete(request.socket);
    answer(request, response);
  };
  const server = createServer(
    {
      keepAliveTimeout: options.keepAliveTimeoutMs,
      requestTimeout: options.requestTimeoutMs,
      // Node would answer without a word.
      requireHostHeader: false,
      ...messageClassesOf(app),
    },
    front,
  );
  // Without a listener Node would ask for the body before anyone has decided whether it is wanted.
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    expectsContinue(request as Request);
    front(request, response);
  });
  // Any other expectation may be passed over (RFC 9110, 10.1.1); Node would answer 417 without a word.
  server.on('checkExpectation', front);
  server.on('clientError', answerClientError);
  server.on('connection', (socket) => {
    unused.add(socket);
    socket.once('close', () => unused.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () => closeServer(server, unused),
    destroy: () => destroyServer(server),
  };
}

/**
 * Connections fall idle one by one as they are answered, and Node closes only those that are idle right now; on one that
 * has brought no request yet it would wait for ever.
 */
async function closeServer(server: Server, unused: ReadonlySet<Socket>): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  for (const socket of unused) socket.destroy();
  const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_MS);
  await closed.finally(() => clearInterval(sweep));
}

async function destroyServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
}

/** Broken HTTP reaches no route; the answer is written by hand, and the connection ends with it. */
function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  if (isAnswering(socket)) {
    socket.destroySoon();
    return;
  }
  const problem = clientProblem(error.code);
  const body = JSON.stringify(problemOf(problem, ''));
  socket.end(
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\n` +
      'Content-Type: application/problem+json\r\n' +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

/** Whether an answer has begun on this connection: another one would break into it. Node asks the same of its own. */
function isAnswering(socket: Socket): boolean {
  return (socket as { _httpMessage?: ServerResponse | null })._httpMessage?.headersSent === true;
}

function clientProblem(code: string | undefined): ServiceError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new ServiceError('headers_too_large', 'the request headers are larger than 16 KiB');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new ServiceError('upload_timeout', 'the request did not arrive in time');
    default:
      return new ServiceError('bad_request', `the request is not valid HTTP (${code ?? 'parse error'})`);
  }
}
