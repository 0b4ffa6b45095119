// The rooms behind the HTTP server, wired as the service wires them, around a clock and a runner that the test moves.

import {
  Admission,
  type AdmissionLimits,
  type AdmissionOptions,
  type Arrival,
} from '../../src/admission/admission.js';
import { Forecast } from '../../src/admission/forecast.js';
import { ServiceError } from '../../src/errors.js';
import { Estimator } from '../../src/estimator/estimator.js';
import { Ledger } from '../../src/ledger.js';
import type { Model } from '../../src/model-repository/model.js';
import type { ModelEntry, ModelState } from '../../src/model-repository/models.js';
import type { Phase, Prediction } from '../../src/prediction.js';
import { Batching } from '../../src/queue/batching.js';
import { Positions } from '../../src/queue/positions.js';
import { Queue } from '../../src/queue/queue.js';
import { BusyMeter } from '../../src/scaling/scaling.js';
import { BatchChecks } from '../../src/slot/batch-checks.js';
import { Slot } from '../../src/slot/slot.js';
import { Suspects } from '../../src/slot/suspects.js';
import { FakeRunner } from './fake-runner.js';
import { ManualClock } from './manual-clock.js';
import { RecordingLog, RecordingObserver } from './observers.js';
import { model, type WorkSetup, workFor } from './predictions.js';

export interface RoomsOptions {
  readonly limits?: Partial<AdmissionLimits>;
  readonly ageMs?: number;
  readonly runTimeoutMs?: number;
  readonly models?: readonly Model[];
  /** Batches of these models were proved at load, so their answers are checked in service. @default of none */
  readonly proved?: readonly Model[];
}

const LIMITS: AdmissionLimits = {
  queueLimit: 64,
  queueBytes: 1e6,
  maxBodyBytes: 1e5,
  maxWaitMs: undefined,
  margin: 1.2,
  uploadLimit: 64,
  uploadTimeoutMs: 60_000,
  minUploadRate: 1000,
  uploadGraceMs: 5000,
};

/** What a test says of one that comes; the rest is as usual. */
export interface Coming extends WorkSetup {
  readonly model?: Model;
  readonly urgency?: number;
  readonly patienceMs?: number;
  /** @default 4; `undefined` where it is not known beforehand */
  readonly bodyBytes?: number | undefined;
  readonly client?: Arrival['client'];
}

export class Rooms {
  readonly clock = new ManualClock();
  readonly observer = new RecordingObserver();
  readonly estimator = new Estimator();
  readonly busyMeter = new BusyMeter(this.clock);
  readonly suspects = new Suspects({ clock: this.clock, forMs: 600_000, log: { warn() {} } });
  readonly runner = new FakeRunner(this.clock);
  readonly ledger = new Ledger(this.observer, this.clock);
  readonly batching = new Batching();
  readonly log = new RecordingLog();
  readonly checks = new BatchChecks({
    batching: this.batching,
    estimator: this.estimator,
    observer: this.observer,
    clock: this.clock,
    log: this.log,
  });
  readonly model: Model;
  readonly slot: Slot;
  readonly queue: Queue;
  readonly forecast: Forecast;
  readonly positions: Positions;
  readonly admission: Admission;
  /** Each that was settled, and the phase that it was in. */
  readonly settled: { readonly prediction: Prediction; readonly phase: Phase }[] = [];
  /** Those whose state is another than ready, by name. */
  readonly states = new Map<string, ModelState>();
  isServing = true;
  areAnswersRead = true;

  constructor({
    limits,
    ageMs = 30_000,
    runTimeoutMs = 900_000,
    models = [model()],
    proved = [],
  }: RoomsOptions = {}) {
    const { clock, observer, estimator, busyMeter, runner, ledger, batching, checks } = this;
    this.proved(proved, 'first file');
    // What runs again gets its answer again.
    runner.aliasOf = (id) => (id < 0 ? (checks.checkedId ?? id) : id);
    this.model = models[0]!;
    this.slot = new Slot({
      runner,
      estimator,
      observer,
      busyMeter,
      suspects: this.suspects,
      clock,
      batching,
      checks,
      runTimeoutMs,
    });
    this.queue = new Queue({
      ageMs,
      clock,
      compose: () => this.slot.compose(),
      onTake: (batch) => this.slot.take(batch),
      onChange: () => {
        this.slot.lineChanged();
        this.positions.lineChanged();
      },
    });
    const { slot, queue } = this;
    slot.serve(queue);
    checks.serve({ slot, queue });
    runner.serve(slot);
    this.forecast = new Forecast({ queue, slot, times: estimator, clock, joins: batching.joins });
    this.positions = new Positions({ turns: () => this.forecast.turns(), clock });
    ledger.onSettled((prediction, phase) => {
      this.settled.push({ prediction, phase });
      if (phase === 'receiving') this.admission.receiving.end(prediction);
      if (phase === 'queued') queue.leave(prediction);
      slot.settled(prediction);
    });
    this.admission = new Admission({
      limits: { ...LIMITS, ...limits },
      models: this.#models(models),
      ledger,
      queue,
      forecast: this.forecast,
      estimator,
      observer,
      clock,
    });
  }

  /** The runner has loaded these models from a file, and proved their batches. */
  proved(models: readonly Model[], stamp: string): void {
    const batch = { samples: 6, batches: 4, largest: 4, warnings: [] };
    this.batching.loaded(models.map(({ name }) => ({ name, stamp, batch })));
  }

  /** A prediction whose body still arrives. @throws ServiceError where it is refused. */
  admit({ model = this.model, urgency = 3, patienceMs, client, ...coming }: Coming = {}): Prediction {
    const bodyBytes = 'bodyBytes' in coming ? coming.bodyBytes : 4;
    return this.admission.admit({ model, urgency, patienceMs, bodyBytes, client });
  }

  /** The body of one is there. @throws ServiceError where it is refused. */
  enter(prediction: Prediction, work: WorkSetup = {}): Prediction {
    this.admission.whole(prediction);
    this.admission.enter(prediction, workFor(prediction.model, work), 4 * (work.rows ?? 1));
    return prediction;
  }

  /** One that comes and has its body with it. @throws ServiceError where it is refused. */
  come(coming: Coming = {}): Prediction {
    return this.enter(this.admit(coming), coming);
  }

  /** Runs of this model take so long. */
  teach(runMs: number, { model = this.model, rows = 1, cost }: Coming = {}): void {
    this.estimator.observe(
      model.name,
      workFor(model, { rows, ...(cost !== undefined && { cost }) }).workload,
      runMs,
    );
  }

  /** Lets pass what is due in this turn of the event loop, and delivers what is said meanwhile until all is said. */
  async settle(): Promise<void> {
    do {
      this.runner.deliver();
      await turn();
      this.#readAnswers();
    } while (this.runner.unread + this.runner.unheard > 0);
  }

  /** Callers take their answers at once, unless a test says otherwise. */
  #readAnswers(): void {
    if (!this.areAnswersRead) return;
    for (const prediction of this.ledger.open) if (prediction.phase === 'sending') prediction.answered();
  }

  /** The present run ends after so long, and whatever follows at once has followed. */
  async finish(afterMs = 0): Promise<void> {
    this.clock.advance(afterMs);
    await this.settle();
    this.runner.finish();
    await this.settle();
  }

  /** Ids of those who run. */
  get running(): readonly number[] {
    return this.slot.run?.batch.map(({ id }) => id) ?? [];
  }

  get line(): readonly number[] {
    return [...this.queue.inOrder()].map(({ id }) => id);
  }

  #models(models: readonly Model[]): AdmissionOptions['models'] {
    const entryOf = (model: Model): ModelEntry => {
      const state = this.states.get(model.name) ?? { kind: 'ready', model };
      const place = { name: model.name, folder: `/nowhere/${model.name}`, version: model.version };
      return { ...place, state, provider: 'cpu', stamp: '', wasReady: true, changedOnDisk: false };
    };
    const isServing = () => this.isServing;
    return {
      get isServing() {
        return isServing();
      },
      get missing() {
        return models.map(entryOf).filter(({ state }) => state.kind !== 'ready');
      },
      get: (name) => entryOf(models.find((each) => each.name === name) ?? models[0]!),
      isCurrent: (model) => {
        const state = this.states.get(model.name);
        return state === undefined || (state.kind === 'ready' && state.model === model);
      },
    };
  }
}

/** Rooms whose runner is up. */
export async function openRooms(options: RoomsOptions = {}): Promise<Rooms> {
  const rooms = new Rooms(options);
  rooms.runner.load();
  await rooms.settle();
  return rooms;
}

/** One turn of the event loop: microtasks, and what was put off to the end of the turn. */
export async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

/** What a call was refused with. @throws Error where it was not. */
export function refusalOf(call: () => unknown): ServiceError {
  try {
    call();
  } catch (thrown) {
    if (thrown instanceof ServiceError) return thrown;
    throw thrown;
  }
  throw new Error('expected a refusal, and there was none');
}
