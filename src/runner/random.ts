// Random numbers that are the same at every load, so that a proof that fails once fails again.

export interface Random {
  /** From 0 on, below 1. */
  unit(): number;
  /** Whole, from `least` to `most`. */
  from(least: number, most: number): number;
  /** Normally distributed around 0, with a deviation of 1. */
  normal(): number;
  pick<Item>(items: ArrayLike<Item>): Item;
}

/** Tommy Ettinger's mulberry32: 32 bits of state, good enough to make samples of. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const unit = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const from = (least: number, most: number): number => least + Math.floor(unit() * (most - least + 1));
  return {
    unit,
    from,
    normal: () => Math.sqrt(-2 * Math.log(1 - unit())) * Math.cos(2 * Math.PI * unit()),
    pick: (items) => items[from(0, items.length - 1)]!,
  };
}
