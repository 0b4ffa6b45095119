// The answer of a prediction that has completed: JSON, one raw tensor, or the last event of a stream.

import type { Clock } from '../clock.js';
import type { Codecs } from '../codecs/codecs.js';
import type { Tensors } from '../tensor.js';
import { ClientLeft } from './body.js';
import { type Exchange, type PredictHeaders, serverTiming } from './exchange.js';

export interface AnswerOptions {
  readonly clock: Clock;
  readonly codecs: Codecs;
  readonly headers: PredictHeaders;
}

/** An answer of which its caller takes nothing for so long is given up: it would be held for ever. */
const STALLED_MS = 60_000;

export async function sendAnswer(
  exchange: Exchange,
  outputs: Tensors,
  options: AnswerOptions,
): Promise<void> {
  const { codecs, clock, headers } = options;
  const startedMs = clock.nowMs();
  const { headers: own, body } = await encode(exchange, outputs, { codecs, headers });
  exchange.encodeMs = clock.nowMs() - startedMs;
  // Raw bytes are the output itself, a text is there beside it.
  if (exchange.answerType !== 'application/octet-stream') exchange.prediction!.holdAnswer(body.byteLength);
  if (exchange.response.closed) throw new ClientLeft();
  if (exchange.events === undefined) sendBody(exchange, own, body);
  else exchange.events.end('result', bufferOf(body).toString('utf8'));
  exchange.isSent = true;
  endUnread(exchange);
}

interface Encoded {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

async function encode(
  { answerType }: Exchange,
  outputs: Tensors,
  { codecs, headers }: Pick<AnswerOptions, 'codecs' | 'headers'>,
): Promise<Encoded> {
  const { model } = headers;
  if (answerType !== 'application/octet-stream') {
    return {
      headers: { 'Content-Type': 'application/json' },
      body: await codecs.encodeJson({ model, outputs }),
    };
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

/** Node sends a string of one byte a character together with the headers, as one piece; bytes as a second one. */
const ONE_WRITE_BYTES = 16 * 1024;

const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function endUnread({ response }: Exchange): void {
  // Mostly the kernel has taken all of it by now.
  if (response.writableLength > 0) response.setTimeout(STALLED_MS, () => response.destroy());
}
