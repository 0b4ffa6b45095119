// One call over HTTP on kept-alive connections. Whatever happens to it comes back as an answer; nothing is retried.

import { Agent, type IncomingMessage, request } from 'node:http';
import { monotonicMs } from '../../src/clock.js';
import type { Answer, RequestForm } from './plan.js';

export interface CallerOptions {
  readonly url: string;
  readonly keepBodies: boolean;
  readonly giveUpMs: number;
}

/** Bodies of refusals are read for their code up to this. */
const PROBLEM_BYTES = 16_384;

export class Caller {
  readonly #options: CallerOptions;
  readonly #host: string;
  readonly #port: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: Infinity, maxFreeSockets: Infinity });
  #nextId = 1;

  constructor(options: CallerOptions) {
    this.#options = options;
    const { hostname, port } = new URL(options.url);
    this.#host = hostname;
    this.#port = port;
  }

  /** Never rejects. */
  async call(form: RequestForm, index: number, dueMs: number): Promise<Answer> {
    const id = `${process.pid}-${this.#nextId++}`;
    const sentMs = monotonicMs();
    return await new Promise((resolve) => {
      const finish = (rest: Omit<Answer, 'form' | 'dueMs' | 'sentMs' | 'endMs'>): void => {
        clearTimeout(timer);
        resolve({ form: index, dueMs, sentMs, endMs: monotonicMs(), ...rest });
      };
      const outgoing = request({
        agent: this.#agent,
        host: this.#host,
        port: this.#port,
        method: form.method,
        path: form.path,
        headers: headersOf(form, id),
      });
      const timer = setTimeout(() => outgoing.destroy(new Error('given up')), this.#options.giveUpMs);
      outgoing.on('response', (response) => {
        void this.#read(response).then((body) => {
          // A refusal may come while the body is still on its way; the rest of it is not wanted.
          if (!outgoing.writableFinished) outgoing.destroy();
          finish(this.#answerOf(response, body, id));
        });
      });
      outgoing.on('error', (error: NodeJS.ErrnoException) => {
        finish({ status: 0, code: error.code ?? error.message, isOwn: true, timing: {} });
      });
      outgoing.end(form.body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }

  #answerOf(response: IncomingMessage, body: string, id: string) {
    const status = response.complete ? response.statusCode! : 0;
    const code = status === 200 ? undefined : status === 0 ? 'answer cut off' : codeOf(body);
    const echoed = response.headers['x-request-id'];
    return {
      status,
      ...(code !== undefined && { code }),
      isOwn: echoed === undefined || echoed === id,
      timing: serverTiming(response.headers['server-timing']),
      ...(status === 200 && this.#options.keepBodies && { body }),
    };
  }

  /** The body as far as it is wanted; resolves when it has ended or broken off. */
  async #read(response: IncomingMessage): Promise<string> {
    const limit = response.statusCode !== 200 ? PROBLEM_BYTES : this.#options.keepBodies ? Infinity : 0;
    const chunks: Buffer[] = [];
    let length = 0;
    response.on('data', (chunk: Buffer) => {
      if (length < limit) chunks.push(chunk);
      length += chunk.length;
    });
    await new Promise<void>((resolve) => {
      response.once('close', resolve);
      response.on('error', () => resolve());
      response.once('end', resolve);
    });
    return Buffer.concat(chunks).toString('utf8');
  }
}

function headersOf({ headers, body, method }: RequestForm, id: string): Record<string, string | number> {
  return {
    ...headers,
    'x-request-id': id,
    ...(method === 'POST' && { 'content-length': body?.byteLength ?? 0 }),
  };
}

/** `a;dur=1.5, b;dur=2` as { a: 1.5, b: 2 }. */
export function serverTiming(header: string | string[] | undefined): Record<string, number> {
  const timing: Record<string, number> = {};
  for (const [, name, ms] of String(header ?? '').matchAll(/([\w-]+);dur=([\d.]+)/g))
    timing[name!] = Number(ms);
  return timing;
}

function codeOf(body: string): string {
  try {
    return String((JSON.parse(body) as { code?: unknown }).code ?? 'no code');
  } catch {
    return 'no code';
  }
}
