// A platform's endpoints on the loopback: a real HTTP or HTTPS server that answers as a test says and keeps what came.

import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import {
  createServer as createHttp,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttps } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { CallName, CallResult } from '../../src/observer.js';
import { PlatformCalls } from '../../src/scaling/platform-calls.js';
import type { ManualClock } from './manual-clock.js';

export interface Heard {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

/** A status and a body (objects as JSON), or a way not to answer. */
export type Reply = { readonly status?: number; readonly body?: unknown } | 'hang' | 'reset' | 'garbage';

export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

export class PlatformServer implements AsyncDisposable {
  readonly heard: Heard[] = [];
  /** What it answers from now on. */
  reply: (request: Heard) => Reply = () => ({ body: {} });
  readonly #server: Server;

  private constructor(certificate: Certificate | undefined) {
    const handle = (request: IncomingMessage, response: ServerResponse): void => {
      this.#handle(request, response).catch(() => request.socket.destroy());
    };
    this.#server = certificate === undefined ? createHttp(handle) : createHttps(certificate, handle);
  }

  static async start(certificate?: Certificate): Promise<PlatformServer> {
    const server = new PlatformServer(certificate);
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Bodies that came to a path, parsed. */
  bodiesTo(path: string): unknown[] {
    return this.heard.filter((each) => each.path === path).map(({ text }) => JSON.parse(text));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const { method = '', url: path = '', headers } = request;
    const heard = { method, path, headers, text: Buffer.concat(chunks).toString('utf8') };
    this.heard.push(heard);
    const reply = this.reply(heard);
    if (reply === 'hang') return;
    if (reply === 'reset') return void request.socket.destroy();
    if (reply === 'garbage') return void request.socket.end('\u0001\u0002 nobody knows\r\n\r\n');
    const { status = 200, body = '' } = reply;
    response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body));
  }
}

/** An address of the loopback at which nobody listens. */
export async function deadUrl(): Promise<string> {
  await using server = await PlatformServer.start();
  return server.url;
}

/** A self-signed certificate for 127.0.0.1, which is its own authority. */
export async function makeCertificate(folder: string): Promise<Certificate> {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const names = ['-subj', '/CN=kubernetes', '-addext', 'subjectAltName=IP:127.0.0.1'];
  await promisify(execFile)('openssl', ['req', '-x509', ...kind, ...names, '-keyout', key, '-out', cert]);
  return { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8') };
}

export interface Warning {
  readonly call?: string;
  readonly result?: string;
  readonly reason?: string;
}

/** Platform calls, and what they counted and logged. */
export function recordedCalls(clock: ManualClock) {
  const counted: `${CallName} ${CallResult}`[] = [];
  const warnings: Warning[] = [];
  const calls = new PlatformCalls({
    clock,
    log: { warn: (bindings) => void warnings.push(bindings) },
    count: (call, result) => void counted.push(`${call} ${result}`),
  });
  return { calls, counted, warnings };
}
