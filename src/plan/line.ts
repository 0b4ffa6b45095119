// First in, first out: requests that wait, as two numbers each.

/** A ring that grows. */
export class Line {
  #cells: Float64Array;
  #head = 0;
  #size = 0;

  /** @param capacity a power of two */
  constructor(capacity = 4) {
    this.#cells = new Float64Array(2 * capacity);
  }

  get size(): number {
    return this.#size;
  }

  /** When the first one came. */
  get arrivedAt(): number {
    return this.#cells[2 * this.#head]!;
  }

  /** How long the first one will run. */
  get runTime(): number {
    return this.#cells[2 * this.#head + 1]!;
  }

  push(arrivedAt: number, runTime: number): void {
    if (2 * this.#size === this.#cells.length) this.#grow();
    const at = (this.#head + this.#size++) & (this.#cells.length / 2 - 1);
    this.#cells[2 * at] = arrivedAt;
    this.#cells[2 * at + 1] = runTime;
  }

  /** Takes the first one out. */
  drop(): void {
    this.#head = (this.#head + 1) & (this.#cells.length / 2 - 1);
    this.#size--;
  }

  #grow(): void {
    const cells = new Float64Array(2 * this.#cells.length);
    const end = this.#cells.subarray(2 * this.#head);
    cells.set(end);
    cells.set(this.#cells.subarray(0, 2 * this.#head), end.length);
    this.#cells = cells;
    this.#head = 0;
  }
}
