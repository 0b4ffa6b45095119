// Which models join predictions, as of now. What was proved at load may turn out wrong in service: then the model's
// predictions run alone, until it is loaded from another file.

import type { BatchProved } from '../model-repository/model.js';
import type { Prediction } from '../prediction.js';

/** What of a load counts here. */
export interface LoadedBatching {
  readonly name: string;
  /** Another one where the model's file is another. */
  readonly stamp: string;
  /** Where the model declares batches. */
  readonly batch?: BatchProved;
}

/** As `GET /models` shows it. */
export type BatchingReport =
  | { readonly on: true; readonly proof: Omit<BatchProved, 'warnings'>; readonly checks: number }
  | { readonly on: false; readonly reason: string };

interface Entry {
  readonly stamp: string;
  readonly proof: Omit<BatchProved, 'warnings'>;
  checks: number;
  /** Why it was ended. */
  reason?: string;
}

export class Batching {
  readonly #entries = new Map<string, Entry>();
  /** The model of which a check runs: nobody is joined whose answers could turn out to be mixed. */
  #suspended: string | undefined;

  /** A runner has loaded these. */
  loaded(models: readonly LoadedBatching[]): void {
    for (const { name, stamp, batch } of models) {
      if (batch === undefined) this.#entries.delete(name);
      else if (this.#entries.get(name)?.stamp !== stamp) {
        const { samples, batches, largest } = batch;
        this.#entries.set(name, { stamp, proof: { samples, batches, largest }, checks: 0 });
      }
    }
  }

  /** Whether this one may share a run. */
  readonly joins = ({ model }: Prediction): boolean => this.#entries.get(model.name)?.reason === undefined;

  /** Whether it may share the run that is composed now. */
  readonly joinsNow = (prediction: Prediction): boolean =>
    prediction.model.name !== this.#suspended && this.joins(prediction);

  /** Whether the model's predictions are joined, but for the time of a check. */
  isOn(model: string): boolean {
    const entry = this.#entries.get(model);
    return entry !== undefined && entry.reason === undefined;
  }

  /** A check begins: until it is over, the model's predictions run alone. */
  suspend(model: string): void {
    this.#suspended = model;
  }

  /** @param passed undefined where the check came to nothing */
  resume(passed?: boolean): void {
    const entry = this.#entries.get(this.#suspended ?? '');
    if (entry !== undefined && passed) entry.checks += 1;
    this.#suspended = undefined;
  }

  end(model: string, reason: string): void {
    const entry = this.#entries.get(model);
    if (entry !== undefined) entry.reason = reason;
  }

  /** Undefined where the model declares no batches. */
  report(model: string): BatchingReport | undefined {
    const entry = this.#entries.get(model);
    if (entry === undefined) return undefined;
    const { reason, proof, checks } = entry;
    return reason === undefined ? { on: true, proof, checks } : { on: false, reason };
  }
}
