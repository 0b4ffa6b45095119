// The metrics page: what stands on it from the start, and what the moments of a prediction do to it.

import { describe, expect, test } from '@jest/globals';
import {
  COUNTERS,
  HISTOGRAMS,
  INVALID_REASONS,
  OUTCOMES,
  REFUSAL_REASONS,
} from '../../src/metrics/definitions.js';
import { createMetrics, type Metrics, type MetricsOptions } from '../../src/metrics/metrics.js';
import { RESTART_REASONS, type Snapshot } from '../../src/observer.js';
import {
  type MetricsPage,
  readMetricsPage,
  samplesOf,
  sampleValue,
  sumOf,
} from '../support/prometheus-text.js';
import { snapshotOf } from '../support/snapshots.js';

function metricsOf(options: Partial<MetricsOptions> = {}): Metrics {
  return createMetrics({ snapshot: () => snapshotOf(), models: ['digits'], ...options });
}

async function pageOf(metrics: Metrics): Promise<MetricsPage> {
  const page = readMetricsPage(Buffer.concat(await metrics.render()).toString());
  expect(page.problems).toEqual([]);
  return page;
}

/** The smallest bucket that holds the only observation. */
function bucketOf(page: MetricsPage, name: string): string | undefined {
  return samplesOf(page, `${name}_bucket`).find(({ value }) => value === 1)?.labels.le;
}

describe('from the start', () => {
  test('the page is valid, and says so in its content type', async () => {
    const metrics = metricsOf();
    await pageOf(metrics);
    expect(metrics.contentType).toBe('text/plain; version=0.0.4; charset=utf-8');
  });

  test('every outcome of every model stands at zero, and of predictions without a known one', async () => {
    const page = await pageOf(metricsOf({ models: ['digits', 'faces'] }));
    for (const model of ['digits', 'faces', '']) {
      for (const outcome of OUTCOMES) {
        expect(sampleValue(page, 'oneslot_predictions_total', { model, outcome })).toBe(0);
      }
    }
  });

  test('a model shows the times of what goes well; those of other ends follow with the first one', async () => {
    const metrics = metricsOf({ models: ['digits'] });
    const countOf = (page: MetricsPage, outcome: string) =>
      sampleValue(page, 'oneslot_prediction_seconds_count', { model: 'digits', outcome });
    const before = await pageOf(metrics);
    expect(OUTCOMES.filter((outcome) => countOf(before, outcome) === 0)).toEqual(['completed']);
    expect(samplesOf(before, 'oneslot_batch_size_count')).toEqual([]);
    metrics.observer.ended('digits', 'expired', 3);
    const after = await pageOf(metrics);
    expect([countOf(after, 'completed'), countOf(after, 'expired')]).toEqual([0, 1]);
  });

  test('a thousand models take at most eighty series each', async () => {
    const models = Array.from({ length: 1000 }, (_, index) => `model-${index}`);
    const page = await pageOf(metricsOf({ models }));
    const series = page.families.flatMap(({ samples }) => samples);
    expect(series.length).toBeLessThan(80_000);
  });

  test('every reason to refuse, of mistakes and to restart the runner stands at zero', async () => {
    const page = await pageOf(metricsOf());
    expect(samplesOf(page, 'oneslot_refusals_total').map(({ labels }) => labels.reason)).toEqual(
      REFUSAL_REASONS,
    );
    expect(REFUSAL_REASONS).toEqual(
      expect.arrayContaining(['queue_full', 'deadline_unattainable', 'draining']),
    );
    expect(REFUSAL_REASONS).not.toContain('run_failed');
    const mistakes = samplesOf(page, 'oneslot_invalid_total');
    expect(mistakes.map(({ labels }) => labels.reason)).toEqual(INVALID_REASONS);
    expect(INVALID_REASONS).toEqual(expect.arrayContaining(['invalid_input', 'body_too_large']));
    const restarts = samplesOf(page, 'oneslot_runner_restarts_total');
    expect(restarts.map(({ labels }) => labels.reason)).toEqual([...RESTART_REASONS]);
    expect(
      [...restarts, ...mistakes, ...samplesOf(page, 'oneslot_refusals_total')].every(
        ({ value }) => value === 0,
      ),
    ).toBe(true);
  });

  test('what is called as a counter is one, and counters are called so', async () => {
    const { families } = await pageOf(metricsOf());
    const isTotal = ({ name }: { name: string }) => name.endsWith('_total');
    expect(families.filter(isTotal).filter(({ type }) => type !== 'counter')).toEqual([]);
    expect(families.filter((family) => family.type === 'counter' && !isTotal(family))).toEqual([]);
    expect(families.some(({ name }) => name === 'nodejs_active_handles')).toBe(true);
  });

  test('runs are of known models only', async () => {
    const page = await pageOf(metricsOf());
    expect(sampleValue(page, 'oneslot_run_seconds_count', { model: 'digits' })).toBe(0);
    expect(sampleValue(page, 'oneslot_run_seconds_count', { model: '' })).toBeUndefined();
  });

  test('the versions that run are named', async () => {
    const [sample] = samplesOf(await pageOf(metricsOf()), 'oneslot_build_info');
    expect(sample).toEqual({
      name: 'oneslot_build_info',
      value: 1,
      labels: {
        version: expect.stringMatching(/^\d+\.\d+\.\d+/),
        node: process.versions.node,
        onnxruntime: expect.stringMatching(/^\d+\.\d+\.\d+/),
      },
    });
  });

  test('the process is there too, under the names that dashboards know', async () => {
    const page = await pageOf(metricsOf());
    expect(sampleValue(page, 'process_resident_memory_bytes')).toBeGreaterThan(1e6);
    expect(sampleValue(page, 'nodejs_eventloop_lag_p99_seconds')).toBeDefined();
  });
});

test('models that become known later get their series, and keep what they have when named twice', async () => {
  const metrics = metricsOf({ models: [] });
  metrics.addModels(['digits']);
  metrics.observer.ended('digits', 'completed', 0.01);
  metrics.observer.runEnded('digits', 0.01);
  metrics.addModels(['digits', 'faces']);
  const page = await pageOf(metrics);
  expect(sampleValue(page, 'oneslot_predictions_total', { model: 'digits', outcome: 'completed' })).toBe(1);
  expect(sampleValue(page, 'oneslot_run_seconds_count', { model: 'digits' })).toBe(1);
  expect(sampleValue(page, 'oneslot_run_seconds_count', { model: 'faces' })).toBe(0);
});

test('two servers in one process count apart', async () => {
  const [one, other] = [metricsOf(), metricsOf()];
  one.observer.received('digits');
  expect(sampleValue(await pageOf(one), 'oneslot_predictions_received_total')).toBe(1);
  expect(sampleValue(await pageOf(other), 'oneslot_predictions_received_total')).toBe(0);
});

describe('gauges', () => {
  test('are the truth at the moment of the scrape', async () => {
    let present = snapshotOf();
    const metrics = metricsOf({ snapshot: () => present });
    expect(sampleValue(await pageOf(metrics), 'oneslot_running')).toBe(0);
    present = snapshotOf({
      receiving: 3,
      queued: 5,
      running: 2,
      slotBusy: true,
      queueBytes: 4096,
      sharedMemoryBytes: 0,
      backlogSeconds: 12.5,
      oldestQueuedSeconds: 7,
      runningSeconds: 1.25,
      ready: false,
      draining: true,
    });
    const page = await pageOf(metrics);
    const shown = Object.fromEntries(page.families.map(({ name, samples }) => [name, samples[0]?.value]));
    expect(shown).toMatchObject({
      oneslot_receiving: 3,
      oneslot_queue_depth: 5,
      oneslot_running: 2,
      oneslot_slot_busy: 1,
      oneslot_demand: 7,
      oneslot_queue_bytes: 4096,
      oneslot_queue_limit: 64,
      oneslot_backlog_seconds: 12.5,
      oneslot_oldest_queued_seconds: 7,
      oneslot_running_seconds: 1.25,
      oneslot_ready: 0,
      oneslot_draining: 1,
    });
  });

  test('forget a model that is gone', async () => {
    const loaded = { name: 'digits', version: '1', provider: 'cpu', loaded: true };
    let present = snapshotOf({ models: [loaded] });
    const metrics = metricsOf({ snapshot: () => present });
    const labels = { model: 'digits', version: '1', provider: 'cpu' };
    expect(sampleValue(await pageOf(metrics), 'oneslot_model_loaded', labels)).toBe(1);
    present = snapshotOf({ models: [{ ...loaded, version: '2', loaded: false }] });
    const page = await pageOf(metrics);
    expect(sampleValue(page, 'oneslot_model_loaded', labels)).toBeUndefined();
    expect(sampleValue(page, 'oneslot_model_loaded', { ...labels, version: '2' })).toBe(0);
  });

  test('are left out while the snapshot fails, and the rest of the page stays', async () => {
    const warnings: unknown[] = [];
    let snapshot = (): Snapshot => snapshotOf({ queued: 5 });
    const metrics = metricsOf({
      snapshot: () => snapshot(),
      log: { warn: (...warning) => warnings.push(warning) },
    });
    await pageOf(metrics);
    const failure = new Error('no snapshot');
    snapshot = () => {
      throw failure;
    };
    metrics.observer.received('digits');
    const page = await pageOf(metrics);
    expect(sampleValue(page, 'oneslot_queue_depth')).toBeUndefined();
    expect(sampleValue(page, 'oneslot_predictions_received_total')).toBe(1);
    expect(warnings).toEqual([
      [{ err: failure }, 'the gauges could not be read and are missing from this scrape'],
    ]);
    snapshot = () => snapshotOf({ queued: 4 });
    expect(sampleValue(await pageOf(metrics), 'oneslot_queue_depth')).toBe(4);
  });
});

describe('the moments of a prediction', () => {
  test('add up', async () => {
    const metrics = metricsOf();
    const { observer } = metrics;
    observer.received('digits');
    observer.offered('digits', 0.25);
    observer.received('digits');
    observer.offered('digits', 0.5);
    observer.runStarted('digits', 2, 0.0001);
    observer.started('digits', 0.01);
    observer.started('digits', 0.02);
    observer.runEnded('digits', 0.3);
    observer.ended('digits', 'completed', 0.4);
    observer.ended('digits', 'cancelled', 0.5);
    observer.runnerRestarted('crashed');
    const page = await pageOf(metrics);
    const digits = { model: 'digits' };
    expect(sampleValue(page, 'oneslot_predictions_received_total')).toBe(2);
    expect(sampleValue(page, 'oneslot_offered_seconds_total')).toBe(0.75);
    expect(sampleValue(page, 'oneslot_predictions_total', { ...digits, outcome: 'completed' })).toBe(1);
    expect(sampleValue(page, 'oneslot_predictions_total', { ...digits, outcome: 'cancelled' })).toBe(1);
    expect(sampleValue(page, 'oneslot_prediction_seconds_sum', { ...digits, outcome: 'completed' })).toBe(
      0.4,
    );
    expect(sampleValue(page, 'oneslot_queue_wait_seconds_sum', digits)).toBeCloseTo(0.03);
    expect(sampleValue(page, 'oneslot_queue_wait_seconds_count', digits)).toBe(2);
    expect(sampleValue(page, 'oneslot_run_seconds_sum', digits)).toBe(0.3);
    expect(sampleValue(page, 'oneslot_batch_size_sum', digits)).toBe(2);
    expect(sampleValue(page, 'oneslot_batch_size_count', digits)).toBe(1);
    expect(sampleValue(page, 'oneslot_slot_gap_seconds_sum')).toBe(0.0001);
    expect(sampleValue(page, 'oneslot_runner_restarts_total', { reason: 'crashed' })).toBe(1);
  });

  test('a run that followed no wait leaves no gap', async () => {
    const metrics = metricsOf();
    metrics.observer.runStarted('digits', 1, undefined);
    const page = await pageOf(metrics);
    expect(sampleValue(page, 'oneslot_slot_gap_seconds_count')).toBe(0);
    expect(sampleValue(page, 'oneslot_batch_size_count', { model: 'digits' })).toBe(1);
  });

  test('a refusal counts under its reason, and as an outcome', async () => {
    const metrics = metricsOf();
    metrics.observer.received('');
    metrics.observer.refused('unauthorized');
    metrics.observer.ended('', 'refused', 0.0002);
    const page = await pageOf(metrics);
    expect(sampleValue(page, 'oneslot_refusals_total', { reason: 'unauthorized' })).toBe(1);
    expect(sumOf(page, 'oneslot_refusals_total')).toBe(1);
    expect(sampleValue(page, 'oneslot_predictions_total', { model: '', outcome: 'refused' })).toBe(1);
  });

  test('refusals for lack of capacity are told apart from those whom no replica would let in', () => {
    const metrics = metricsOf();
    metrics.observer.refused('unauthorized');
    metrics.observer.refused('draining');
    metrics.observer.refused('queue_full');
    metrics.observer.refused('deadline_unattainable');
    expect(metrics.totals.refused).toBe(2);
  });

  test('a mistake of the caller counts under its reason, and neither as a failure nor as a refusal', async () => {
    const metrics = metricsOf();
    metrics.observer.received('digits');
    metrics.observer.invalid('invalid_input');
    metrics.observer.ended('digits', 'invalid', 0.0002);
    const page = await pageOf(metrics);
    expect(sampleValue(page, 'oneslot_invalid_total', { reason: 'invalid_input' })).toBe(1);
    expect(sumOf(page, 'oneslot_invalid_total')).toBe(1);
    expect(sumOf(page, 'oneslot_refusals_total')).toBe(0);
    expect(sumOf(page, 'oneslot_predictions_total', { outcome: 'failed' })).toBe(0);
    expect(metrics.totals).toEqual({ received: 1, refused: 0, failed: 0 });
  });

  test('a model that nobody announced is counted all the same', async () => {
    const metrics = metricsOf({ models: [] });
    metrics.observer.runEnded('late', 1);
    metrics.observer.ended('late', 'completed', 1);
    const page = await pageOf(metrics);
    expect(sampleValue(page, 'oneslot_run_seconds_count', { model: 'late' })).toBe(1);
    expect(sumOf(page, 'oneslot_predictions_total', { model: 'late' })).toBe(1);
  });

  test('a strange model name is quoted', async () => {
    const model = 'a "b"\\n{x="1"}\n';
    const page = await pageOf(metricsOf({ models: [model] }));
    expect(sampleValue(page, 'oneslot_run_seconds_count', { model })).toBe(0);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, -1])(
    'a time of %p breaks nothing and counts as none',
    async (seconds) => {
      const metrics = metricsOf();
      const { observer } = metrics;
      observer.offered('digits', seconds);
      observer.runStarted('digits', 1, seconds);
      observer.started('digits', seconds);
      observer.runEnded('digits', seconds);
      observer.ended('digits', 'completed', seconds);
      const page = await pageOf(metrics);
      expect(sampleValue(page, 'oneslot_offered_seconds_total')).toBe(0);
      expect(sampleValue(page, 'oneslot_run_seconds_sum', { model: 'digits' })).toBe(0);
      expect(sumOf(page, 'oneslot_prediction_seconds_count')).toBe(1);
    },
  );
});

describe('the busy time of the slot', () => {
  test('grows during a run', async () => {
    let slotBusySecondsTotal = 1.5;
    const metrics = metricsOf({ snapshot: () => snapshotOf({ slotBusySecondsTotal }) });
    expect(sampleValue(await pageOf(metrics), COUNTERS.slotBusySeconds.name)).toBe(1.5);
    slotBusySecondsTotal = 661.5;
    expect(sampleValue(await pageOf(metrics), COUNTERS.slotBusySeconds.name)).toBe(661.5);
  });

  test('never falls, for Prometheus would take that for a restart', async () => {
    let slotBusySecondsTotal = 10;
    const metrics = metricsOf({ snapshot: () => snapshotOf({ slotBusySecondsTotal }) });
    await metrics.render();
    slotBusySecondsTotal = 9.9999;
    expect(sampleValue(await pageOf(metrics), COUNTERS.slotBusySeconds.name)).toBe(10);
  });
});

describe('buckets', () => {
  test('tell runs of 1 ms, 30 ms, 1 s, 30 s and 660 s apart', async () => {
    const bounds = [0.001, 0.03, 1, 30, 660].map(async (seconds) => {
      const metrics = metricsOf();
      metrics.observer.runEnded('digits', seconds);
      return bucketOf(await pageOf(metrics), 'oneslot_run_seconds');
    });
    expect(await Promise.all(bounds)).toEqual(['0.001', '0.05', '1', '60', '900']);
  });

  test('tell gaps of 17 µs, 69 µs, 140 µs, 430 µs and 10 ms apart', async () => {
    const bounds = [17e-6, 69e-6, 140e-6, 430e-6, 0.01].map(async (seconds) => {
      const metrics = metricsOf();
      metrics.observer.runStarted('digits', 1, seconds);
      return bucketOf(await pageOf(metrics), 'oneslot_slot_gap_seconds');
    });
    expect(await Promise.all(bounds)).toEqual(['0.00002', '0.0001', '0.00015', '0.0005', '0.01']);
  });

  test.each(Object.values(HISTOGRAMS))('of $name ascend', ({ buckets }) => {
    expect(buckets).toEqual([...new Set(buckets)].sort((a, b) => a - b));
  });
});

describe('GPU gauges', () => {
  const labels = { gpu: '0' };

  test('show what is known, and leave out what is not', async () => {
    const gpu = { latest: () => [{ gpu: '0', memoryUsedBytes: 2048, utilizationRatio: 0.5 }] };
    const page = await pageOf(metricsOf({ gpu }));
    expect(sampleValue(page, 'oneslot_gpu_memory_used_bytes', labels)).toBe(2048);
    expect(sampleValue(page, 'oneslot_gpu_utilization_ratio', labels)).toBe(0.5);
    expect(samplesOf(page, 'oneslot_gpu_power_watts')).toEqual([]);
  });

  test('are gone when nvidia-smi no longer answers', async () => {
    let readings = [{ gpu: '0', powerWatts: 300 }];
    const metrics = metricsOf({ gpu: { latest: () => readings } });
    expect(sampleValue(await pageOf(metrics), 'oneslot_gpu_power_watts', labels)).toBe(300);
    readings = [];
    expect(samplesOf(await pageOf(metrics), 'oneslot_gpu_power_watts')).toEqual([]);
  });

  test('a source that throws takes only its own samples away', async () => {
    const warnings: string[] = [];
    const gpu = {
      latest: () => {
        throw new Error('broken');
      },
    };
    const page = await pageOf(
      metricsOf({ gpu, log: { warn: (_bindings, message) => warnings.push(message) } }),
    );
    expect(sampleValue(page, 'oneslot_queue_limit')).toBe(64);
    expect(warnings).toEqual(['the GPU gauges could not be read and are missing from this scrape']);
  });
});
