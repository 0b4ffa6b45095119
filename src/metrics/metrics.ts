// The metrics page: one registry, and one consistent cut through all of it at each scrape.

import { collectDefaultMetrics, Registry } from 'prom-client';
import type { CallName, CallResult, LoadedModel, Observer, Snapshot } from '../observer.js';
import { type BuildInfo, buildInfo } from './build-info.js';
import { BUILD_INFO, GAUGES, GPU_GAUGES, MODEL_LOADED } from './definitions.js';
import { Gauges, gaugeOf } from './gauges.js';
import type { GpuReading, GpuSource } from './gpu-reading.js';
import { PredictionMetrics, type PredictionTotals } from './prediction-metrics.js';
import type { WarnLog } from './warn-log.js';

export interface MetricsOptions {
  /** The truth now; read once a scrape. */
  readonly snapshot: () => Snapshot;
  /** Names of the models known so far. */
  readonly models: readonly string[];
  readonly gpu?: GpuSource | undefined;
  /** @default what is installed */
  readonly build?: BuildInfo;
  /** Told what could not be read; the scrape goes on without it. */
  readonly log?: WarnLog;
}

export interface Metrics {
  /** What the rooms call; one to two microseconds for all the calls of one prediction. */
  readonly observer: Observer;
  /** Value of the page's Content-Type header. */
  readonly contentType: string;
  /** Shows the series of more models, at zero. */
  addModels(models: readonly string[]): void;
  /** Predictions since the start. */
  readonly totals: PredictionTotals;
  /** Shows the series of these platform calls, at zero. */
  addCalls(calls: readonly CallName[]): void;
  /** A platform call has ended. */
  platformCalled(call: CallName, result: CallResult): void;
  /**
   * The page in Prometheus' text format. All of oneslot's values on it are those of the moment of this call, so that
   * received = ended + receiving + queued + running holds on every page.
   */
  render(): Promise<string>;
}

/** @returns metrics on a registry of their own. */
export function createMetrics(options: MetricsOptions): Metrics {
  const registry = new Registry();
  const predictions = new PredictionMetrics(registry);
  predictions.addModels(options.models);
  const publishSnapshot = snapshotGauges(registry, predictions, options.snapshot);
  const publishGpu = gpuGauges(registry, options.gpu);
  gaugeOf(registry, BUILD_INFO).set({ ...(options.build ?? buildInfo()) }, 1);
  collectDefaultMetrics({ register: registry });
  return {
    observer: predictions,
    contentType: registry.contentType,
    addModels: (models) => predictions.addModels(models),
    get totals() {
      return predictions.totals;
    },
    addCalls: (calls) => predictions.addCalls(calls),
    platformCalled: (call, result) => predictions.platformCalled(call, result),
    render() {
      attempt('the gauges', publishSnapshot, options.log);
      attempt('the GPU gauges', publishGpu, options.log);
      predictions.publish();
      // Collects every value before its first await, and what is published above can't change after.
      return registry.metrics();
    },
  };
}

function snapshotGauges(
  registry: Registry,
  predictions: PredictionMetrics,
  snapshot: () => Snapshot,
): () => void {
  const state = new Gauges(registry, GAUGES);
  const models = new Gauges(registry, [MODEL_LOADED], modelLabels);
  return () => {
    // Cleared first: where the snapshot fails, no old values must stand for new ones.
    state.publish([]);
    models.publish([]);
    const present = snapshot();
    state.publish([present]);
    models.publish(present.models);
    predictions.slotBusy(present.slotBusySecondsTotal);
  };
}

function modelLabels({ name, version, provider }: LoadedModel) {
  return { model: name, version, provider };
}

function gpuGauges(registry: Registry, source: GpuSource | undefined): () => void {
  const gauges = new Gauges<GpuReading>(registry, GPU_GAUGES, ({ gpu }) => ({ gpu }));
  return () => {
    gauges.publish([]);
    gauges.publish(source?.latest() ?? []);
  };
}

/** A source that fails takes only its own samples off the page. */
function attempt(what: string, publish: () => void, log: WarnLog | undefined): void {
  try {
    publish();
  } catch (error) {
    log?.warn({ err: error }, `${what} could not be read and are missing from this scrape`);
  }
}
