// Who has the fewest: replicas in lists by how many requests they have, each operation in constant time.

const NONE = -1;

/** Those of one rank take turns, as balancers let them. */
export class Ranks {
  size = 0;
  readonly #rankOf: number[] = [];
  readonly #before: number[] = [];
  readonly #after: number[] = [];
  readonly #first: number[] = [];
  readonly #last: number[] = [];
  #lowest = 0;

  /** With rank 0. */
  add(id: number): void {
    this.size++;
    this.#append(id, 0);
  }

  /** The next one of the lowest rank, a rank higher from now on. */
  raiseLowest(): number {
    const id = this.#findLowest();
    this.#unlink(id);
    this.#append(id, this.#rankOf[id]! + 1);
    return id;
  }

  lower(id: number): void {
    this.#unlink(id);
    this.#append(id, this.#rankOf[id]! - 1);
  }

  /** Takes out one of the lowest rank. */
  takeLowest(): number {
    const id = this.#findLowest();
    this.#unlink(id);
    this.size--;
    return id;
  }

  #findLowest(): number {
    if (this.size === 0) throw new Error('there is nobody to choose from. This is a bug.');
    while ((this.#first[this.#lowest] ?? NONE) === NONE) this.#lowest++;
    return this.#first[this.#lowest]!;
  }

  #append(id: number, rank: number): void {
    const last = this.#last[rank] ?? NONE;
    this.#rankOf[id] = rank;
    this.#before[id] = last;
    this.#after[id] = NONE;
    if (last === NONE) this.#first[rank] = id;
    else this.#after[last] = id;
    this.#last[rank] = id;
    this.#lowest = Math.min(this.#lowest, rank);
  }

  #unlink(id: number): void {
    const rank = this.#rankOf[id]!;
    const [before, after] = [this.#before[id]!, this.#after[id]!];
    if (before === NONE) this.#first[rank] = after;
    else this.#after[before] = after;
    if (after === NONE) this.#last[rank] = before;
    else this.#before[after] = before;
  }
}
