// The answer of a prediction that has completed: JSON, one raw tensor, or the last event of a stream.

import type { Response } from 'express';
import type { Clock } from '../clock.js';
import type { AnswerText, Codecs } from '../codecs/codecs.js';
import type { AnswerRoom } from '../runner/answer-room.js';
import type { Tensors } from '../tensor.js';
import { ClientLeft } from './body.js';
import { type Exchange, type PredictHeaders, serverTiming } from './exchange.js';

export interface AnswerOptions {
  readonly answers: AnswerRoom;
  readonly clock: Clock;
  readonly codecs: Codecs;
  readonly headers: PredictHeaders;
}

export async function sendAnswer(
  exchange: Exchange,
  outputs: Tensors,
  options: AnswerOptions,
): Promise<void> {
  const { codecs, clock, headers } = options;
  const startedMs = clock.nowMs();
  const { headers: own, body } = await encode(exchange, outputs, { codecs, headers });
  exchange.encodeMs = clock.nowMs() - startedMs;
  if (exchange.response.closed) throw new ClientLeft();
  exchange.isBegun = true;
  const isStreamed = !(body instanceof Uint8Array);
  if (isStreamed) await streamBody(exchange, own, { pieces: body, ...options });
  else if (exchange.events === undefined) sendBody(exchange, own, body);
  else exchange.events.end('result', bufferOf(body).toString('utf8'));
  exchange.isSent = true;
  // Mostly the kernel has taken all of it by now.
  if (!isStreamed && exchange.response.writableLength > 0) mayBeGivenUp(exchange.response, options.answers);
}

interface Encoded {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: AnswerText;
}

async function encode(
  { answerType, response, prediction }: Exchange,
  outputs: Tensors,
  { codecs, headers }: Pick<AnswerOptions, 'codecs' | 'headers'>,
): Promise<Encoded> {
  const { model } = headers;
  if (answerType !== 'application/octet-stream') {
    const body = await codecs.encodeJson({ model, outputs, isWanted: () => !response.closed });
    // It is there beside its outputs; raw bytes are the output itself.
    if (body instanceof Uint8Array) prediction!.holdAnswer(body.byteLength);
    return { headers: { 'Content-Type': 'application/json' }, body };
  }
  const raw = codecs.encodeBinary(Object.values(outputs)[0]!);
  return { headers: { 'Content-Type': answerType, ...raw.headers }, body: raw.bytes };
}

function sendBody(exchange: Exchange, headers: Encoded['headers'], body: Uint8Array): void {
  const { response } = exchange;
  for (const name in headers) response.setHeader(name, headers[name]!);
  response.setHeader('Content-Length', body.byteLength);
  response.setHeader('Server-Timing', serverTiming(exchange));
  if (body.byteLength > ONE_WRITE_BYTES) response.end(body);
  else response.end(bufferOf(body).toString('latin1'), 'latin1');
}

/** The next piece is written when the connection has taken the one before: nothing is gathered for slow readers. */
async function streamBody(
  exchange: Exchange,
  headers: Encoded['headers'],
  { pieces, answers }: { readonly pieces: AsyncIterable<Uint8Array>; readonly answers: AnswerRoom },
): Promise<void> {
  const { response, events } = exchange;
  mayBeGivenUp(response, answers);
  if (events === undefined) {
    for (const name in headers) response.setHeader(name, headers[name]!);
    response.setHeader('Server-Timing', serverTiming(exchange));
  } else events.beginResult();
  for await (const piece of pieces) {
    if (!response.write(piece) && !response.closed) await drained(response);
    if (response.closed) throw new ClientLeft();
  }
  if (events === undefined) response.end();
  else events.endResult();
}

/** Resolves too when the connection is gone. */
function drained(response: Response): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });
}

/** Node sends a string of one byte a character together with the headers, as one piece; bytes as a second one. */
const ONE_WRITE_BYTES = 16 * 1024;

const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** It is given up where others wait for its memory. */
function mayBeGivenUp(response: Response, answers: AnswerRoom): void {
  const isOver = answers.slow(() => response.destroy());
  response.once('close', isOver);
}
