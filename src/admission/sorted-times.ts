// Times in ascending order, mostly added at the end and forgotten from the front.

export class SortedTimes {
  readonly #times: number[] = [];

  get size(): number {
    return this.#times.length;
  }

  add(timeMs: number): void {
    this.#times.splice(this.countBelow(timeMs), 0, timeMs);
  }

  /** Forgets those up to this time. */
  forget(untilMs: number): void {
    if (this.#times.length === 0 || this.#times[0]! > untilMs) return;
    const later = this.#times.findIndex((timeMs) => timeMs > untilMs);
    this.#times.splice(0, later === -1 ? this.#times.length : later);
  }

  /** How many are earlier; by bisection. */
  countBelow(timeMs: number): number {
    let [from, to] = [0, this.#times.length];
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (this.#times[middle]! < timeMs) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}
