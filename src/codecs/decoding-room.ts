// Pictures that are decoded at once: bounded in number and in memory, whoever comes first is first.
//
// What a picture takes is known from its header before a pixel is decoded, and since nothing else of its file reaches the
// decoder (strip.ts), that is what it takes. So the bound can stand here, in the server's process. A process of its own for
// decoding, which the kernel could limit, was weighed: it holds 60 MB where nothing is decoded, makes each small picture wait
// for two ways through a socket, and takes with it every picture in it when one is too much.

import { availableParallelism } from 'node:os';

/** Node's threads decode, and inflate bodies too: one is always left for the others. */
const UV_THREADS = Number(process.env.UV_THREADPOOL_SIZE) || 4;
const AT_ONCE = Math.max(1, Math.min(UV_THREADS - 1, availableParallelism()));

interface Waiting {
  readonly bytes: number;
  readonly enter: () => void;
}

export class DecodingRoom {
  readonly #maxBytes: number;
  readonly #waiting: Waiting[] = [];
  #inside = 0;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Memory that those who decode now may take. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Does it when there is room for so much memory. One that needs more than there is has the room for itself. */
  async decode<Value>(bytes: number, task: () => Promise<Value>): Promise<Value> {
    if (this.#waiting.length > 0 || !this.#hasRoom(bytes)) {
      await new Promise<void>((resolve) => this.#waiting.push({ bytes, enter: resolve }));
    } else this.#enter(bytes);
    try {
      return await task();
    } finally {
      this.#leave(bytes);
    }
  }

  #hasRoom(bytes: number): boolean {
    if (this.#inside === 0) return true;
    return this.#inside < AT_ONCE && this.#bytes + bytes <= this.#maxBytes;
  }

  #enter(bytes: number): void {
    this.#inside += 1;
    this.#bytes += bytes;
  }

  #leave(bytes: number): void {
    this.#inside -= 1;
    this.#bytes -= bytes;
    this.#letIn();
  }

  #letIn(): void {
    for (const { bytes, enter } of [...this.#waiting]) {
      if (!this.#hasRoom(bytes)) return;
      this.#waiting.shift();
      this.#enter(bytes);
      enter();
    }
  }
}
