// The metrics page: one registry, and one consistent cut through all of it at each scrape.

import { setImmediate } from 'node:timers/promises';
import { collectDefaultMetrics, Registry } from 'prom-client';
import type { CallName, CallResult, LoadedModel, Observer, Snapshot } from '../observer.js';
import { type BuildInfo, buildInfo } from './build-info.js';
import { BUILD_INFO, GAUGES, GPU_GAUGES, MODEL_LOADED } from './definitions.js';
import { Gauges, gaugeOf } from './gauges.js';
import type { GpuReading, GpuSource } from './gpu-reading.js';
import { PredictionMetrics, type PredictionTotals } from './prediction-metrics.js';
import { GaugeFamily, type Pieces } from './series.js';
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
   * The page in Prometheus' text format, in UTF-8 and in pieces. All of oneslot's values on it are those of the moment of this call, so that
   * received = ended + receiving + queued + running + sending holds on every page. It is made a few milliseconds at a time.
   */
  render(): Promise<readonly Buffer[]>;
}

/** Gauges of prom-client's that are called as counters are; those by type beside them say the same. */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
];

/** Time that the making of a page takes before others have their turn. */
const TURN_MS = 2;

/** @returns metrics on a registry of their own. */
export function createMetrics(options: MetricsOptions): Metrics {
  const registry = new Registry();
  const predictions = new PredictionMetrics();
  predictions.addModels(options.models);
  const modelLoaded = new GaugeFamily(MODEL_LOADED, modelLabels);
  let models: readonly LoadedModel[] = [];
  const publishSnapshot = snapshotGauges(registry, options.snapshot, (present) => {
    models = present?.models ?? [];
    if (present !== undefined) predictions.slotBusy(present.slotBusySecondsTotal);
  });
  const publishGpu = gpuGauges(registry, options.gpu);
  gaugeOf(registry, BUILD_INFO).set({ ...(options.build ?? buildInfo()) }, 1);
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
  return {
    observer: predictions,
    contentType: registry.contentType,
    addModels: (models) => predictions.addModels(models),
    get totals() {
      return predictions.totals;
    },
    addCalls: (calls) => predictions.addCalls(calls),
    platformCalled: (call, result) => predictions.platformCalled(call, result),
    async render() {
      attempt('the gauges', publishSnapshot, options.log);
      attempt('the GPU gauges', publishGpu, options.log);
      // Every value is read before the first await: the registry's as it collects them, and those of the cut.
      const gauges = registry.metrics();
      const series = [modelLoaded.cut(models), ...predictions.cut()];
      return await textOf(series, await gauges);
    },
  };
}

async function textOf(families: readonly Pieces[], last: string): Promise<readonly Buffer[]> {
  const made: Buffer[] = [];
  let text = '';
  let turnEndsMs = performance.now() + TURN_MS;
  for (const pieces of families) {
    for (const piece of pieces) {
      text += piece;
      if (performance.now() < turnEndsMs) continue;
      made.push(Buffer.from(text));
      text = '';
      await setImmediate();
      turnEndsMs = performance.now() + TURN_MS;
    }
  }
  return [...made, Buffer.from(text), Buffer.from(last)];
}

/** @param rest told of what is shown otherwise; undefined where the snapshot fails */
function snapshotGauges(
  registry: Registry,
  snapshot: () => Snapshot,
  rest: (present: Snapshot | undefined) => void,
): () => void {
  const state = new Gauges(registry, GAUGES);
  return () => {
    // Cleared first: where the snapshot fails, no old values must stand for new ones.
    state.publish([]);
    rest(undefined);
    const present = snapshot();
    state.publish([present]);
    rest(present);
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
