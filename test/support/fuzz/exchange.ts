// One exchange with the server: over a connection that is kept alive, or as bytes on one of its own.

import {
  type Agent,
  request as httpRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
} from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { RawConnection } from '../raw-http.js';
import { until } from '../until.js';
import type { FuzzAnswer, FuzzRequest, Wire } from './case.js';
import { answersIn } from './http-text.js';

export interface Server {
  readonly url: string;
  readonly agent: Agent;
}

/** Undefined where the caller left before there was an answer. */
export async function exchange(
  request: FuzzRequest,
  { url, agent }: Server,
): Promise<FuzzAnswer | undefined> {
  const { method, path, headers, body, leavesAfterMs } = request;
  return await new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const outgoing = httpRequest({ hostname, port, agent, method, path, headers: withLength(headers, body) });
    const fail = (error: Error): void => (leavesAfterMs === undefined ? reject(error) : resolve(undefined));
    const leaving =
      leavesAfterMs === undefined ? undefined : setTimeout(() => outgoing.destroy(), leavesAfterMs);
    outgoing.once('close', () => clearTimeout(leaving)).on('error', fail);
    outgoing.once('response', (incoming) => void wholeAnswer(incoming).then(resolve, fail));
    outgoing.end(body);
  });
}

/** Node would send the body of a GET without a word of its length. */
function withLength(headers: OutgoingHttpHeaders, body: Uint8Array): OutgoingHttpHeaders {
  return 'transfer-encoding' in headers ? headers : { 'content-length': body.length, ...headers };
}

async function wholeAnswer(incoming: IncomingMessage): Promise<FuzzAnswer> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return { status: incoming.statusCode!, headers: incoming.headers, body: Buffer.concat(chunks) };
}

/** Rejects with an Error where fewer answers come than must, or something that is none. */
export async function wireExchange(wire: Wire, { url }: Server): Promise<readonly FuzzAnswer[]> {
  const { afterwards, next, isDeaf = false } = wire;
  using connection = await RawConnection.open(url);
  if (isDeaf) connection.stopReading();
  await sendAll(connection, wire);
  if (typeof next === 'object' && 'resetAfterMs' in next) {
    await delay(next.resetAfterMs);
    connection.reset();
    return [];
  }
  if (afterwards !== undefined) {
    await until(() => connection.isClosed || connection.received !== '');
    connection.send(afterwards);
  }
  if (next === 'half-close') connection.end();
  return await answersOn(connection, wire);
}

/** Between two pieces: long enough that each comes alone. */
const PIECE_MS = 3;

async function sendAll(connection: RawConnection, { bytes, pieces = 1 }: Wire): Promise<void> {
  const size = Math.ceil(bytes.length / pieces);
  for (let start = 0; start < bytes.length; start += size) {
    if (start > 0) await delay(PIECE_MS);
    connection.send(bytes.subarray(start, start + size));
  }
}

async function answersOn(
  connection: RawConnection,
  { next, afterwards }: Wire,
): Promise<readonly FuzzAnswer[]> {
  const wanted = typeof next === 'object' && 'answers' in next ? next.answers : Number.POSITIVE_INFINITY;
  await until(() => connection.isClosed || answersIn(connection.received).answers.length >= wanted);
  const { answers, rest } = answersIn(connection.received);
  const isCutOff = afterwards !== undefined && rest.lastIndexOf('HTTP/1.1 ') === 0;
  if (rest !== '' && !isCutOff) throw new Error(`heard what is no answer: ${rest.slice(0, 300)}`);
  const isEnough = answers.length >= wanted || next === 'half-close';
  if (!isEnough) throw new Error(`only ${answers.length} answers before the connection was closed`);
  return answers;
}
