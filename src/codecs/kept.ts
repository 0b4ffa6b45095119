// Parts of a file that are kept, moved together at its beginning.

import { BrokenFile } from './broken-file.js';

/** A picture is of a few parts, a large PNG of some thousand; each costs time, however small it is. */
const MAX_PARTS = 65_536;

export class Kept {
  readonly #bytes: Uint8Array;
  #used = 0;
  #parts = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Where the next part goes to. */
  get length(): number {
    return this.#used;
  }

  /** Counts a part of the file, kept or not. @throws BrokenFile for too many. */
  count(): void {
    this.#parts += 1;
    if (this.#parts > MAX_PARTS) throw new BrokenFile(`it has more than ${MAX_PARTS} parts`);
  }

  /** Keeps what lies there: nothing before it may be needed any more. */
  keep(start: number, end: number): void {
    if (start !== this.#used) this.#bytes.copyWithin(this.#used, start, end);
    this.#used += end - start;
  }

  /** Puts something in the place of what is not kept, which must have been as long. */
  put(part: Uint8Array): void {
    this.#bytes.set(part, this.#used);
    this.#used += part.length;
  }

  take(): Uint8Array {
    return this.#bytes.subarray(0, this.#used);
  }
}
