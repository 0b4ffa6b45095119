// The connections of a server: one request of each at a time, room for new ones, an end for those that take no answer.
//
// Node hands over every request that a connection brings, however many lie in one packet. Here they wait behind the one
// that is being answered, as they would at a server that reads no further; so a connection holds one answer at most.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { monotonicMs } from '../clock.js';
import type { RequestListener } from './front.js';
import { Taking } from './taking.js';

export interface ConnectionLimits {
  /** How many may be open; asked again and again, since the system's own limit may be changed meanwhile. */
  readonly open: () => number;
  /** An answer of which nothing is taken for so long ends its connection. */
  readonly sendTimeoutMs: number;
}

/** Requests on connections for which there is no room. */
const extras = new WeakSet<IncomingMessage>();

/** Whether all connections that may be are busy, and this one is there for those who look at the server's state. */
export function isExtra(request: IncomingMessage): boolean {
  return extras.has(request);
}

/** Beyond the limit so many more are let in for one request each: probes are answered though all others are busy. */
export const EXTRA_CONNECTIONS = 16;

/** So long a new connection has to bring its request before it is closed for another, unless nothing else can be. */
const GRACE_MS = 500;

/** Of so many that are idle for longest, one is looked for that can be closed. */
const LOOKS = 16;

/** A connection with more requests behind the present one is read no further until they are answered. */
const MAX_WAITING = 16;

/** What one packet brings is parsed as a whole. Where it comes to more than this in all, the worst one is closed. */
const MAX_WAITING_IN_ALL = 16_384;

/** What answers to GET may hold in all until they are taken; those to predictions count in the ledger. */
const MAX_UNTAKEN_BYTES = 64 * 2 ** 20;

const SWEEP_MS = 1000;

interface Waiting {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

class Connection {
  readonly taking = new Taking();
  readonly waiting: Waiting[] = [];
  /** The answer that is being made or sent. */
  answer: ServerResponse | undefined;
  /** Until then its first request is probably on its way. */
  freshUntilMs = monotonicMs() + GRACE_MS;
  /** There is no room for it: it may ask for one thing. */
  isExtra = false;
  /** It closes with the present answer. */
  isLast = false;

  constructor(readonly socket: Socket) {}

  get isBusy(): boolean {
    return this.answer !== undefined || this.waiting.length > 0;
  }
}

export class Connections {
  readonly #listener: RequestListener;
  readonly #limits: ConnectionLimits;
  readonly #all = new Map<Socket, Connection>();
  /** Those without a request in progress, the longest idle first. */
  readonly #idle = new Set<Connection>();
  readonly #sweep: NodeJS.Timeout;
  #waiting = 0;
  #isClosing = false;

  /** @param listener takes each request, when it is its turn */
  constructor(listener: RequestListener, limits: ConnectionLimits) {
    this.#listener = listener;
    this.#limits = limits;
    this.#sweep = setInterval(() => this.#sweepAll(), SWEEP_MS).unref();
  }

  add(socket: Socket): void {
    const connection = new Connection(socket);
    this.#all.set(socket, connection);
    this.#idle.add(connection);
    socket.once('close', () => this.#forget(connection));
    if (this.#isClosing) this.#end(connection);
    else if (this.#all.size > this.#limits.open()) this.#makeRoom(connection);
  }

  /** Hands a request to the listener, as soon as those before it on its connection are answered. */
  handle(request: IncomingMessage, response: ServerResponse): void {
    const connection = this.#all.get(request.socket);
    // Ended, but what it brought with the same packet is still parsed.
    if (connection === undefined || connection.isLast) return;
    if (connection.isBusy) this.#wait(connection, { request, response });
    else this.#begin(connection, { request, response });
  }

  /**
   * Closes a connection that brings nothing more that makes sense, once the answer to its present request is taken.
   * Gives false where there is none to wait for: where that request itself is not whole, or there is no request.
   */
  closeAfterAnswer(socket: Socket): boolean {
    const connection = this.#all.get(socket);
    const { answer } = connection ?? {};
    if (connection === undefined || answer === undefined || !answer.req.complete) return false;
    connection.isLast = true;
    this.#dropWaiting(connection);
    if (!answer.headersSent) answer.setHeader('Connection', 'close');
    return true;
  }

  /** Closes those without a request in progress now, and the others as soon as they are answered. */
  close(): void {
    this.#isClosing = true;
    for (const connection of this.#idle) this.#end(connection);
  }

  /** Ends all of them now. Gives how many had a request in progress. */
  destroy(): number {
    clearInterval(this.#sweep);
    let cut = 0;
    for (const connection of this.#all.values()) {
      if (connection.isBusy) cut++;
      this.#end(connection);
    }
    return cut;
  }

  #begin(connection: Connection, { request, response }: Waiting): void {
    this.#idle.delete(connection);
    connection.answer = response;
    response.on('finish', this.#onFinish);
    if (connection.isExtra) {
      connection.isLast = true;
      extras.add(request);
      response.setHeader('Connection', 'close');
    }
    this.#listener(request, response);
  }

  /** One function for all answers: a closure would be made for each. */
  readonly #onFinish = onResponse((response) => {
    const connection = this.#all.get(response.req.socket);
    if (connection?.answer !== response) return;
    connection.answer = undefined;
    if (this.#isClosing || connection.isLast) connection.socket.destroySoon();
    // Not at once: a thousand that came together would keep everybody else waiting.
    else if (connection.waiting.length > 0) setImmediate(this.#onTurn, connection);
    else this.#rest(connection);
  });

  readonly #onTurn = (connection: Connection): void => {
    const next = connection.waiting.shift();
    if (next === undefined) return;
    this.#waiting -= 1;
    if (connection.waiting.length === 0) connection.socket.resume();
    this.#begin(connection, next);
  };

  #rest(connection: Connection): void {
    connection.freshUntilMs = 0;
    this.#idle.add(connection);
  }

  #wait(connection: Connection, waiting: Waiting): void {
    connection.waiting.push(waiting);
    this.#waiting += 1;
    if (connection.waiting.length > MAX_WAITING) connection.socket.pause();
    if (this.#waiting <= MAX_WAITING_IN_ALL) return;
    const all = [...this.#all.values()];
    this.#end(all.reduce((worst, each) => (each.waiting.length > worst.waiting.length ? each : worst)));
  }

  /** Closes whoever is idle for longest; where nobody is, the new one may ask for one thing, or is closed itself. */
  #makeRoom(newest: Connection): void {
    const isFull = this.#all.size > this.#limits.open() + EXTRA_CONNECTIONS;
    const idle = this.#longestIdle(isFull);
    if (idle !== undefined && idle !== newest) this.#end(idle);
    else if (isFull) this.#end(newest);
    else newest.isExtra = true;
  }

  #longestIdle(withFresh: boolean): Connection | undefined {
    const nowMs = monotonicMs();
    let looks = 0;
    for (const connection of this.#idle) {
      if (withFresh || connection.freshUntilMs < nowMs) return connection;
      looks += 1;
      if (looks === LOOKS) return undefined;
    }
    return undefined;
  }

  #sweepAll(): void {
    const nowMs = monotonicMs();
    const untaken: Connection[] = [];
    let bytes = 0;
    for (const connection of this.#all.values()) {
      const { answer, taking, socket } = connection;
      if (answer === undefined) continue;
      taking.look(socket, nowMs);
      if (taking.stalledMs(nowMs) >= this.#limits.sendTimeoutMs) this.#end(connection);
      else if (answer.req.method === 'GET' && answer.writableLength > 0) {
        bytes += answer.writableLength;
        untaken.push(connection);
      }
    }
    untaken.sort((a, b) => b.taking.stalledMs(nowMs) - a.taking.stalledMs(nowMs));
    for (const connection of untaken) {
      if (bytes <= MAX_UNTAKEN_BYTES) break;
      bytes -= connection.answer!.writableLength;
      this.#end(connection);
    }
    this.#shrink();
  }

  /** The limit may have been lowered. */
  #shrink(): void {
    for (const connection of this.#idle) {
      if (this.#all.size <= this.#limits.open()) return;
      if (!connection.isExtra) this.#end(connection);
    }
  }

  #end(connection: Connection): void {
    this.#forget(connection);
    connection.socket.destroy();
  }

  #forget(connection: Connection): void {
    this.#all.delete(connection.socket);
    this.#idle.delete(connection);
    this.#dropWaiting(connection);
  }

  #dropWaiting(connection: Connection): void {
    this.#waiting -= connection.waiting.length;
    connection.waiting.length = 0;
  }
}

function onResponse(listener: (response: ServerResponse) => void) {
  return function (this: ServerResponse): void {
    listener(this);
  };
}
