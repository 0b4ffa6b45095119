// Proof at load that a model which declares batches gives each sample the same answer together as alone. Samples are drawn
// that differ in every input (samples.ts), with values and batches of several sizes.

import { monotonicMs } from '../clock.js';
import type { BatchProved } from '../model-repository/model.js';
import { type Tensor, type Tensors, zeros } from '../tensor.js';
import { Company, declared } from './company.js';
import type { BatchAxes } from './loaded-model.js';
import { ortMessage } from './ort-error.js';
import { isEmpty, isSame, type Sample, type SampleInput, SampleSource, tensorsOf } from './samples.js';
import { unstack } from './stack.js';

export interface BatchProof {
  readonly axes: BatchAxes;
  /** Most samples in one run. */
  readonly max: number;
  /** Share of an answer's scale by which floats may differ, where model.json says it. */
  readonly tolerance?: number | undefined;
  readonly outputs: readonly string[];
  /**
   * What samples are drawn like: the inputs of a warm-up, with several rows where model.json gives several; then the same
   * with larger free dimensions, in which more may show.
   */
  readonly shapes: readonly (readonly SampleInput[])[];
  /** Whether no samples are drawn: what model.json gives must do. */
  readonly onlyGiven?: boolean;
  /** Of each sample. @default 1 */
  readonly rows?: number;
  /** Whether such a failure is the end of all further runs. @default none is */
  readonly isFatal?: (reason: string) => boolean;
  run(request: { readonly inputs: Tensors; readonly outputs: readonly string[] }): Promise<Tensors>;
  /** From then on only what every proof needs is run. @default 5 s */
  readonly budgetMs?: number;
}

const BUDGET_MS = 5_000;

/** Styles of one shape: the wildest values that the model takes, tame ones, and those between. */
const STYLES = 3;
/** Further ones tell near ties from answers that change, and may take as much longer. */
const MORE_STYLES = 12;
const MORE_BUDGETS = 2;

/** Samples of one style. A batch of more takes them several times. */
const POOL = 6;

/** More than this is not joined for a proof. */
const MOST_BYTES = 64 * 1024 * 1024;

const CURE =
  '"warmup" in model.json can give samples that the model takes: two or more, which differ in every input';

/** Rejects with an Error that names the output which differs, or what is missing for a proof. */
export async function proveBatch(proof: BatchProof): Promise<BatchProved> {
  return await new Prover(proof).prove();
}

/** The next sample of a pool; undefined where there is none. */
type Next = (place: number, before: Sample | undefined) => Promise<Sample | undefined>;

class Prover {
  readonly #proof: BatchProof;
  readonly #company: Company;
  readonly #variedInputs = new Set<string>();
  readonly #variedOutputs = new Set<string>();
  #untilMs: number;
  #samples = 0;
  #batches = 0;
  #largest = 0;
  /** What one took in the last batch. */
  #sampleMs = 1e-3;
  /** Why the model did not take a sample. */
  #failure = '';

  constructor(proof: BatchProof) {
    const { axes, outputs, tolerance } = proof;
    this.#proof = proof;
    this.#company = new Company({ axes, outputs, tolerance, run: (inputs) => this.#run(inputs) });
    this.#untilMs = monotonicMs() + this.#budgetMs;
  }

  async prove(): Promise<BatchProved> {
    const { onlyGiven, max } = this.#proof;
    if (this.#most < 2)
      throw declared(
        `a prediction has ${this.#rows} rows at least, so no two of them fit into a max of ${max}`,
      );
    const shapes = this.#proof.shapes.filter((inputs) => this.#haveAxis(inputs));
    await this.#proveGiven(shapes[0] ?? []);
    const sources: SampleSource[] = [];
    for (const inputs of onlyGiven ? [] : shapes) {
      if (this.#isLate) break;
      const source = this.#sourceOf(inputs);
      const isTaken = await source.explore();
      this.#failure = source.failure;
      if (!isTaken) continue;
      sources.push(source);
      for (let style = 0; style < STYLES; style++) await this.#proveStyle(source, style);
    }
    await this.#tellTies(sources);
    this.#checkVariety();
    const warnings = this.#warnings;
    return { samples: this.#samples, batches: this.#batches, largest: this.#largest, warnings };
  }

  get #budgetMs(): number {
    return this.#proof.budgetMs ?? BUDGET_MS;
  }

  /** Time is up, and what every proof needs has been run. */
  get #isLate(): boolean {
    return this.#batches > 0 && monotonicMs() >= this.#untilMs;
  }

  /** Samples that model.json gives, as they are. */
  async #proveGiven(inputs: readonly SampleInput[]): Promise<void> {
    const counts = new Set(inputs.map((input) => this.#rowsOf(input)));
    const count = Math.floor([...counts][0]! / this.#rows);
    if (counts.size !== 1 || count < 2) return;
    const rows = Array<number>(count).fill(this.#rows);
    const cut = inputs.map(({ name, base }) => {
      return {
        name,
        parts: unstack(firstRows(base, this.#axisOf(name), sum(rows)), this.#axisOf(name), rows),
      };
    });
    await this.#provePool(async (place) => {
      if (place >= count) return undefined;
      const sample = tensorsOf(cut, ({ parts }) => parts[place]!);
      return { inputs: sample, alone: await this.#runGiven(sample) };
    });
  }

  #sourceOf(inputs: readonly SampleInput[]): SampleSource {
    return new SampleSource({
      inputs: inputs.map((input) => ({ ...input, base: this.#firstRowOf(input) })),
      run: (sample) => this.#run(sample),
      isLate: () => monotonicMs() >= this.#untilMs,
      isFatal: this.#proof.isFatal ?? (() => false),
    });
  }

  get #rows(): number {
    return this.#proof.rows ?? 1;
  }

  /** Samples in one run. */
  get #most(): number {
    return Math.floor(this.#proof.max / this.#rows);
  }

  async #proveStyle(source: SampleSource, style: number): Promise<void> {
    await this.#provePool((place, before) => source.draw(style, place, before));
  }

  /** Runs samples together, in several numbers and orders, as far as time allows. */
  async #provePool(next: Next): Promise<void> {
    const pool: Sample[] = [];
    for (const order of ordersOf(this.#most)) {
      if (this.#isLate) return;
      await this.#fill(pool, Math.min(order.length, POOL), next);
      if (pool.length < 2) return;
      await this.#proveTogether(this.#affordable(order.map((place) => pool[place % pool.length]!)));
    }
  }

  async #fill(pool: Sample[], count: number, next: Next): Promise<void> {
    while (pool.length < count) {
      const before = pool.at(-1);
      const sample = await next(pool.length, before);
      if (sample === undefined) return;
      if (before !== undefined) this.#noteVariety(sample, before);
      pool.push(sample);
      this.#samples += 1;
    }
  }

  /** As many of these as there is time and memory for; all of the few that every proof needs. */
  #affordable(samples: readonly Sample[]): readonly Sample[] {
    const byTime = (this.#untilMs - monotonicMs()) / this.#sampleMs;
    const byMemory = (MOST_BYTES * samples.length) / bytesOf(samples);
    return samples.slice(0, Math.max(2, Math.floor(Math.min(byTime, byMemory, samples.length))));
  }

  async #proveTogether(samples: readonly Sample[]): Promise<void> {
    const startedMs = monotonicMs();
    await this.#company.prove(samples);
    this.#sampleMs = (monotonicMs() - startedMs) / samples.length;
    this.#batches += 1;
    this.#largest = Math.max(this.#largest, samples.length);
  }

  #noteVariety({ inputs, alone }: Sample, before: Sample): void {
    noteVaried(inputs, before.inputs, this.#variedInputs);
    noteVaried(alone, before.alone, this.#variedOutputs);
  }

  /** A single row that differs may be a near tie. More are drawn: a model that mixes its samples shows it again. */
  async #tellTies(sources: readonly SampleSource[]): Promise<void> {
    if (!this.#company.isInDoubt) return;
    this.#untilMs = monotonicMs() + MORE_BUDGETS * this.#budgetMs;
    for (let style = STYLES; style < STYLES + MORE_STYLES; style++) {
      for (const source of sources) await this.#proveStyle(source, style);
    }
    this.#company.settleDoubts();
  }

  #checkVariety(): void {
    const reason = this.#failure === '' ? '' : ` (${this.#failure})`;
    if (this.#batches === 0)
      throw declared(`it can't be proved: no two samples were found that the model takes${reason}; ${CURE}`);
    const inputs = Object.keys(this.#proof.axes.inputs).filter((name) => !this.#variedInputs.has(name));
    if (inputs.length > 0) {
      const names = inputs.join(', ');
      throw declared(
        `it can't be proved: the model takes one value of ${names} and no other${reason}; ${CURE}`,
      );
    }
    if (this.#variedOutputs.size === 0)
      throw declared(`it can't be proved: all samples that were tried get the same answer; ${CURE}`);
  }

  get #warnings(): readonly string[] {
    const same = this.#proof.outputs.filter((name) => !this.#variedOutputs.has(name));
    if (same.length === 0) return [];
    const names = same.join(', ');
    return [`the proof of "batch" says little of ${names}: all samples that were tried get the same there`];
  }

  async #runGiven(sample: Tensors): Promise<Tensors> {
    try {
      return await this.#run(sample);
    } catch (error) {
      throw declared(`a sample of "warmup" fails alone: ${ortMessage(error)}`, error);
    }
  }

  async #run(inputs: Tensors): Promise<Tensors> {
    return await this.#proof.run({ inputs, outputs: this.#proof.outputs });
  }

  /** An input of any rank may be tried with too few dimensions. */
  #haveAxis(inputs: readonly SampleInput[]): boolean {
    return inputs.every(({ name, base }) => this.#axisOf(name) < base.dims.length);
  }

  #axisOf(input: string): number {
    return this.#proof.axes.inputs[input]!;
  }

  #rowsOf({ name, base }: SampleInput): number {
    return base.dims[this.#axisOf(name)]!;
  }

  #firstRowOf(input: SampleInput): Tensor {
    const axis = this.#axisOf(input.name);
    if (this.#rowsOf(input) >= this.#rows) return firstRows(input.base, axis, this.#rows);
    return zeros(input.base.type, input.base.dims.with(axis, this.#rows));
  }
}

function firstRows(tensor: Tensor, axis: number, count: number): Tensor {
  const rest = tensor.dims[axis]! - count;
  return rest === 0 ? tensor : unstack(tensor, axis, [count, rest])[0]!;
}

const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);

function noteVaried(tensors: Tensors, before: Tensors, varied: Set<string>): void {
  for (const name in tensors) {
    const tensor = tensors[name]!;
    if (isEmpty(tensor) || !isSame(tensor, before[name])) varied.add(name);
  }
}

/** Which samples of a pool run together, and in which order: nobody must change what comes before, or after. */
function ordersOf(max: number): readonly (readonly number[])[] {
  const all = Array.from({ length: Math.min(POOL, max) }, (_, place) => place);
  const most = Array.from({ length: max }, (_, index) => index + 1);
  return [[0, 1], [2, 1, 0], all.toReversed(), most].filter(({ length }) => length <= max);
}

function bytesOf(samples: readonly Sample[]): number {
  const tensors = samples.flatMap(({ inputs, alone }) => [...Object.values(inputs), ...Object.values(alone)]);
  return tensors.reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
}
