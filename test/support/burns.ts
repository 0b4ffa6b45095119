// The shipped burn model as load: its run takes as long as a request asks, and its answer tells whose it is.

import { type BurnAnswer, burnReference } from './burn-reference.js';
import type { Answer, Oneslot } from './oneslot.js';

/** Longer than any test: whoever starts it means to end it. */
export const ENDLESS = 50_000_000;

export interface Burn {
  readonly iterations: number;
  readonly seed: number;
  /** Of this burn and, with `head`, of no other here. */
  readonly checksum: number;
}

const burnOf = (iterations: number, seed: number): Burn => {
  return { iterations, seed, checksum: burnReference({ iterations, seed }).checksum };
};

export const BURNS: readonly Burn[] = [
  burnOf(0, 1),
  burnOf(1, 1),
  burnOf(3, 2),
  burnOf(5, 42),
  burnOf(200, 7),
];

export function burn(
  oneslot: Oneslot,
  iterations: number,
  init: RequestInit & { seed?: number } = {},
): Promise<Answer> {
  const { seed = 1, ...rest } = init;
  return oneslot.predict('burn', { iterations: [iterations], seed: [seed] }, rest);
}

/** What the answer holds, as the reference gives it. Two seeds may share a checksum, hardly the head too. */
export function burnAnswerOf({ body }: Answer): BurnAnswer {
  return { checksum: body.outputs.checksum, head: body.outputs.head };
}

/** A burn whose caller can leave; its answer is caught, so that leaving fails no test by itself. */
export function leavableBurn(oneslot: Oneslot, iterations: number) {
  const controller = new AbortController();
  const answer = burn(oneslot, iterations, { signal: controller.signal }).catch(() => undefined);
  return { answer, leave: () => controller.abort() };
}
