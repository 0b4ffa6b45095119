// Work that is done for few at once, bounded in number and in memory. Whoever comes first is first, and who leaves while it
// waits takes its memory along: bodies of callers who are gone are held by nobody else.

export interface GateOptions {
  readonly atOnce: number;
  /** @default as much as those at once take */
  readonly maxBytes?: number;
}

interface Waiting {
  readonly bytes: number;
  readonly enter: () => void;
}

export interface Passing<Value> {
  /** Memory that it takes. */
  readonly bytes: number;
  readonly task: () => Promise<Value>;
  /** Rejects when nobody wants it any more; it is not begun then. */
  readonly unwanted?: Promise<never> | undefined;
}

export class Gate {
  readonly #atOnce: number;
  readonly #maxBytes: number;
  readonly #waiting: Waiting[] = [];
  #inside = 0;
  #bytes = 0;

  constructor({ atOnce, maxBytes = Number.POSITIVE_INFINITY }: GateOptions) {
    this.#atOnce = atOnce;
    this.#maxBytes = maxBytes;
  }

  /** Memory that those inside may take. */
  get bytes(): number {
    return this.#bytes;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Does it when there is room. One that needs more than there is has the room for itself. */
  async pass<Value>({ bytes, task, unwanted }: Passing<Value>): Promise<Value> {
    if (this.#waiting.length === 0 && this.#hasRoom(bytes)) this.#enter(bytes);
    else await this.#turn(bytes, unwanted);
    try {
      return await task();
    } finally {
      this.#inside -= 1;
      this.#bytes -= bytes;
      this.#letIn();
    }
  }

  async #turn(bytes: number, unwanted: Promise<never> | undefined): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const entry = { bytes, enter: resolve };
      this.#waiting.push(entry);
      unwanted?.catch((reason) => {
        const index = this.#waiting.indexOf(entry);
        if (index < 0) return;
        this.#waiting.splice(index, 1);
        reject(reason as Error);
        this.#letIn();
      });
    });
  }

  #hasRoom(bytes: number): boolean {
    if (this.#inside === 0) return true;
    return this.#inside < this.#atOnce && this.#bytes + bytes <= this.#maxBytes;
  }

  #enter(bytes: number): void {
    this.#inside += 1;
    this.#bytes += bytes;
  }

  #letIn(): void {
    for (
      let [next] = this.#waiting;
      next !== undefined && this.#hasRoom(next.bytes);
      [next] = this.#waiting
    ) {
      this.#waiting.shift();
      this.#enter(next.bytes);
      next.enter();
    }
  }
}
