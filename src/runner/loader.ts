// Which models the runner loads, and when: all of them into a new process, and one that has failed again, later and ever
// later, beside those that serve.
//
// A load holds the slot, as the runner has one thread for both. So a further try waits until nothing is queued or runs;
// after a minute in which that never was, it takes its turn between two runs. While others wait it may take as long as
// the longest of 10 s and twice what it, or replacing the runner, took before; then it is given up for this time, and the
// runner replaced without it. One whose load has ended the process is only tried again when nobody waits.

import type { Cancel, Clock } from '../clock.js';
import type { BadModel, FoundModel, LoadFailure, LoadReport, ModelPlace } from '../model-repository/model.js';
import type { ModelEntry, Models } from '../model-repository/models.js';
import { mayBeInWriting } from '../model-repository/stamp.js';
import type { Runner } from './runner.js';

export interface LoaderOptions {
  readonly models: Models;
  readonly runner: () => Pick<Runner, 'state' | 'load' | 'endLoad' | 'loadMs'>;
  /** What lies at a model's place now. Never rejects. */
  readonly lookAt: (place: ModelPlace) => Promise<FoundModel | BadModel | undefined>;
  readonly clock: Clock;
  readonly log: LoaderLog;
  /** Whether nothing is queued or runs. */
  readonly isIdle: () => boolean;
  /** Whoever waits for this model waits in vain. */
  readonly onFailed: (model: string) => void;
}

interface LoaderLog {
  warn(bindings: object, message: string): void;
  error(bindings: object, message: string): void;
}

/** What is known of a model's tries. */
interface Tries {
  /** In a row. */
  readonly failed: number;
  /** Runners in a row that ended as they loaded it. */
  readonly deaths: number;
  readonly dueMs: number;
}

const UNTRIED: Tries = { failed: 0, deaths: 0, dueMs: 0 };

const FIRST_RETRY_MS = 1_000;
/** Nobody is served meanwhile: what is tried disturbs none. */
const MAX_RETRY_CLOSED_MS = 30_000;
const MAX_RETRY_MS = 300_000;
const CHECK_MS = 250;
/** Overdue for so long, a load does not wait any more until nothing is queued. */
const OVERDUE_MS = 60_000;
const PATIENCE_MS = 10_000;
/** Of a model that was ready before: its callers wait, and more likely it is innocent. */
const DEATHS_AT_MOST = 3;
/** How many models are looked at on disk at once. */
const LOOKS = 16;

export class Loader {
  readonly #options: LoaderOptions;
  readonly #tries = new Map<string, Tries>();
  /** What a load of this model took last, whether it loaded or not. */
  readonly #tookMs = new Map<string, number>();
  /** As they lay on disk when the runner was told to load them. */
  readonly #found = new Map<string, FoundModel>();
  #current: { readonly name: string; readonly sinceMs: number } | undefined;
  /** On its way to the runner. */
  #isTrying = false;
  #isStopped = false;
  #cancelCheck: Cancel | undefined;

  constructor(options: LoaderOptions) {
    this.#options = options;
  }

  /** How long the load that goes on took last; undefined where it is not known. */
  get expectedMs(): number | undefined {
    return this.#current && this.#tookMs.get(this.#current.name);
  }

  /** What a new runner loads; the suspects last, so that they cost the others nothing when they end it again. */
  async forNewRunner(): Promise<readonly FoundModel[]> {
    this.#isTrying = false;
    const { entries } = this.#options.models;
    const found: FoundModel[] = [];
    for (let from = 0; from < entries.length; from += LOOKS) {
      const looks = entries.slice(from, from + LOOKS).map((entry) => this.#lookIfWanted(entry));
      found.push(...(await Promise.all(looks)).filter((model) => model !== undefined));
    }
    const deaths = ({ name }: FoundModel): number => this.#tries.get(name)?.deaths ?? 0;
    return found.sort((a, b) => deaths(a) - deaths(b));
  }

  began(name: string): void {
    this.#current = { name, sinceMs: this.#options.clock.nowMs() };
  }

  loaded(report: LoadReport): void {
    const { models, log } = this.#options;
    const { name } = report;
    this.#ended(name);
    this.#tries.delete(name);
    const { wasReady, stamp, state } = models.entry(name);
    models.ready({ ...this.#found.get(name)!, ...report });
    if (wasReady && (stamp !== report.stamp || state.kind === 'failed')) {
      const { version } = report;
      const what = stamp === report.stamp ? 'model loaded again' : CHANGED;
      log.warn({ model: name, version }, what);
    }
  }

  failed(name: string, failure: LoadFailure, { endedRunner }: { readonly endedRunner: boolean }): void {
    const { models } = this.#options;
    this.#ended(name);
    const tries = this.#countFailure(name, endedRunner);
    if (endedRunner && models.entry(name).wasReady && tries.deaths < DEATHS_AT_MOST) return;
    const found = this.#found.get(name)!;
    const isPermanent = failure.isPermanent && !mayBeInWriting(found.changedAtMs);
    this.#fail(name, { ...failure, isPermanent }, found);
  }

  /** Its files are not those any more with which it failed. */
  mended(name: string): void {
    this.#tries.set(name, { failed: 0, deaths: 0, dueMs: this.#options.clock.nowMs() });
    this.check();
  }

  /** Tries what is due, and looks again as long as anything may become due. */
  check(): void {
    this.#cancelCheck?.();
    if (this.#isStopped) return;
    const { clock } = this.#options;
    this.#endWhatTakesTooLong();
    const due = this.#due();
    if (due !== undefined) void this.#tryAgain(due);
    if (this.#tries.size > 0) this.#cancelCheck = clock.after(CHECK_MS, () => this.check());
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelCheck?.();
  }

  /** What has failed for good is worth a try only with other files; what has failed for now, when it is due. */
  async #lookIfWanted(entry: ModelEntry): Promise<FoundModel | undefined> {
    if (entry.state.kind !== 'failed') return await this.#look(entry);
    const { failed, deaths, dueMs } = this.#tries.get(entry.name) ?? UNTRIED;
    const isDue = deaths === 0 && dueMs <= this.#options.clock.nowMs();
    if (failed > 0 || !entry.state.failure.isPermanent) return isDue ? await this.#look(entry) : undefined;
    const found = await this.#options.lookAt(placeOf(entry));
    if (found === undefined || 'failure' in found || found.stamp === entry.stamp) return undefined;
    this.#found.set(found.name, found);
    return found;
  }

  async #look(entry: ModelEntry): Promise<FoundModel | undefined> {
    const { name, folder } = entry;
    const place = placeOf(entry);
    const found = await this.#options.lookAt(place);
    if (found !== undefined && !('failure' in found)) {
      const isSuspect = (this.#tries.get(name)?.deaths ?? 0) > 0;
      const wanted = isSuspect ? { ...found, onlyGivenInputs: true } : found;
      this.#found.set(name, wanted);
      return wanted;
    }
    this.#countFailure(name, false);
    const gone = {
      reason: `there is no model in ${folder} any more`,
      told: 'its files are gone',
      isPermanent: true,
    };
    this.#fail(name, found?.failure ?? gone, found ?? place);
    return undefined;
  }

  #countFailure(name: string, endedRunner: boolean): Tries {
    const { models, clock } = this.#options;
    const before = this.#tries.get(name) ?? UNTRIED;
    const most = models.isServing ? MAX_RETRY_MS : MAX_RETRY_CLOSED_MS;
    const tries = {
      failed: before.failed + 1,
      deaths: endedRunner ? before.deaths + 1 : 0,
      dueMs: clock.nowMs() + Math.min(most, FIRST_RETRY_MS * 2 ** before.failed),
    };
    this.#tries.set(name, tries);
    return tries;
  }

  #fail(name: string, failure: LoadFailure, files: Pick<BadModel, 'version' | 'stamp'>): void {
    const { models, clock, log, onFailed } = this.#options;
    const { reason, isPermanent } = failure;
    if (isPermanent) this.#tries.delete(name);
    const tries = this.#tries.get(name);
    models.failed(name, failure, files, tries?.dueMs);
    const again = tries && { attempts: tries.failed, retryMs: Math.round(tries.dueMs - clock.nowMs()) };
    log.error({ model: name, reason, ...again }, 'model not loaded');
    onFailed(name);
    this.check();
  }

  #ended(name: string): void {
    if (this.#current?.name !== name) return;
    this.#tookMs.set(name, this.#options.clock.nowMs() - this.#current.sinceMs);
    this.#current = undefined;
  }

  #due(): ModelEntry | undefined {
    const { models, runner, clock, isIdle } = this.#options;
    if (this.#isTrying || this.#current !== undefined || runner().state.kind !== 'up') return undefined;
    const nowMs = clock.nowMs();
    for (const [name, { dueMs, deaths }] of this.#tries) {
      const entry = models.entry(name);
      if (entry.state.kind !== 'failed' || dueMs > nowMs) continue;
      if (isIdle() || (deaths === 0 && dueMs + OVERDUE_MS <= nowMs)) return entry;
    }
    return undefined;
  }

  async #tryAgain(entry: ModelEntry): Promise<void> {
    this.#isTrying = true;
    const found = await this.#look(entry);
    // A runner that has been replaced meanwhile loads what is due by itself.
    const isUp = this.#options.runner().state.kind === 'up';
    if (found !== undefined && isUp) this.#options.runner().load([found]);
    else this.#isTrying = false;
  }

  /** The runner has told of all that it was to load. */
  settled(): void {
    this.#isTrying = false;
    this.check();
  }

  /** Only beside those that serve: before the runner is up there is only the time-out. */
  #endWhatTakesTooLong(): void {
    const { runner, clock, isIdle } = this.#options;
    if (this.#current === undefined || runner().state.kind !== 'up' || isIdle()) return;
    const tookMs = this.#tookMs.get(this.#current.name) ?? 0;
    const mostMs = Math.max(PATIENCE_MS, 2 * tookMs, 2 * (runner().loadMs ?? 0));
    if (clock.nowMs() - this.#current.sinceMs <= mostMs) return;
    runner().endLoad(
      `its load was given up after ${Math.round(mostMs / 1000)} s, as others waited for the slot`,
    );
  }
}

/** Its version stays once it has served. */
function placeOf({ name, folder, version, wasReady }: ModelEntry): ModelPlace {
  return { name, folder, ...(wasReady && version !== undefined && { version }) };
}

const CHANGED =
  'the files of this model have changed since it was loaded; the new ones are served from now on';
