// The models that are served, by name, as the runner has loaded them.

import { ServiceError } from '../errors.js';
import { type Listing, listed, noSuch } from '../nearest.js';
import type { LoadReport, Model, ModelFiles } from './model.js';

const LISTING: Listing = { whereAll: 'GET /models lists all' };

export class Models {
  readonly #files: readonly ModelFiles[];
  readonly #defaultName: string | undefined;
  #loaded: ReadonlyMap<string, Model> = new Map();
  /** What the last failed load died of. */
  #failure: string | undefined;

  /** @throws Error when the default model is none of these. */
  constructor(files: readonly ModelFiles[], defaultName: string | undefined) {
    this.#files = files;
    if (defaultName !== undefined && !files.some(({ name }) => name === defaultName)) {
      const names = files.map(({ name }) => name);
      throw new Error(`--default-model: ${noSuch('model', defaultName, names)}`);
    }
    this.#defaultName = defaultName ?? (files.length === 1 ? files[0]!.name : undefined);
  }

  get files(): readonly ModelFiles[] {
    return this.#files;
  }

  get areLoaded(): boolean {
    return this.#loaded.size > 0 && this.#failure === undefined;
  }

  get whyNotReady(): string | undefined {
    return this.#failure;
  }

  list(): readonly Model[] {
    return [...this.#loaded.values()];
  }

  /**
   * @param name undefined for the default model
   * @throws ServiceError `model_not_found`, or `bad_request` when there is no default.
   */
  get(name: string | undefined): Model {
    const wanted = name ?? this.#defaultName;
    const model = wanted === undefined ? undefined : this.#loaded.get(wanted);
    if (model !== undefined) return model;
    const names = this.#files.map((files) => files.name);
    if (wanted === undefined) {
      throw new ServiceError(
        'bad_request',
        `name a model, as in /predict/${names[0]}; there are ${listed(names, LISTING)}`,
      );
    }
    throw new ServiceError('model_not_found', noSuch('model', wanted, names, LISTING));
  }

  /**
   * The value of the label `model` for a name that a caller gave, empty for the default model's: the name itself only
   * where there is such a model, as callers must not make series.
   */
  labelFor(name: string): string {
    const wanted = name === '' ? this.#defaultName : name;
    return this.#files.find((files) => files.name === wanted)?.name ?? '';
  }

  loaded(reports: readonly LoadReport[]): void {
    this.#failure = undefined;
    this.#loaded = new Map(
      this.#files.map((files) => {
        const report = reports.find(({ name }) => name === files.name)!;
        const { signature, provider, nodes, loadMs } = report;
        return [files.name, { ...files, signature, provider, nodes, loadMs }];
      }),
    );
  }

  failed(reason: string): void {
    this.#failure = reason;
  }
}
