// Burns sent through a balancer, each answer held against the reference.

import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { burnReference } from '../../support/burn-reference.js';
import { ENDLESS } from '../../support/burns.js';
import { BURN_SIZE } from '../../support/fixture-models.js';

/** About 60 ms on an idle core. */
export const SHORT = 20_000;

/** More than a balancer keeps in memory by itself. */
export const LARGE_BYTES = 300_000;

/** No call takes so long: a balancer that forgets one fails its check. */
const PATIENCE_MS = 90_000;

export interface CallOptions {
  readonly iterations?: number;
  readonly seed?: number;
  /** Pads the body with blanks. */
  readonly bytes?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: whatever JSON came; the checks say what they expect.
  readonly body: any;
}

export async function call(url: string, options: CallOptions = {}): Promise<Reply> {
  const response = await send(url, options);
  return { status: response.status, headers: response.headers, body: parse(await response.text()) };
}

export async function send(
  url: string,
  { iterations = SHORT, seed = 1, bytes = 0, headers = {}, signal }: CallOptions = {},
): Promise<Response> {
  const patience = AbortSignal.timeout(PATIENCE_MS);
  return await fetch(`${url}/predict/burn`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ inputs: { iterations: [iterations], seed: [seed] } }).padEnd(bytes),
    signal: signal === undefined ? patience : AbortSignal.any([signal, patience]),
  });
}

/** @throws AssertionError unless the answer is exactly this burn's */
export async function callsRightly(url: string, options: CallOptions = {}): Promise<Reply> {
  const reply = await call(url, options);
  const { iterations = SHORT, seed = 1 } = options;
  assert.equal(reply.status, 200, JSON.stringify(reply.body));
  const { checksum, head } = reply.body.outputs;
  assert.deepEqual({ checksum, head }, burnReference({ iterations, seed, size: BURN_SIZE }));
  return reply;
}

/** Sends one request after the other on one connection, as long as the other side keeps it open. */
export class KeepingCaller {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  /** Rejects where the connection ends without an answer. */
  async call(url: string, iterations: number): Promise<Pick<Reply, 'status' | 'body'>> {
    const headers = { 'content-type': 'application/json' };
    const sent = request(`${url}/predict/burn`, { method: 'POST', agent: this.#agent, headers });
    sent.end(JSON.stringify({ inputs: { iterations: [iterations], seed: [1] } }));
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    return { status: response.statusCode!, body: parse(await text(response)) };
  }
}

export interface Leavable {
  /** Never rejects; undefined when its caller left. */
  readonly reply: Promise<Reply | undefined>;
  leave(): Promise<void>;
}

/** A call whose caller can leave. */
export function leavable(url: string, options: CallOptions = { iterations: ENDLESS }): Leavable {
  const controller = new AbortController();
  const reply = call(url, { ...options, signal: controller.signal }).catch(() => undefined);
  const leave = async () => {
    controller.abort();
    await reply;
  };
  return { reply, leave };
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return json;
  }
}
