// Whether the other side takes what it is sent.

import type { Socket } from 'node:net';

/** What one connection takes, looked at now and then. */
export class Taking {
  #taken = 0;
  #sinceMs: number | undefined;

  look(socket: Socket, nowMs: number): void {
    const taken = takenBytes(socket);
    if (socket.writableLength === 0) this.#sinceMs = undefined;
    else if (taken !== this.#taken || this.#sinceMs === undefined) this.#sinceMs = nowMs;
    this.#taken = taken;
  }

  /** For how long there has been something to take, and nothing of it was taken. */
  stalledMs(nowMs: number): number {
    return this.#sinceMs === undefined ? 0 : nowMs - this.#sinceMs;
  }
}

/**
 * Bytes that the kernel has taken, less what it still has to take of the present write: a number that stays the same
 * only while nothing is taken, whatever more is written meanwhile. A write counts as a whole for Node, so the rest of
 * it is asked of the handle, as Node's own time-out of sockets does.
 */
function takenBytes(socket: Socket): number {
  const handle = (socket as { _handle?: { readonly writeQueueSize?: number } | null })._handle;
  return socket.bytesWritten - socket.writableLength - (handle?.writeQueueSize ?? 0);
}
