// The connections of a server, and which of them have a request in progress: the others can be closed at any time.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { RequestListener } from './front.js';

interface Connection {
  readonly socket: Socket;
  /** The answer that is being made or sent. */
  answer: ServerResponse | undefined;
}

export class Connections {
  readonly #listener: RequestListener;
  readonly #all = new Map<Socket, Connection>();
  #isClosing = false;

  /** @param listener takes each request */
  constructor(listener: RequestListener) {
    this.#listener = listener;
  }

  add(socket: Socket): void {
    const connection: Connection = { socket, answer: undefined };
    this.#all.set(socket, connection);
    socket.once('close', () => this.#all.delete(socket));
    if (this.#isClosing) socket.destroy();
  }

  /** Hands a request to the listener, and knows its connection as busy until it is answered whole. */
  handle(request: IncomingMessage, response: ServerResponse): void {
    const connection = this.#all.get(request.socket);
    if (connection !== undefined) {
      connection.answer = response;
      response.on('finish', this.#onFinish);
    }
    this.#listener(request, response);
  }

  /** Closes those without a request in progress now, and the others as soon as they are answered. */
  close(): void {
    this.#isClosing = true;
    for (const { socket, answer } of this.#all.values()) {
      if (answer === undefined) socket.destroy();
    }
  }

  /** Ends all of them now. Gives how many had a request in progress. */
  destroy(): number {
    let cut = 0;
    for (const { socket, answer } of this.#all.values()) {
      if (answer !== undefined) cut++;
      socket.destroy();
    }
    return cut;
  }

  /** One function for all answers: a closure would be made for each. */
  readonly #onFinish = onResponse((response) => {
    const connection = this.#all.get(response.req.socket);
    if (connection?.answer !== response) return;
    connection.answer = undefined;
    if (this.#isClosing) connection.socket.destroy();
  });
}

function onResponse(listener: (response: ServerResponse) => void) {
  return function (this: ServerResponse): void {
    listener(this);
  };
}
