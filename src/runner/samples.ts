// Samples that a model takes, drawn for the proof of its batches: how wild each of its inputs may be is found by trying,
// one after the other, the tamest first, so that a model which fails on an index out of range meets few of them.

import { monotonicMs } from '../clock.js';
import { elementCount, type Tensor, type Tensors } from '../tensor.js';
import { ortMessage } from './ort-error.js';
import { type Random, seededRandom } from './random.js';
import type { Spread, Spreads } from './spreads.js';

/** A sample, and what the model answers to it alone. */
export interface Sample {
  readonly inputs: Tensors;
  readonly alone: Tensors;
}

export interface SampleInput {
  readonly name: string;
  /** What a warm-up sends. */
  readonly base: Tensor;
  readonly spreads: Spreads;
}

export interface SourceOptions {
  readonly inputs: readonly SampleInput[];
  /** Runs one sample. Rejects where the model does not take it. */
  readonly run: (inputs: Tensors) => Promise<Tensors>;
  /** Whether time is up for what is not needed. */
  readonly isLate: () => boolean;
  /** Whether such a failure is the end of all further runs. */
  readonly isFatal: (reason: string) => boolean;
}

/** How often a sample is drawn anew that the model fails on, or that is the one before it again. */
const TRIES = 3;
const REDRAWS = 20;

/** A run that takes so much longer than with tamer values does so for their sake. */
const LONGER = 4;
const LONGER_MS = 50;

/** Where samples of one run differ in size, this one has large values. */
const TRIED_PLACE = 1;

export class SampleSource {
  readonly #options: SourceOptions;
  readonly #random: Random = seededRandom(1);
  /** Ways of each input that the model takes, the tamest first. */
  readonly #ways = new Map<string, readonly Spread[]>();
  #failure = '';

  constructor(options: SourceOptions) {
    this.#options = options;
  }

  /** Why the model took no sample, as it was told last. */
  get failure(): string {
    return this.#failure;
  }

  /** Inputs that have no value but one, as far as the model takes others. */
  get fixed(): readonly string[] {
    const names = this.#options.inputs.map(({ name }) => name);
    return names.filter((name) => this.#ways.get(name)?.length === 0);
  }

  /** Finds what the model takes. Whether it takes anything. */
  async explore(): Promise<boolean> {
    const { inputs } = this.#options;
    const base = tensorsOf(inputs, ({ base }) => base);
    if ((await this.#try(base)) === undefined) return await this.#exploreTogether();
    for (const input of inputs) this.#ways.set(input.name, await this.#waysOf(input, base));
    return true;
  }

  /**
   * One more sample, unlike the one before it in every input that may vary; undefined where the model takes none of those
   * that were tried.
   *
   * @param style 0: the wildest values that the model takes; each next one tamer, and then from the beginning
   */
  async draw(style: number, place: number, before: Sample | undefined): Promise<Sample | undefined> {
    for (let attempt = 0; attempt < 2 * TRIES; attempt++) {
      const wanted = attempt < TRIES ? style : Number.POSITIVE_INFINITY;
      const inputs = tensorsOf(this.#options.inputs, (input) => this.#drawn(input, wanted, place, before));
      const alone = await this.#try(inputs);
      if (alone !== undefined) return { inputs, alone };
    }
    return undefined;
  }

  /** Nothing is known that it takes: all inputs change together. */
  async #exploreTogether(): Promise<boolean> {
    const { inputs } = this.#options;
    const most = Math.max(...inputs.map(({ spreads }) => spreads.ways.length));
    for (let step = 0; step < most; step++) {
      const wayOf = ({ spreads: { ways } }: SampleInput): Spread => ways[Math.min(step, ways.length - 1)]!;
      const drawn = tensorsOf(inputs, (input) => wayOf(input)(this.#random, input.base.dims, TRIED_PLACE));
      if ((await this.#try(drawn)) === undefined) continue;
      for (const input of inputs) this.#ways.set(input.name, [wayOf(input)]);
      return true;
    }
    return false;
  }

  /** Values that make a run longer are left small: a count of turns takes as long as it says. */
  async #waysOf({ name, base, spreads }: SampleInput, others: Tensors): Promise<readonly Spread[]> {
    const ways: Spread[] = [];
    let tameMs = Number.POSITIVE_INFINITY;
    for (const way of spreads.ways) {
      if (ways.length > 0 && (!spreads.isLadder || this.#options.isLate())) break;
      const startedMs = monotonicMs();
      const taken = await this.#try(replaced(others, name, way(this.#random, base.dims, TRIED_PLACE)));
      const ms = monotonicMs() - startedMs;
      if (taken !== undefined) ways.push(way);
      if (ways.length > 0 && (taken === undefined || ms > LONGER * tameMs + LONGER_MS)) break;
      tameMs = Math.min(tameMs, ms);
    }
    return ways;
  }

  #drawn({ name, base }: SampleInput, style: number, place: number, before: Sample | undefined): Tensor {
    const ways = this.#ways.get(name)!;
    if (ways.length === 0) return base;
    const way = Number.isFinite(style) ? ways.at(-1 - (style % ways.length))! : ways[0]!;
    let tensor = way(this.#random, base.dims, place);
    for (let count = 0; count < REDRAWS && isSame(tensor, before?.inputs[name]); count++) {
      tensor = way(this.#random, base.dims, place);
    }
    return tensor;
  }

  async #try(inputs: Tensors): Promise<Tensors | undefined> {
    try {
      return await this.#options.run(inputs);
    } catch (error) {
      this.#failure = ortMessage(error);
      if (this.#options.isFatal(this.#failure)) throw error;
      return undefined;
    }
  }
}

export const isSame = (tensor: Tensor, other: Tensor | undefined): boolean =>
  other !== undefined &&
  tensor.dims.join() === other.dims.join() &&
  Buffer.compare(tensor.bytes, other.bytes) === 0;

export const isEmpty = ({ dims }: Tensor): boolean => elementCount(dims) === 0;

/** Without a prototype, which an input called `__proto__` would replace. */
export function tensorsOf<Item extends { readonly name: string }>(
  items: readonly Item[],
  tensorOf: (item: Item) => Tensor,
): Tensors {
  const tensors: Record<string, Tensor> = Object.create(null);
  for (const item of items) tensors[item.name] = tensorOf(item);
  return tensors;
}

function replaced(tensors: Tensors, name: string, tensor: Tensor): Tensors {
  const others: Record<string, Tensor> = Object.create(null);
  for (const other in tensors) others[other] = other === name ? tensor : tensors[other]!;
  return others;
}
