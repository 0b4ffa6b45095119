// Random numbers that are the same on every run, so that what they found once they find again.

export interface Random {
  /** Below 1. */
  unit(): number;
  /** From 0 on, below `end`. */
  below(end: number): number;
  uint32(): number;
  pick<Item>(items: readonly Item[]): Item;
}

/** Tommy Ettinger's mulberry32: 32 bits of state, good enough to make test data. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const uint32 = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const unit = (): number => uint32() / 2 ** 32;
  const below = (end: number): number => Math.floor(unit() * end);
  return { unit, below, uint32, pick: (items) => items[below(items.length)]! };
}
