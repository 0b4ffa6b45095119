// Notices that files of a model are not those any more that are loaded, or that did not load. Nothing is loaded for it,
// but what failed: what serves goes on with what it has until its runner is replaced.

import type { Cancel, Clock } from '../clock.js';
import type { ModelEntry, Models } from './models.js';
import { stampOf } from './stamp.js';

export interface DiskWatchOptions {
  readonly models: Models;
  readonly clock: Clock;
  readonly log: { warn(bindings: object, message: string): void };
  /** The files of a model that did not load are others now. */
  readonly onMended: (model: string) => void;
}

const PERIOD_MS = 30_000;

export class DiskWatch {
  readonly #options: DiskWatchOptions;
  #cancel: Cancel = () => {};
  #isStopped = false;

  constructor(options: DiskWatchOptions) {
    this.#options = options;
    this.#wait();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel();
  }

  /** Looks now. Never rejects: what can't be read is looked at again later. */
  async look(): Promise<void> {
    for (const { name } of this.#options.models.entries) {
      const before = this.#options.models.entry(name);
      const stamp = await stampNow(before);
      const entry = this.#options.models.entry(name);
      // Loaded meanwhile: that look was at older files.
      if (stamp !== undefined && entry.stamp === before.stamp) this.#compare(entry, stamp);
    }
  }

  #compare({ name, state, stamp: known, changedOnDisk }: ModelEntry, stamp: string): void {
    const { models, log, onMended } = this.#options;
    const hasChanged = stamp !== known;
    if (state.kind === 'failed' && hasChanged && stamp !== GONE) onMended(name);
    if (state.kind !== 'ready' || hasChanged === changedOnDisk) return;
    models.changed(name, hasChanged);
    if (hasChanged) log.warn({ model: name }, CHANGED);
  }

  #wait(): void {
    this.#cancel = this.#options.clock.after(PERIOD_MS, () => {
      void this.look().then(() => {
        if (!this.#isStopped) this.#wait();
      });
    });
  }
}

const GONE = 'gone';

/** @returns undefined where it can't be told now. */
async function stampNow({ folder, version }: ModelEntry): Promise<string | undefined> {
  try {
    return await stampOf(folder, version);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? GONE : undefined;
  }
}

const CHANGED =
  'files of this model have changed on disk: what was loaded is served until the runner is replaced, then the new ones';
