// The models of the folder, by name, and what has become of each: the one owner of their states. None of them depends on
// another, but that the server starts only with those that it requires.

import { ServiceError } from '../errors.js';
import { type Listing, listed, noSuch } from '../nearest.js';
import type { LoadFailure, LoadReport, Model, ModelPlace, ProviderChoice } from './model.js';
import type { Repository } from './repository.js';

/** Which models must load for the server to start, and to be ready for the first time. */
export type Requirement = 'all' | 'any' | readonly string[];

export type ModelState =
  | { readonly kind: 'loading' }
  | { readonly kind: 'ready'; readonly model: Model }
  | {
      readonly kind: 'failed';
      readonly failure: LoadFailure;
      /** When it is tried again, on the clock of `monotonicMs`; undefined where nothing but other files can mend it. */
      readonly retryAtMs?: number;
    };

/** What a model is now. */
export interface ModelEntry extends Omit<ModelPlace, 'version'> {
  /** That is served or did not load; undefined where there is none. */
  readonly version?: string | undefined;
  readonly state: ModelState;
  /** That runs it or, where it never loaded, that was asked for. */
  readonly provider: ProviderChoice;
  /** Of the files that were loaded last or did not load; undefined where they could not even be read. */
  readonly stamp: string | undefined;
  /** Whether it has ever been ready: then its version stays. */
  readonly wasReady: boolean;
  /** Whether its files are not those any more that were loaded. */
  readonly changedOnDisk: boolean;
}

export interface ModelsOptions {
  readonly required: Requirement;
  readonly defaultModel: string | undefined;
  /** Of models that choose none. */
  readonly provider: ProviderChoice;
}

const LISTING: Listing = { whereAll: 'GET /models lists all' };

export class Models {
  /** In order. */
  readonly names: readonly string[];
  readonly #entries: Map<string, ModelEntry>;
  readonly #required: Requirement;
  readonly #defaultName: string | undefined;
  #isServing = false;

  /** @throws Error when the default model or a required one is none of these. */
  constructor({ models, bad }: Repository, { required, defaultModel, provider }: ModelsOptions) {
    const found = models.map(({ name, folder, version, stamp, settings }): ModelEntry => {
      const asked = settings.provider ?? provider;
      return { name, folder, version, stamp, provider: asked, ...UNTRIED, state: { kind: 'loading' } };
    });
    const unloadable = bad.map(({ failure, stamp, ...place }): ModelEntry => {
      return { ...place, stamp, provider, ...UNTRIED, state: { kind: 'failed', failure } };
    });
    const entries = [...found, ...unloadable].sort((a, b) => (a.name < b.name ? -1 : 1));
    this.#entries = new Map(entries.map((entry) => [entry.name, entry]));
    this.names = entries.map(({ name }) => name);
    this.#required = required;
    const named = typeof required === 'string' ? [] : required;
    for (const name of named) this.#check('--require-models', name);
    if (defaultModel !== undefined) this.#check('--default-model', defaultModel);
    this.#defaultName = defaultModel ?? (this.#entries.size === 1 ? this.names[0] : undefined);
  }

  /** All of them, in the order of their names. */
  get entries(): readonly ModelEntry[] {
    return [...this.#entries.values()];
  }

  entry(name: string): ModelEntry {
    return this.#entries.get(name)!;
  }

  /** Whether predictions are taken: from the moment on at which what is required was ready, whatever comes then. */
  get isServing(): boolean {
    return this.#isServing;
  }

  /** Those that keep the server from being ready: before it has been, each that is required; later, all or none. */
  get missing(): readonly ModelEntry[] {
    const { entries } = this;
    if (!this.#isServing && this.#required !== 'any') return entries.filter((each) => this.#isMissing(each));
    return entries.some(isReady) ? [] : entries;
  }

  /** Whether no further try can make the server start: what it requires has failed for good. */
  get isHopeless(): boolean {
    if (this.#isServing) return false;
    const { missing } = this;
    return this.#required === 'any' ? missing.length > 0 && missing.every(isLost) : missing.some(isLost);
  }

  /**
   * What is known of this model, or of the default one.
   * @param name undefined for the default model
   * @throws ServiceError `model_not_found`, or `bad_request` when there is no default.
   */
  get(name: string | undefined): ModelEntry {
    const wanted = name ?? this.#defaultName;
    const { names } = this;
    if (wanted === undefined) {
      throw new ServiceError(
        'bad_request',
        `name a model, as in /predict/${names[0]}; there are ${listed(names, LISTING)}`,
      );
    }
    const entry = this.#entries.get(wanted);
    if (entry !== undefined) return entry;
    throw new ServiceError('model_not_found', noSuch('model', wanted, names, LISTING));
  }

  /**
   * The value of the label `model` for a name that a caller gave, empty for the default model's: the name itself only
   * where there is such a model, as callers must not make series.
   */
  labelFor(name: string): string {
    const wanted = name === '' ? this.#defaultName : name;
    return wanted !== undefined && this.#entries.has(wanted) ? wanted : '';
  }

  /** What was read for this model fits what is loaded now: the same inputs, outputs and settings. */
  isCurrent(model: Model): boolean {
    const { state } = this.entry(model.name);
    return state.kind === 'ready' && (state.model === model || isSame(state.model, model));
  }

  /** The runner has loaded it. */
  ready({ name, stamp, signature, provider, nodes, loadMs, warmupShapes, ...found }: LoadedFiles): void {
    const { version, path, settings } = found;
    const loaded = {
      signature,
      provider,
      nodes,
      loadMs,
      ...(warmupShapes !== undefined && { warmupShapes }),
    };
    const model: Model = { name, version, path, settings, ...loaded };
    const state: ModelState = { kind: 'ready', model };
    this.#set(name, { version, provider, stamp, state, wasReady: true, changedOnDisk: false });
  }

  /** @param files that did not load */
  failed(
    name: string,
    failure: LoadFailure,
    { version, stamp }: FailedFiles,
    retryAtMs: number | undefined,
  ): void {
    const state: ModelState = { kind: 'failed', failure, ...(retryAtMs !== undefined && { retryAtMs }) };
    this.#set(name, { state, version, stamp, changedOnDisk: false });
  }

  /** Its files are or are not those that were loaded. */
  changed(name: string, changedOnDisk: boolean): void {
    this.#set(name, { changedOnDisk });
  }

  /** The runner is up with what it has loaded. Whether the server begins to serve with that. */
  settle(): boolean {
    if (this.#isServing || this.missing.length > 0) return false;
    this.#isServing = true;
    return true;
  }

  #set(name: string, changes: Partial<Omit<ModelEntry, 'version'>> & FailedFiles): void {
    this.#entries.set(name, { ...this.entry(name), ...changes });
  }

  #isMissing(entry: ModelEntry): boolean {
    const isRequired = this.#required === 'all' || this.#required.includes(entry.name);
    return isRequired && !isReady(entry);
  }

  #check(option: string, name: string): void {
    if (!this.#entries.has(name)) throw new Error(`${option}: ${noSuch('model', name, this.names)}`);
  }
}

interface FailedFiles {
  readonly version?: string | undefined;
  readonly stamp?: string | undefined;
}

/** What the runner reports of a model, and the files that it was told to load. */
export type LoadedFiles = LoadReport & Pick<Model, 'path' | 'settings'>;

const UNTRIED = { wasReady: false, changedOnDisk: false } as const;

const isReady = ({ state }: ModelEntry): boolean => state.kind === 'ready';
const isLost = ({ state }: ModelEntry): boolean => state.kind === 'failed' && state.failure.isPermanent;

function isSame(a: Model, b: Model): boolean {
  const contract = ({ version, signature, settings }: Model): string =>
    JSON.stringify([version, signature, settings]);
  return contract(a) === contract(b);
}
