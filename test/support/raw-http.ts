// A socket that speaks whatever bytes a test wants, for what no well-behaved client sends.

import { connect, type Socket } from 'node:net';
import { until } from './until.js';

export class RawConnection implements Disposable {
  received = '';
  isClosed = false;
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1').on('data', (text: string) => {
      this.received += text;
    });
    socket.on('close', () => {
      this.isClosed = true;
    });
    // A reset is one of the ways in which a server ends a connection.
    socket.on('error', () => {});
  }

  /** @param url `http://host:port` of the server */
  static async open(url: string): Promise<RawConnection> {
    const { hostname, port } = new URL(url);
    const connection = new RawConnection(connect(Number(port), hostname));
    await until(() => connection.#socket.readyState === 'open');
    return connection;
  }

  /** Takes nothing more of what the other side sends. */
  stopReading(): void {
    this.#socket.pause();
  }

  /** Takes the next piece of what has come, and no more. */
  readAWhile(): void {
    this.#socket.once('data', () => this.#socket.pause()).resume();
  }

  startReading(): void {
    this.#socket.resume();
  }

  send(text: string | Uint8Array): void {
    this.#socket.write(text);
  }

  /** Headers of a prediction, with what else is given; the body is the caller's to send. */
  sendHead(path: string, headers: Readonly<Record<string, string | number>>): void {
    const lines = Object.entries({ Host: 'test', 'Content-Type': 'application/json', ...headers });
    const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    this.send(`POST ${path} HTTP/1.1\r\n${head}\r\n`);
  }

  /** Stops sending; the other side may still answer. */
  end(): void {
    this.#socket.end();
  }

  /** Reads no more, from the next turn of the event loop on. */
  pause(): void {
    this.#socket.pause();
  }

  /** Is gone at once, as a client that crashed. */
  reset(): void {
    this.#socket.resetAndDestroy();
  }

  /** Resolves when the text has come, with all that has come. */
  async hears(text: string): Promise<string> {
    await until(() => this.received.includes(text));
    return this.received;
  }

  async closed(): Promise<void> {
    await until(() => this.isClosed);
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}
