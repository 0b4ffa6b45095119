// Random numbers that are the same on every run with the same seed.

const { log, sqrt } = Math;

/** Chris Doty-Humphrey's sfc32 (PractRand), and the distributions that a queue is made of. */
export class Random {
  #a: number;
  #b: number;
  #c = 0x9e3779b9 | 0;
  #count = 1;

  /** @param stream tells apart generators of one seed */
  constructor(seed: number, stream = 0) {
    this.#a = seed | 0;
    this.#b = Math.imul(stream + 1, 0x85ebca6b);
    for (let round = 0; round < 16; round++) this.unit();
  }

  /** From 0 on, below 1. */
  unit(): number {
    const sum = (this.#a + this.#b + this.#count) | 0;
    this.#count = (this.#count + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 0x1_0000_0000;
  }

  /** With mean 1. */
  exponential(): number {
    return -log(1 - this.unit());
  }

  /** With mean 0 and variance 1 (Marsaglia's polar method, 1964: a cosine may round otherwise in another Node). */
  normal(): number {
    for (;;) {
      const x = 2 * this.unit() - 1;
      const y = 2 * this.unit() - 1;
      const square = x * x + y * y;
      if (square > 0 && square < 1) return x * sqrt((-2 * log(square)) / square);
    }
  }

  /** With mean `shape` and variance `shape`, for shapes from 1 on (Marsaglia and Tsang, 2000). */
  gamma(shape: number): number {
    const d = shape - 1 / 3;
    for (;;) {
      const x = this.normal();
      const root = 1 + x / sqrt(9 * d);
      const v = root * root * root;
      if (v > 0 && -this.exponential() < (x * x) / 2 + d - d * v + d * log(v)) return d * v;
    }
  }
}
