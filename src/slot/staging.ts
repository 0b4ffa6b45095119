// What the runner holds ahead of its time and which runs it was told to make of it. Data and decision travel apart: an input
// goes over once, and stays there until its run begins or its caller is gone; the decision goes as often as it changes.
// So nobody can be run twice, however messages cross: what was begun is not there any more.

import type { Model } from '../model-repository/model.js';
import type { Prediction } from '../prediction.js';
import type { PredictionId } from '../runner/protocol.js';
import type { Runner } from '../runner/runner.js';

type Runs = readonly (readonly Prediction[])[];

export class Staging {
  readonly #runner: Pick<Runner, 'stage' | 'plan' | 'drop'>;
  readonly #staged = new Map<PredictionId, Prediction>();
  /** Of all that was ever staged, to know the model of a run whose callers have all left. */
  readonly #models = new Map<string, Model>();
  /** What is left of the plan that it was told. */
  #told: Runs = [];

  constructor(runner: Pick<Runner, 'stage' | 'plan' | 'drop'>) {
    this.#runner = runner;
  }

  get size(): number {
    return this.#staged.size;
  }

  has(prediction: Prediction): boolean {
    return this.#staged.has(prediction.id);
  }

  /** These are the coming runs, in order; what was said before is void. */
  tell(runs: Runs): void {
    for (const prediction of runs.flat()) if (!this.has(prediction)) this.#stage(prediction);
    if (!isSamePlan(runs, this.#told)) this.#runner.plan(runs.map((run) => run.map(({ id }) => id)));
    this.#told = runs;
  }

  /** The runner has begun with these. Whoever is missing in the answer has left; it may have begun before it knew. */
  begun(ids: readonly PredictionId[]): Prediction[] {
    const begun = ids.map((id) => this.#staged.get(id)).filter((prediction) => prediction !== undefined);
    for (const id of ids) this.#staged.delete(id);
    this.#forget();
    return begun;
  }

  /** Nobody waits for it any more. Tell first who runs without it: in between, the runner must not be without a word. */
  drop(prediction: Prediction): void {
    if (!this.#staged.delete(prediction.id)) return;
    this.#runner.drop([prediction.id]);
    this.#forget();
  }

  /** The model of this name, as of those that were staged. */
  modelOf(name: string): Model {
    return this.#models.get(name)!;
  }

  /** The runner is gone, and all that it held. */
  clear(): void {
    this.#staged.clear();
    this.#told = [];
  }

  /** The runner passes over whoever is not staged, so the plan is what is left without them. */
  #forget(): void {
    const left = this.#told.map((run) => run.filter((prediction) => this.has(prediction)));
    this.#told = left.filter(({ length }) => length > 0);
  }

  #stage(prediction: Prediction): void {
    const { id, model, work } = prediction;
    this.#staged.set(id, prediction);
    this.#models.set(model.name, model);
    this.#runner.stage({ id, model: model.name, outputs: work.outputs }, work.inputs);
  }
}

const isSamePlan = (a: Runs, b: Runs): boolean =>
  a.length === b.length && a.every((run, index) => isSameRun(run, b[index]!));

const isSameRun = (a: Runs[number], b: Runs[number]): boolean =>
  a.length === b.length && a.every((prediction, index) => prediction === b[index]);
