// A priority queue of times, each with a number, in two flat arrays.

const NEVER = Number.POSITIVE_INFINITY;

/** A binary heap: the earliest time first. */
export class Heap {
  #times: Float64Array;
  #values: Int32Array;
  #size = 0;

  constructor(capacity = 16) {
    this.#times = new Float64Array(capacity);
    this.#values = new Int32Array(capacity);
  }

  get size(): number {
    return this.#size;
  }

  /** The earliest; Infinity where there is none. */
  get time(): number {
    return this.#size === 0 ? NEVER : this.#times[0]!;
  }

  push(time: number, value: number): void {
    if (this.#size === this.#times.length) this.#grow();
    const times = this.#times;
    let at = this.#size++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (times[parent]! <= time) break;
      this.#move(parent, at);
      at = parent;
    }
    this.#set(at, time, value);
  }

  /** Takes the earliest out and returns its number. */
  pop(): number {
    const first = this.#values[0]!;
    const last = --this.#size;
    if (last > 0) this.#sink(this.#times[last]!, this.#values[last]!);
    return first;
  }

  /** Sum of what is left of each at `now`. */
  remaining(now: number): number {
    let sum = 0;
    for (let at = 0; at < this.#size; at++) sum += this.#times[at]! - now;
    return sum;
  }

  #sink(time: number, value: number): void {
    const times = this.#times;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.#size) break;
      if (child + 1 < this.#size && times[child + 1]! < times[child]!) child++;
      if (times[child]! >= time) break;
      this.#move(child, at);
      at = child;
    }
    this.#set(at, time, value);
  }

  #move(from: number, to: number): void {
    this.#set(to, this.#times[from]!, this.#values[from]!);
  }

  #set(at: number, time: number, value: number): void {
    this.#times[at] = time;
    this.#values[at] = value;
  }

  #grow(): void {
    const times = new Float64Array(2 * this.#times.length);
    const values = new Int32Array(2 * this.#values.length);
    times.set(this.#times);
    values.set(this.#values);
    this.#times = times;
    this.#values = values;
  }
}
