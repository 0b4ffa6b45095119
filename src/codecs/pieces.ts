// A large body on its way to a worker thread, piece by piece as it comes.
//
// The event loop neither copies it nor holds it. Held there as one, a body of 50 MB is a reason for V8 to look for garbage
// again and again while it arrives, for 5 to 10 ms each time, and everyone waits.

import { MessageChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads';

/** A whole body that waits at a port; whoever has the port can have it once. */
export interface Pieces {
  readonly port: MessagePort;
  readonly byteLength: number;
}

export const isInPieces = (body: Uint8Array | Pieces): body is Pieces => 'port' in body;

/** Smaller pieces are gathered: each message takes memory of its own, and a client may send a byte at a time. */
const LEAST_BYTES = 16 * 1024;
const GATHERED_BYTES = 64 * 1024;

export class PieceWriter {
  readonly #channel = new MessageChannel();
  /** Small pieces that wait for more. */
  #gathered: Uint8Array | undefined;
  #gatheredBytes = 0;
  /** Of all pieces so far. */
  byteLength = 0;

  /** Takes the piece's memory. */
  add(piece: Uint8Array): void {
    this.byteLength += piece.byteLength;
    if (piece.byteLength < LEAST_BYTES) this.#gather(piece);
    else {
      this.#flush();
      const { buffer } = piece.buffer.byteLength === piece.byteLength ? piece : new Uint8Array(piece);
      this.#send(buffer as ArrayBuffer);
    }
  }

  #gather(piece: Uint8Array): void {
    if (this.#gatheredBytes + piece.byteLength > GATHERED_BYTES) this.#flush();
    this.#gathered ??= new Uint8Array(GATHERED_BYTES);
    this.#gathered.set(piece, this.#gatheredBytes);
    this.#gatheredBytes += piece.byteLength;
  }

  #flush(): void {
    if (this.#gathered === undefined) return;
    this.#send(this.#gathered.slice(0, this.#gatheredBytes).buffer);
    this.#gathered = undefined;
    this.#gatheredBytes = 0;
  }

  #send(buffer: ArrayBuffer): void {
    this.#channel.port1.postMessage(buffer, [buffer]);
  }

  /** Nothing may be added afterwards. */
  end(): Pieces {
    this.#flush();
    return { port: this.#channel.port2, byteLength: this.byteLength };
  }

  /** Nobody wants it any more. */
  drop(): void {
    this.#channel.port1.close();
  }
}

/** The body as one, in the thread that has the port; ends the port. */
export function gathered({ port, byteLength }: Pieces): Uint8Array {
  const whole = new Uint8Array(byteLength);
  let offset = 0;
  for (let item = receiveMessageOnPort(port); item !== undefined; item = receiveMessageOnPort(port)) {
    const piece = new Uint8Array(item.message as ArrayBuffer);
    whole.set(piece, offset);
    offset += piece.byteLength;
  }
  port.close();
  return whole;
}
