// Predictions as unit tests need them: of a made-up model, watched by a ledger.

import type { Clock } from '../../src/clock.js';
import { Ledger } from '../../src/ledger.js';
import type { Model, ModelSettings } from '../../src/model-repository/model.js';
import { Prediction, type Watcher, type Work } from '../../src/prediction.js';
import { silentObserver } from './observers.js';

export function model(name = 'm', settings: Partial<ModelSettings> = {}): Model {
  return {
    name,
    version: '1',
    path: `/nowhere/${name}/1/model.onnx`,
    settings: { sessionOptions: {}, labels: {}, dimensions: {}, emptyInputs: [], defaults: {}, ...settings },
    signature: {
      inputs: [{ name: 'x', type: 'float32', shape: ['n'] }],
      outputs: [{ name: 'y', type: 'float32', shape: ['n'] }],
    },
    provider: 'cpu',
    nodes: {},
    loadMs: 1,
  };
}

/** One that joins up to `max` rows in a run. */
export function batchableModel(name = 'b', max = 8): Model {
  return model(name, { batch: { max, axis: 0, inputs: {}, outputs: {} } });
}

export interface PredictionSetup {
  readonly clock: Clock;
  readonly model?: Model;
  readonly urgency?: number;
  readonly patienceMs?: number;
  readonly watcher?: Watcher;
  readonly bytes?: number;
  readonly client?: string;
}

let lastId = 0;

/** One whose body still arrives. */
export function receiving({ clock, ...setup }: PredictionSetup): Prediction {
  lastId += 1;
  return new Prediction({
    id: lastId,
    model: setup.model ?? model(),
    urgency: setup.urgency ?? 3,
    patienceMs: setup.patienceMs,
    bytes: setup.bytes ?? 4,
    client: setup.client,
    clock,
    watcher: setup.watcher ?? new Ledger(silentObserver, clock),
  });
}

/** One that waits, of one row. */
export function queued(setup: PredictionSetup, { rows = 1, cost }: WorkSetup = {}): Prediction {
  const prediction = receiving(setup);
  prediction.queued(workFor(prediction.model, { rows, ...(cost !== undefined && { cost }) }));
  return prediction;
}

export interface WorkSetup {
  readonly rows?: number;
  readonly cost?: number;
}

/** Where the model is batchable, all of its predictions may share a run. */
export function workFor({ name, settings }: Model, { rows = 1, cost }: WorkSetup = {}): Work {
  return {
    inputs: { x: { type: 'float32', dims: [rows], bytes: new Uint8Array(4 * rows) } },
    outputs: ['y'],
    workload: cost === undefined ? { elements: rows } : { elements: rows, cost },
    batchKey: settings.batch === undefined ? undefined : name,
    rows,
  };
}
