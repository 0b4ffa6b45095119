// The runner together with what decides which models it loads: as `oneslot serve` and `oneslot check` have it.

import type { Clock } from '../clock.js';
import type { Config } from '../config.js';
import { cpuLimit } from '../cpu-limit.js';
import type { Logger } from '../log.js';
import { DiskWatch } from '../model-repository/disk-watch.js';
import type { LoadReport } from '../model-repository/model.js';
import type { Models } from '../model-repository/models.js';
import { lookAt } from '../model-repository/repository.js';
import { OwnFiles } from '../own-files.js';
import type { AnswerRoom } from './answer-room.js';
import { Loader } from './loader.js';
import { Runner, type RunnerListener, type RunnerMemory } from './runner.js';

const REBUILT =
  'the files of this program are not those any more that the server was started from: restart it';

/** What the owner of the models is told. */
export interface HostListener
  extends Pick<RunnerListener, 'started' | 'answered' | 'ended' | 'lost' | 'loaded'> {
  /** Beside those that serve, the load of a model has begun; it may take so long. */
  loading(expectedMs: number | undefined): void;
  modelLoaded(report: LoadReport): void;
  modelFailed(name: string): void;
}

export interface HostOptions {
  readonly config: Pick<
    Config,
    'provider' | 'deviceId' | 'requireGpu' | 'intraOpThreads' | 'maxAnswerBytes' | 'loadTimeoutMs'
  >;
  readonly models: Models;
  readonly memory?: RunnerMemory | undefined;
  /** Left out, nothing is run. */
  readonly answers?: AnswerRoom;
  readonly clock: Clock;
  readonly log: Logger;
  /** Whether nothing is queued or runs. */
  readonly isIdle: () => boolean;
  readonly listener: HostListener;
}

export class ModelHost {
  readonly runner: Runner;
  readonly #loader: Loader;
  readonly #watch: DiskWatch;

  constructor(options: HostOptions) {
    const { config, models, memory, answers, clock, log, isIdle, listener } = options;
    const { provider, deviceId, requireGpu, maxAnswerBytes } = config;
    const intraOpThreads = config.intraOpThreads || (cpuLimit() ?? 0);
    const loader = new Loader({
      models,
      runner: () => this.runner,
      lookAt,
      clock,
      log,
      isIdle,
      onFailed: (name) => listener.modelFailed(name),
    });
    const modelCount = models.names.length;
    const ownFiles = new OwnFiles();
    this.#loader = loader;
    this.runner = new Runner({
      memory,
      answers,
      settings: { modelCount, provider, deviceId, requireGpu, intraOpThreads, maxAnswerBytes },
      async toLoad() {
        if (!(await ownFiles.areSame())) throw new Error(REBUILT);
        return await loader.forNewRunner();
      },
      loadTimeoutMs: config.loadTimeoutMs,
      log,
      listener: {
        started: (start) => listener.started(start),
        answered: (results, outputs) => listener.answered(results, outputs),
        ended: (end, outputs) => listener.ended(end, outputs),
        lost: (reason, message) => listener.lost(reason, message),
        loading: (name) => {
          loader.began(name);
          if (this.runner.state.kind === 'up') listener.loading(loader.expectedMs);
        },
        modelLoaded(report) {
          loader.loaded(report);
          listener.modelLoaded(report);
        },
        modelFailed: (name, failure, how) => loader.failed(name, failure, how),
        loaded() {
          loader.settled();
          listener.loaded();
        },
      },
    });
    this.#watch = new DiskWatch({ models, clock, log, onMended: (name) => loader.mended(name) });
  }

  start(): void {
    this.runner.start();
  }

  async stop(): Promise<void> {
    this.#watch.stop();
    this.#loader.stop();
    await this.runner.stop();
  }
}
