// Samples run together, and what each got held against what it gets alone.

import type { Tensor, Tensors } from '../tensor.js';
import type { BatchAxes } from './loaded-model.js';
import { ortMessage } from './ort-error.js';
import { type CompareOptions, type Difference, differenceOf, isDiscrete, usualScale } from './same-answer.js';
import { type Sample, tensorsOf } from './samples.js';
import { stack, unstack } from './stack.js';

export interface CompanyOptions {
  readonly axes: BatchAxes;
  readonly outputs: readonly string[];
  /** Share of an answer's scale by which floats may differ, where model.json says it. */
  readonly tolerance: number | undefined;
  readonly run: (inputs: Tensors) => Promise<Tensors>;
}

/** Of rows with integers or strings so many may differ: near ties, such as two classes of nearly the same probability. */
const NEAR_TIES = 0.01;
/** Of one row, so large a share of its elements makes it differ. */
const DIFFERING_SHARE = 0.01;

/** Of one output of integers or strings: how many rows were compared, and how many of them differed. */
interface Tally {
  rows: number;
  differing: number;
}

export class Company {
  readonly #options: CompanyOptions;
  readonly #tallies = new Map<string, Tally>();

  constructor(options: CompanyOptions) {
    this.#options = options;
  }

  /** Whether a row differed that may have been a near tie: more of them will tell. */
  get isInDoubt(): boolean {
    return [...this.#tallies.values()].some(({ differing }) => differing > 0);
  }

  /** Rejects with an Error that names the output which differs, or can't be cut into samples. */
  async prove(samples: readonly Sample[]): Promise<void> {
    const { axes, outputs, tolerance } = this.#options;
    const joined = await this.#runTogether(samples);
    const rows = samples.map(({ inputs }) => rowsOf(inputs, axes));
    for (const name of outputs) {
      const parts = partsOf(name, joined[name]!, { axis: axes.outputs[name]!, rows });
      const how = { tolerance, leastScale: usualScale(samples.map(({ alone }) => alone[name]!)) };
      for (const [index, sample] of samples.entries())
        await this.#compare(name, parts[index]!, { sample, how, count: samples.length });
    }
  }

  /** @throws Error where rows differed more often than near ties do. */
  settleDoubts(): void {
    for (const [output, { rows, differing }] of this.#tallies) {
      if (differing <= NEAR_TIES * rows) continue;
      throw declared(
        `output ${output} differs between samples together and alone, in ${differing} of ${rows} rows`,
      );
    }
  }

  async #runTogether(samples: readonly Sample[]): Promise<Tensors> {
    const names = Object.keys(samples[0]!.inputs).map((name) => ({ name }));
    const joined = tensorsOf(names, ({ name }) => {
      const parts = samples.map(({ inputs }) => inputs[name]!);
      return stack(parts, this.#options.axes.inputs[name]!);
    });
    try {
      return await this.#options.run(joined);
    } catch (error) {
      const problem = `${samples.length} samples together fail, each of which succeeds alone`;
      throw declared(`${problem}: ${ortMessage(error)}`, error);
    }
  }

  async #compare(name: string, part: Tensor, { sample, how, count }: Compared): Promise<void> {
    const alone = sample.alone[name]!;
    const difference = differenceOf(part, alone, how);
    if (isDiscrete(alone) && this.#mayBeTie(name, difference)) return;
    if (difference === undefined) return;
    const again = await this.#options.run(sample.inputs);
    if (differenceOf(again[name]!, alone, how) !== undefined)
      throw declared(`output ${name} of one and the same sample alone differs from run to run`);
    throw declared(
      `output ${name} differs between ${count} samples together and alone${howMuch(difference)}: ${cureOf(difference)}`,
    );
  }

  /** A row of integers or strings that differs tells little as long as it is the only one. */
  #mayBeTie(output: string, difference: Difference | undefined): boolean {
    if (difference?.size === Number.POSITIVE_INFINITY) return false;
    const tally = this.#tallies.get(output) ?? { rows: 0, differing: 0 };
    this.#tallies.set(output, tally);
    tally.rows += 1;
    if (difference === undefined || difference.size <= DIFFERING_SHARE) return true;
    tally.differing += 1;
    return tally.differing <= Math.max(1, NEAR_TIES * tally.rows);
  }
}

interface Compared {
  readonly sample: Sample;
  readonly how: CompareOptions;
  readonly count: number;
}

/** Along the batch axis. */
export function rowsOf(inputs: Tensors, axes: BatchAxes): number {
  const [name] = Object.keys(inputs);
  return inputs[name!]!.dims[axes.inputs[name!]!]!;
}

export const declared = (problem: string, cause?: unknown): Error =>
  new Error(`"batch" is declared, but ${problem}`, cause === undefined ? {} : { cause });

/** A small difference may be one of precision only. */
const SMALL = 0.1;

function cureOf({ size, allowed }: Difference): string {
  const cure = 'the model mixes its samples; take "batch" out of its model.json';
  return allowed > 0 && size < SMALL ? `${cure}, or allow more with "tolerance" in it` : cure;
}

function howMuch({ size, allowed }: Difference): string {
  if (size === Number.POSITIVE_INFINITY || allowed === 0) return '';
  const much = size < 10 ? `${Number(size.toPrecision(2))} of` : 'many times';
  return `, by ${much} its scale (${allowed} allowed)`;
}

interface Cut {
  readonly axis: number;
  readonly rows: readonly number[];
}

/** A scalar, for one, has no axis: the model says one thing of all samples together. */
function partsOf(name: string, together: Tensor, { axis, rows }: Cut): Tensor[] {
  try {
    return unstack(together, axis, rows);
  } catch (error) {
    const problem = `output ${name} of ${rows.length} samples together can't be cut into theirs`;
    throw declared(`${problem}: ${ortMessage(error)}`, error);
  }
}
