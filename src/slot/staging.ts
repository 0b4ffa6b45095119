// What the runner holds ahead of its time and what it was told to run next. Data and decision travel apart: an input
// goes over once, and stays there until its run begins or its caller is gone; the decision goes as often as it changes.
// So nobody can be run twice, however messages cross: what was begun is not there any more.

import type { Model } from '../model-repository/model.js';
import type { Prediction } from '../prediction.js';
import type { PredictionId } from '../runner/protocol.js';
import type { Runner } from '../runner/runner.js';

export class Staging {
  readonly #runner: Pick<Runner, 'stage' | 'next' | 'drop'>;
  readonly #staged = new Map<PredictionId, Prediction>();
  /** Of all that was ever staged, to know the model of a run whose callers have all left. */
  readonly #models = new Map<string, Model>();
  #told: readonly Prediction[] = [];

  constructor(runner: Pick<Runner, 'stage' | 'next' | 'drop'>) {
    this.#runner = runner;
  }

  get size(): number {
    return this.#staged.size;
  }

  has(prediction: Prediction): boolean {
    return this.#staged.has(prediction.id);
  }

  /** These are the next run; what was said before is void. */
  tell(batch: readonly Prediction[]): void {
    for (const prediction of batch) if (!this.has(prediction)) this.#stage(prediction);
    if (!isSame(batch, this.#told)) this.#runner.next(batch.map(({ id }) => id));
    this.#told = batch;
  }

  /** The runner has begun with these. Whoever is missing in the answer has left; it may have begun before it knew. */
  begun(ids: readonly PredictionId[]): Prediction[] {
    const begun = ids.map((id) => this.#staged.get(id)).filter((prediction) => prediction !== undefined);
    for (const id of ids) this.#staged.delete(id);
    this.#told = [];
    return begun;
  }

  /** Nobody waits for it any more. Tell first who runs without it: in between, the runner must not be without a word. */
  drop(prediction: Prediction): void {
    if (this.#staged.delete(prediction.id)) this.#runner.drop([prediction.id]);
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

  #stage(prediction: Prediction): void {
    const { id, model, work } = prediction;
    this.#staged.set(id, prediction);
    this.#models.set(model.name, model);
    this.#runner.stage({ id, model: model.name, outputs: work.outputs }, work.inputs);
  }
}

const isSame = (a: readonly Prediction[], b: readonly Prediction[]): boolean =>
  a.length === b.length && a.every((prediction, index) => prediction === b[index]);
