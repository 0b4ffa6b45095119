// A Node HTTP server around an app: time-outs that fit 11-minute runs, refusals before the body, answers to broken HTTP.

import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Express, Request } from 'express';
import { ServiceError } from '../errors.js';
import type { Logger } from '../log.js';
import { expectsContinue } from './body.js';
import { Connections } from './connections.js';
import { frontOf, type RequestListener } from './front.js';
import { messageClassesOf } from './message-classes.js';
import { problemOf } from './problem.js';

export interface ServerOptions {
  /** Left out: all addresses, of IPv6 and IPv4 where both exist. */
  readonly host?: string | undefined;
  readonly port: number;
  /** Must outlast a balancer's idle time, or it meets a connection that was just closed and answers 502. */
  readonly keepAliveTimeoutMs: number;
  /** How many connections may be open. */
  readonly maxConnections: () => number;
  /** An answer of which nothing is taken for so long is given up. */
  readonly sendTimeoutMs: number;
  readonly log: Pick<Logger, 'warn'>;
  /** Node's own guard for the whole request; ours for the body comes first and can explain itself. */
  readonly requestTimeoutMs: number;
}

/**
 * How long answers take that were made already when the server closes. Whoever sends half a request, or reads nothing,
 * has had all the time to drain.
 */
const LAST_ANSWERS_MS = 3000;

/** How long a caller may take to close a connection that ended with an answer made by hand. */
const LINGER_MS = 2000;

export interface Listening {
  readonly port: number;
  /** The address that it listens on. */
  readonly host: string;
  /**
   * Ends idle connections at once and the others as soon as they are answered, or after a few seconds.
   * Gives how many were cut: their requests were not answered, or the answers not taken.
   */
  close(): Promise<number>;
  /** Ends every connection now. */
  destroy(): Promise<number>;
}

/** Rejects when the address can't be listened on. */
export async function listen(app: Express, options: ServerOptions): Promise<Listening> {
  const { maxConnections, sendTimeoutMs, log } = options;
  const connections = new Connections(frontOf(app), { open: maxConnections, sendTimeoutMs });
  const front: RequestListener = (request, response) => connections.handle(request, response);
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
  // Beyond a limit of its own Node drops headers without a word; see framing.ts.
  server.maxHeadersCount = 0;
  // Without a listener Node would ask for the body before anyone has decided whether it is wanted.
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    expectsContinue(request as Request);
    front(request, response);
  });
  // Any other expectation may be passed over (RFC 9110, 10.1.1); Node would answer 417 without a word.
  server.on('checkExpectation', front);
  server.on('clientError', (error, socket) => {
    // What follows a whole request must not break into its answer.
    if (!connections.closeAfterAnswer(socket as Socket)) answerClientError(error, socket as Socket);
  });
  server.on('connect', refuseConnect);
  server.on('connection', (socket) => connections.add(socket));
  // What server.close() begins with. Node would take connections for idle whose answers are still on their way.
  server.closeIdleConnections = () => connections.close();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => {
      server.off('error', reject);
      // The system refuses a connection: none of those that are open, and not the last one that comes.
      server.on('error', (err) => log.warn({ err }, 'a connection could not be accepted'));
      resolve();
    });
  });
  const { address, port } = server.address() as AddressInfo;
  return {
    port,
    host: options.host ?? address,
    close: () => closeServer(server, connections),
    destroy: () => destroyServer(server, connections),
  };
}

async function closeServer(server: Server, connections: Connections): Promise<number> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  let cut = 0;
  const timer = setTimeout(() => {
    cut = connections.destroy();
  }, LAST_ANSWERS_MS);
  await closed.finally(() => clearTimeout(timer));
  return cut;
}

async function destroyServer(server: Server, connections: Connections): Promise<number> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const cut = connections.destroy();
  await closed;
  return cut;
}

/** Node takes its hands off such a connection: nobody else would close it, or listen to its errors. */
function refuseConnect(request: IncomingMessage, stream: Duplex): void {
  const socket = stream as Socket;
  socket.on('error', () => socket.destroy()).resume();
  const message = `this is no proxy: CONNECT ${JSON.stringify(request.url?.slice(0, 100))} is not taken`;
  endWith(new ServiceError('method_not_allowed', message), socket);
}

/** Broken HTTP reaches no route; the answer is written by hand, and the connection ends with it. */
function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  endWith(clientProblem(error), socket);
}

/** Answers by hand, without Node's HTTP, unless an answer is on its way already; then the connection ends. */
function endWith(problem: ServiceError, socket: Socket): void {
  if (isAnswering(socket)) {
    socket.destroySoon();
    return;
  }
  const body = JSON.stringify(problemOf(problem, ''));
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(timer));
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

/** The parser says what it met in `reason`. */
type ParseError = NodeJS.ErrnoException & { readonly reason?: string };

function clientProblem({ code, reason }: ParseError): ServiceError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new ServiceError('headers_too_large', 'the request headers are larger than 16 KiB');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new ServiceError('upload_timeout', 'the request did not arrive in time');
    case 'HPE_PAUSED_H2_UPGRADE':
      return new ServiceError('bad_request', 'HTTP/2 is not spoken here: send HTTP/1.1');
    default:
      return new ServiceError(
        'bad_request',
        `the request is not valid HTTP: ${reason ?? code ?? 'parse error'}`,
      );
  }
}
