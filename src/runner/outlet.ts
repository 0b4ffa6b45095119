// The way out of the runner: the session thread writes small frames to the socket itself, which spares each answer a
// hand-over between threads. What the kernel does not take at once goes on by way of the I/O thread, which can wait.
//
// The two never write in between each other: while the I/O thread has anything left to write, all goes by way of it.

import { writeSync } from 'node:fs';
import type { Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import type { MessagePort } from 'node:worker_threads';
import { SOCKET_FD } from './protocol.js';

/** Shared by both threads: how many frames the I/O thread has been given and has not written yet. */
export type Unwritten = Int32Array<SharedArrayBuffer>;

export const noneUnwritten = (): Unwritten => new Int32Array(new SharedArrayBuffer(4));

/** Larger frames would fill the socket's buffer; the I/O thread writes them while the next run goes on. */
const DIRECT_BYTES = 64 * 1024;

/** The session thread's end. */
export class Outlet {
  readonly #port: MessagePort;
  readonly #unwritten: Unwritten;
  readonly #fd: number;

  constructor(port: MessagePort, unwritten: Unwritten, fd = SOCKET_FD) {
    this.#port = port;
    this.#unwritten = unwritten;
    this.#fd = fd;
  }

  /** The pieces are one frame, in order; their memory is given away. */
  send(pieces: readonly Uint8Array[]): void {
    const [first] = pieces;
    if (pieces.length > 1 || first!.length > DIRECT_BYTES || this.#isBehind) {
      this.#post(pieces);
      return;
    }
    const taken = this.#writeNow(first!);
    if (taken < first!.length) this.#post([first!.slice(taken)]);
  }

  /** Resolves when the kernel has all that was sent. */
  async written(): Promise<void> {
    while (this.#isBehind) await setTimeout(1);
  }

  /** Whether the I/O thread has something left to write, which must go first. */
  get #isBehind(): boolean {
    return Atomics.load(this.#unwritten, 0) > 0;
  }

  #post(pieces: readonly Uint8Array[]): void {
    Atomics.add(this.#unwritten, 0, 1);
    this.#port.postMessage(pieces, [...new Set(pieces.map((piece) => piece.buffer as ArrayBuffer))]);
  }

  /** How many of the bytes the kernel took. */
  #writeNow(bytes: Uint8Array): number {
    try {
      return writeSync(this.#fd, bytes);
    } catch {
      // It takes none now, or the server is gone: that is for the I/O thread to find out.
      return 0;
    }
  }
}

/** In the I/O thread: writes what the session thread could not. */
export function forward(pieces: readonly Uint8Array[], socket: Socket, unwritten: Unwritten): void {
  socket.cork();
  const last = pieces.length - 1;
  for (const [index, piece] of pieces.entries()) {
    socket.write(piece, index === last ? () => Atomics.sub(unwritten, 0, 1) : undefined);
  }
  socket.uncork();
}
