// The search for an autoscaler's target: the one with which the day is good and costs least.

export interface Tuned<Result> {
  readonly value: number;
  readonly result: Result;
}

export interface Search<Result> {
  /** What the closed form suggests. */
  readonly guess: number;
  /** No higher value makes sense. @default Infinity */
  readonly most?: number;
  /** How many values may be tried. */
  readonly tries: number;
  readonly play: (value: number) => Result;
  /** 1 and more is good enough. */
  readonly quality: (result: Result) => number;
  readonly cost: (result: Result) => number;
}

/** Around the guess, the likeliest first. Cost has no single valley: a target that is too high makes queues swing. */
const FACTORS = [1, 0.7, 1.4, 0.5, 2, 0.35, 3, 0.25];

/** @returns the cheapest that was good; where none was, the best one that was tried */
export function tune<Result>(search: Search<Result>): Tuned<Result> {
  const tried: Tuned<Result>[] = [];
  const attempt = (value: number): void => {
    const rounded = Math.min(twoDigits(value), search.most ?? Number.POSITIVE_INFINITY);
    if (tried.length >= search.tries || tried.some((each) => each.value === rounded)) return;
    tried.push({ value: rounded, result: search.play(rounded) });
  };
  for (const factor of FACTORS) attempt(factor * search.guess);
  const { value } = bestOf(tried, search);
  for (const factor of [0.85, 1.2]) attempt(factor * value);
  return bestOf(tried, search);
}

function bestOf<Result>(tried: readonly Tuned<Result>[], { quality, cost }: Search<Result>): Tuned<Result> {
  const good = tried.filter(({ result }) => quality(result) >= 1);
  if (good.length > 0)
    return good.reduce((best, each) => (cost(each.result) < cost(best.result) ? each : best));
  return tried.reduce((best, each) => (quality(each.result) > quality(best.result) ? each : best));
}

/** As people write it, and as a manifest can say it. */
const twoDigits = (value: number): number => Math.max(0.001, Number(value.toPrecision(2)));
