// Every metric of oneslot, once: name, help text, labels, buckets, and for a gauge what it is read from.

import { ERRORS, type ErrorCode, type Outcome } from '../errors.js';
import type { LoadedModel, Snapshot } from '../observer.js';
import type { GpuReading } from './gpu-reading.js';

export interface Definition {
  readonly name: `oneslot_${string}`;
  readonly help: string;
  readonly labels?: readonly string[];
}

export interface GaugeDefinition<Source> extends Definition {
  /** Undefined where the source does not know it; then the sample is left out. */
  readonly value: (source: Source) => number | undefined;
}

export interface HistogramDefinition extends Definition {
  /** Upper bounds, ascending. */
  readonly buckets: readonly number[];
}

/** Steps of about two, so that 1 ms, 30 ms, 1 s, 30 s and 660 s are told apart, up to the longest run by default. */
const SECONDS = [
  0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 120, 300, 600, 900,
];

/** From the hand-over between two threads (tens of µs) to a slot that stands idle by mistake. */
const GAP_SECONDS = [
  0.00001, 0.00002, 0.00005, 0.0001, 0.00015, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5,
];

const BATCH_SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256];

/** Each is read from the snapshot at a scrape. */
export const GAUGES: readonly GaugeDefinition<Snapshot>[] = [
  {
    name: 'oneslot_receiving',
    help: 'Predictions whose body arrives or is decoded.',
    value: ({ receiving }) => receiving,
  },
  {
    name: 'oneslot_uploads',
    help: 'Predictions whose body arrives and is not whole yet.',
    value: ({ uploads }) => uploads,
  },
  {
    name: 'oneslot_upload_limit',
    help: 'How many bodies may arrive at once.',
    value: ({ uploadLimit }) => uploadLimit,
  },
  {
    name: 'oneslot_queue_depth',
    help: 'Predictions waiting for the slot, without those that run.',
    value: ({ queued }) => queued,
  },
  {
    name: 'oneslot_quarantined_inputs',
    help: 'Inputs that are refused because they ended runners.',
    value: ({ quarantinedInputs }) => quarantinedInputs,
  },
  {
    name: 'oneslot_running',
    help: 'Predictions in the present run: 0, 1, or a batch.',
    value: ({ running }) => running,
  },
  {
    name: 'oneslot_sending',
    help: 'Predictions whose run has ended and whose answer is not handed over yet.',
    value: ({ sending }) => sending,
  },
  {
    name: 'oneslot_slot_busy',
    help: 'Whether a run is in progress: 0 or 1.',
    value: ({ slotBusy }) => Number(slotBusy),
  },
  {
    name: 'oneslot_demand',
    help: 'Predictions waiting or running.',
    value: ({ queued, running }) => queued + running,
  },
  {
    name: 'oneslot_balancer_queue',
    help: 'Share of this replica in what waits in the balancer, as far as it says so (--balancer-queue trust).',
    value: ({ balancerQueued }) => balancerQueued,
  },
  {
    name: 'oneslot_queue_bytes',
    help: 'Bytes held by receiving, waiting and running predictions.',
    value: ({ queueBytes }) => queueBytes,
  },
  {
    name: 'oneslot_answer_bytes',
    help: 'Bytes of the answers that are not handed over yet.',
    value: ({ answerBytes }) => answerBytes,
  },
  {
    name: 'oneslot_shared_memory_bytes',
    help: 'Bytes of the memory shared with the runner that inputs hold, those that the runner may still read included.',
    value: ({ sharedMemoryBytes }) => sharedMemoryBytes,
  },
  {
    name: 'oneslot_batch_check_bytes',
    help: 'Bytes held for the check of a batch.',
    value: ({ batchCheckBytes }) => batchCheckBytes,
  },
  {
    name: 'oneslot_queue_limit',
    help: 'How many predictions may wait at once.',
    value: ({ queueLimit }) => queueLimit,
  },
  {
    name: 'oneslot_backlog_seconds',
    help: 'Predicted time until all that wait or run now are done, as far as it is known.',
    value: ({ backlogSeconds }) => backlogSeconds,
  },
  {
    name: 'oneslot_oldest_queued_seconds',
    help: 'How long the one that waits longest has waited.',
    value: ({ oldestQueuedSeconds }) => oldestQueuedSeconds,
  },
  {
    name: 'oneslot_running_seconds',
    help: 'How long the present run has lasted.',
    value: ({ runningSeconds }) => runningSeconds,
  },
  {
    name: 'oneslot_ready',
    help: 'Whether this replica takes predictions: 0 or 1.',
    value: ({ ready }) => Number(ready),
  },
  {
    name: 'oneslot_draining',
    help: 'Whether this replica is shutting down: 0 or 1.',
    value: ({ draining }) => Number(draining),
  },
];

export const MODEL_LOADED: GaugeDefinition<LoadedModel> = {
  name: 'oneslot_model_loaded',
  help: 'Whether the runner has loaded the model: 0 or 1.',
  labels: ['model', 'version', 'provider'],
  value: ({ loaded }) => Number(loaded),
};

export const BUILD_INFO: Definition = {
  name: 'oneslot_build_info',
  help: 'Always 1; the labels say which versions run.',
  labels: ['version', 'node', 'onnxruntime'],
};

/** Each is read from what nvidia-smi said last. */
export const GPU_GAUGES: readonly GaugeDefinition<GpuReading>[] = [
  {
    name: 'oneslot_gpu_memory_used_bytes',
    help: 'GPU memory in use, by all processes.',
    labels: ['gpu'],
    value: ({ memoryUsedBytes }) => memoryUsedBytes,
  },
  {
    name: 'oneslot_gpu_memory_total_bytes',
    help: 'GPU memory installed.',
    labels: ['gpu'],
    value: ({ memoryTotalBytes }) => memoryTotalBytes,
  },
  {
    name: 'oneslot_gpu_utilization_ratio',
    help: 'Share of the last sample period in which a kernel ran, 0 to 1.',
    labels: ['gpu'],
    value: ({ utilizationRatio }) => utilizationRatio,
  },
  {
    name: 'oneslot_gpu_power_watts',
    help: 'Power drawn by the GPU board.',
    labels: ['gpu'],
    value: ({ powerWatts }) => powerWatts,
  },
  {
    name: 'oneslot_gpu_temperature_celsius',
    help: 'Temperature of the GPU core.',
    labels: ['gpu'],
    value: ({ temperatureCelsius }) => temperatureCelsius,
  },
];

export const COUNTERS = {
  received: {
    name: 'oneslot_predictions_received_total',
    help: 'Predictions whose headers have come.',
  },
  ended: {
    name: 'oneslot_predictions_total',
    help: 'Predictions that are over, by outcome.',
    labels: ['model', 'outcome'],
  },
  refused: {
    name: 'oneslot_refusals_total',
    help: 'Predictions refused, by the error code that their callers got.',
    labels: ['reason'],
  },
  invalid: {
    name: 'oneslot_invalid_total',
    help: 'Predictions that no replica could serve as they were sent, by the error code that their callers got.',
    labels: ['reason'],
  },
  slotBusySeconds: {
    name: 'oneslot_slot_busy_seconds_total',
    help: 'Time that the slot was in use, the present run included.',
  },
  offeredSeconds: {
    name: 'oneslot_offered_seconds_total',
    help: 'Estimated run time of all that came, refused ones too.',
  },
  runnerRestarts: {
    name: 'oneslot_runner_restarts_total',
    help: 'Times that the runner process was replaced, by reason.',
    labels: ['reason'],
  },
  batchChecks: {
    name: 'oneslot_batch_checks_total',
    help: 'Answers of batches that were checked by another run, alone.',
    labels: ['model'],
  },
  batchMismatches: {
    name: 'oneslot_batch_mismatches_total',
    help: 'Checked answers of batches that were others alone, and ended batching for their model.',
    labels: ['model'],
  },
  platformCalls: {
    name: 'oneslot_platform_calls_total',
    help: "Calls of the platform's endpoints that have ended, by result.",
    labels: ['call', 'result'],
  },
} as const satisfies Record<string, Definition>;

export const HISTOGRAMS = {
  queueWait: {
    name: 'oneslot_queue_wait_seconds',
    help: 'Time from decoded to running.',
    labels: ['model'],
    buckets: SECONDS,
  },
  run: {
    name: 'oneslot_run_seconds',
    help: 'Time that a run held the slot, once for a whole batch.',
    labels: ['model'],
    buckets: SECONDS,
  },
  prediction: {
    name: 'oneslot_prediction_seconds',
    help: 'Time from the headers of a prediction to its end, by outcome.',
    labels: ['model', 'outcome'],
    buckets: SECONDS,
  },
  slotGap: {
    name: 'oneslot_slot_gap_seconds',
    help: 'Time that the slot stood idle between two runs while something was waiting.',
    buckets: GAP_SECONDS,
  },
  batchSize: {
    name: 'oneslot_batch_size',
    help: 'Predictions served by one run.',
    labels: ['model'],
    buckets: BATCH_SIZES,
  },
} as const satisfies Record<string, HistogramDefinition>;

/** Written as a record so that the compiler misses none. */
const EVERY_OUTCOME: Record<Outcome, true> = {
  completed: true,
  failed: true,
  refused: true,
  invalid: true,
  expired: true,
  cancelled: true,
};

export const OUTCOMES = Object.keys(EVERY_OUTCOME) as readonly Outcome[];

const codesOf = (outcome: Outcome): readonly ErrorCode[] =>
  (Object.keys(ERRORS) as ErrorCode[]).filter((code) => ERRORS[code].outcome === outcome);

export const REFUSAL_REASONS = codesOf('refused');

/** Of the refusals those that more replicas would mend. */
export const CAPACITY_REASONS: readonly ErrorCode[] = [
  'queue_full',
  'queue_bytes_full',
  'deadline_unattainable',
];

export const INVALID_REASONS = codesOf('invalid');
