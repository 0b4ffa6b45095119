// A number that changes in steps, and its integral over each part of the time.

export interface StepsResult {
  readonly least: number;
  readonly most: number;
  /** Integral over all the time. */
  readonly sum: number;
  /** The same of each part. */
  readonly parts: readonly number[];
}

export class Steps {
  readonly #duration: number;
  readonly #parts: number[];
  #value: number;
  #since = 0;
  #least: number;
  #most: number;

  constructor(duration: number, parts: number, value: number) {
    this.#duration = duration;
    this.#parts = Array<number>(parts).fill(0);
    this.#value = value;
    this.#least = value;
    this.#most = value;
  }

  /** What comes after the duration does not count. */
  set(now: number, value: number): void {
    if (value === this.#value) return;
    this.#spread(Math.min(now, this.#duration));
    this.#value = value;
    if (now >= this.#duration) return;
    this.#least = Math.min(this.#least, value);
    this.#most = Math.max(this.#most, value);
  }

  end(): StepsResult {
    this.#spread(this.#duration);
    const sum = this.#parts.reduce((total, part) => total + part, 0);
    return { least: this.#least, most: this.#most, sum, parts: this.#parts };
  }

  #spread(to: number): void {
    const length = this.#duration / this.#parts.length;
    while (this.#since < to) {
      const part = Math.min(Math.floor(this.#since / length + 1e-9), this.#parts.length - 1);
      const until = part === this.#parts.length - 1 ? to : Math.min(to, (part + 1) * length);
      this.#parts[part]! += this.#value * (until - this.#since);
      this.#since = Math.max(until, this.#since);
      if (until === to) break;
    }
  }
}
