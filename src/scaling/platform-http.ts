// One small HTTP or HTTPS exchange with a platform's endpoint: bounded in time and size, on a connection of its own.

import { type IncomingMessage, type RequestOptions, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';

export interface HttpRequest {
  readonly url: string;
  readonly method?: 'GET' | 'PUT' | 'PATCH';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Certificates that are trusted instead of the usual ones, as PEM. */
  readonly ca?: string;
}

export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
}

/** A pod with all its fields has some tens of KiB. */
const MAX_BYTES = 1024 * 1024;

/** What came is no answer that any of these endpoints would give. */
export class AnswerTooLong extends Error {}

/**
 * Redirects are not followed and proxies not asked: each of these endpoints is where it says it is.
 * Rejects with what Node says of a connection that fails, and with an AbortError where the signal ends it.
 */
export async function exchange(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
  const answer = await send(request, signal);
  return { status: answer.statusCode ?? 0, text: await textOf(answer) };
}

function send(request: HttpRequest, signal: AbortSignal): Promise<IncomingMessage> {
  const { url, method = 'GET', headers, body, ca } = request;
  const length = body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(body)) };
  const options: RequestOptions & { ca?: string } = {
    method,
    headers: { Accept: '*/*', ...headers, ...length },
    agent: false,
    signal,
    ...(ca !== undefined && { ca }),
  };
  return new Promise((resolve, reject) => {
    const sent = (url.startsWith('https:') ? requestHttps : requestHttp)(url, options, resolve);
    sent.on('error', reject);
    sent.end(body);
  });
}

async function textOf(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BYTES) throw new AnswerTooLong(`the answer has more than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
