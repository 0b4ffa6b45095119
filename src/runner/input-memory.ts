// Inputs in memory that the runner's process holds too, so that large ones need not travel. Whoever takes a block counts as
// its first holder, the runner that is to read it as another; it is free again when the last one has let it go.

import type { Tensor, Tensors } from '../tensor.js';

/** Part of the memory. Nobody may touch it who has let it go. */
export interface Block {
  readonly bytes: Uint8Array<ArrayBuffer>;
  hold(): void;
  release(): void;
}

export interface Shared {
  readonly tensors: Tensors;
  /** Each held once more, for whoever reads the tensors. */
  readonly blocks: readonly Block[];
}

interface Span {
  readonly start: number;
  readonly end: number;
}

/** Smaller inputs travel as fast. */
export const SHARED_BYTES = 64 * 1024;

/** A cache line, and more than any element's size. */
const ALIGNMENT = 64;

export class InputMemory {
  readonly #memory: Uint8Array<ArrayBuffer>;
  /** By their start: the lowest that fits is taken, whose pages are there already. */
  readonly #free: Span[];
  readonly #blocks = new Map<number, Block>();
  #used = 0;

  constructor(memory: Uint8Array<ArrayBuffer>) {
    this.#memory = memory;
    // Nobody gets all of it: memory of which one holds all is taken for one's own (memory.ts).
    this.#free = [{ start: ALIGNMENT, end: memory.byteLength }];
  }

  /** Bytes in blocks. */
  get used(): number {
    return this.#used;
  }

  /** A block of this size; undefined where none is free, or where it would gain nothing. Its content is anything. */
  take(bytes: number): Block | undefined {
    if (bytes < SHARED_BYTES) return undefined;
    const length = Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
    const index = this.#free.findIndex(({ start, end }) => end - start >= length);
    if (index < 0) return undefined;
    const { start, end } = this.#free[index]!;
    const rest = { start: start + length, end };
    this.#free.splice(index, 1, ...(rest.start < end ? [rest] : []));
    return this.#blockAt({ start, end: rest.start }, bytes);
  }

  /** The tensors with the large ones in this memory, as far as there is room; undefined where none are. */
  share(tensors: Tensors): Shared | undefined {
    // Most are small, and come by the thousand a second.
    if (!hasLarge(tensors)) return undefined;
    const blocks: Block[] = [];
    // Without a prototype, which an input called `__proto__` would replace.
    const shared: Record<string, Tensor> = Object.create(null);
    for (const name in tensors) {
      const tensor = tensors[name]!;
      const block = this.#holding(tensor);
      if (block !== undefined) blocks.push(block);
      shared[name] = block === undefined ? tensor : { ...tensor, bytes: block.bytes };
    }
    return blocks.length === 0 ? undefined : { tensors: shared, blocks };
  }

  /** A further hold on the block where the tensor lies already, or a new one that it is copied to. */
  #holding({ bytes }: Tensor): Block | undefined {
    if (bytes.buffer === this.#memory.buffer) {
      const block = this.#blocks.get(bytes.byteOffset)!;
      block.hold();
      return block;
    }
    const block = this.take(bytes.byteLength);
    block?.bytes.set(bytes);
    return block;
  }

  #blockAt(span: Span, bytes: number): Block {
    let holders = 1;
    const block: Block = {
      bytes: this.#memory.subarray(span.start, span.start + bytes),
      hold: () => {
        holders += 1;
      },
      release: () => {
        holders -= 1;
        if (holders < 0) throw new Error('a block is let go once more than it was held: this is a bug');
        if (holders === 0) this.#freed(span);
      },
    };
    this.#blocks.set(span.start, block);
    this.#used += span.end - span.start;
    return block;
  }

  /** Joins what is free on either side. */
  #freed({ start, end }: Span): void {
    this.#blocks.delete(start);
    this.#used -= end - start;
    const after = this.#free.findIndex((span) => span.start >= end);
    const at = after < 0 ? this.#free.length : after;
    const before = this.#free[at - 1];
    const next = this.#free[at];
    const joinsBefore = before?.end === start;
    const joinsNext = next?.start === end;
    const whole = { start: joinsBefore ? before.start : start, end: joinsNext ? next.end : end };
    this.#free.splice(joinsBefore ? at - 1 : at, Number(joinsBefore) + Number(joinsNext), whole);
  }
}

function hasLarge(tensors: Tensors): boolean {
  for (const name in tensors) if (tensors[name]!.bytes.byteLength >= SHARED_BYTES) return true;
  return false;
}
