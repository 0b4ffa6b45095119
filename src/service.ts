// The composition root: the rooms are built and joined here, in the order of the request's way. Start reading here.

import { Admission } from './admission/admission.js';
import { Forecast } from './admission/forecast.js';
import { type Cancel, systemClock } from './clock.js';
import { createCodecs } from './codecs/codecs.js';
import type { Config } from './config.js';
import { drain } from './drain.js';
import { Estimator } from './estimator/estimator.js';
import { ApiKeys } from './http/api-keys.js';
import { createAdminApp, createApp, type Routes } from './http/app.js';
import { connectionBudget } from './http/connection-budget.js';
import { EXTRA_CONNECTIONS } from './http/connections.js';
import { metricsPage } from './http/metrics-page.js';
import * as operations from './http/operations.js';
import { predictHandler } from './http/predict.js';
import { type Listening, listen } from './http/server.js';
import { Ledger } from './ledger.js';
import type { Logger } from './log.js';
import { NvidiaSmi } from './metrics/gpu.js';
import { createMetrics } from './metrics/metrics.js';
import { failureText, hopelessText } from './model-repository/failure-text.js';
import type { LoadReport } from './model-repository/model.js';
import { Models } from './model-repository/models.js';
import { findModels } from './model-repository/repository.js';
import type { Snapshot } from './observer.js';
import { Batching } from './queue/batching.js';
import { Positions } from './queue/positions.js';
import { Queue } from './queue/queue.js';
import { AnswerRoom } from './runner/answer-room.js';
import { ModelHost } from './runner/host.js';
import { InputMemory } from './runner/input-memory.js';
import type { RunnerMemory, RunnerState } from './runner/runner.js';
import { BalancerQueue } from './scaling/balancer-queue.js';
import { OrcaReport } from './scaling/orca-report.js';
import { BusyMeter } from './scaling/scaling.js';
import { Signals } from './scaling/signals.js';
import type { SpotNotice } from './scaling/spot-notice.js';
import { createSharedMemory } from './shared-memory.js';
import { BatchChecks } from './slot/batch-checks.js';
import { Slot } from './slot/slot.js';
import { Suspects } from './slot/suspects.js';

export interface Service {
  /** Where predictions are made, e.g. `http://127.0.0.1:8080`. */
  readonly url: string;
  /** Where operators look: the same, unless there is an admin port. */
  readonly adminUrl: string;
  /** The runner's process id, while there is one. */
  readonly runnerPid: number | undefined;
  snapshot(): Snapshot;
  /**
   * Resolves as soon as the models that are required are loaded. Rejects with an Error that lists all that are not, once
   * one of the required has failed for good before that; the server goes on and is not ready.
   */
  ready(): Promise<void>;
  /**
   * Refuses new work after `--drain-delay`, and resolves when all that was admitted is settled and the server closed:
   * with true, or with false where predictions or connections had to be cut.
   *
   * @param reason for the log
   * @param delay false: at once, where no balancer has to catch up
   */
  drain(reason: string, options?: { delay: boolean }): Promise<boolean>;
  /** Ends everything now. */
  stop(): Promise<void>;
}

export interface ServiceOutput {
  readonly log: Logger;
  /** Writes a line beside the log's. @default metrics for CloudWatch are written nowhere */
  readonly writeLine?: (line: string) => void;
}

/** Of a Spot instance's last two minutes, what answers need to be sent and processes to end. */
const SPOT_SPARE_MS = 10_000;

/** File descriptors that the admin port has to itself, so that probes there are answered whatever callers do. */
const ADMIN_CONNECTIONS = 32;

/** A process that can't end, in a driver that hangs, must not keep the server from ending. */
const LAST_PROCESSES_MS = 3000;

/**
 * Starts the server; it listens when this resolves, and is ready when its models are loaded.
 * Rejects with an Error that says what is wrong with the models folder, the keys file or the address.
 */
export async function startService(config: Config, { log, writeLine }: ServiceOutput): Promise<Service> {
  const clock = systemClock;
  const { requireModels: required, defaultModel, provider } = config;
  const repository = await findModels(config.modelsDir, (message) => log.warn(message));
  const models = new Models(repository, { required, defaultModel, provider });
  const estimator = new Estimator();
  const busyMeter = new BusyMeter(clock);
  const gpu = new NvidiaSmi({ clock, log });
  const metrics = createMetrics({ snapshot, models: models.names, gpu, log });
  const { observer } = metrics;
  const ledger = new Ledger(observer, clock);
  const codecs = createCodecs(config);

  const memory = runnerMemory(config.sharedMemoryBytes, log);

  let onReady: () => void = () => {};
  let onHopeless: (error: Error) => void = () => {};
  const ready = new Promise<void>((resolve, reject) => {
    onReady = resolve;
    onHopeless = reject;
  });
  // Whoever asks is told; nobody has to ask.
  ready.catch(() => {});

  const { maxAnswerBytes, answerBytes } = config;
  const answers = new AnswerRoom({ maxAnswerBytes, answerBytes, clock, isWanted: () => ledger.queued > 0 });
  ledger.onAnswerBytes((byBytes) => (byBytes > 0 ? answers.hold(byBytes) : answers.release(-byBytes)));

  const modelHost: ModelHost = new ModelHost({
    answers,
    config,
    models,
    memory,
    clock,
    log,
    isIdle: () => ledger.queued + ledger.running === 0,
    listener: {
      loading: (expectedMs) => slot.loading(expectedMs),
      modelLoaded(report) {
        const { name, warmup, batch } = report;
        batching.loaded([report]);
        if (batch !== undefined) observer.batchDeclared(name);
        for (const runMs of warmup?.runMs ?? []) estimator.observe(name, warmup!.workload, runMs);
        logModel(log, report);
        refuseOutdated(name);
      },
      modelFailed(name) {
        refuseOutdated(name);
        if (runner.state.kind === 'up') endIfHopeless();
      },
      loaded() {
        if (models.settle()) onReady();
        else endIfHopeless();
        slot.loaded();
      },
      started: (start) => slot.started(start),
      answered: (results, outputs) => slot.answered(results, outputs),
      ended: (end, outputs) => slot.ended(end, outputs),
      lost(reason, death) {
        observer.runnerRestarted(reason);
        slot.lost(reason, death);
      },
    },
  });
  const { runner } = modelHost;
  const suspects = new Suspects({ clock, forMs: config.quarantineMs, log });
  const batching = new Batching();
  const checks = new BatchChecks({ batching, estimator, observer, clock, log });
  const slot = new Slot({
    runner,
    estimator,
    observer,
    busyMeter,
    suspects,
    clock,
    batching,
    checks,
    hasRoom: () => answers.hasRoom,
    runTimeoutMs: config.runTimeoutMs,
  });
  answers.onRoom(() => slot.roomForAnswers());
  const queue: Queue = new Queue({
    ageMs: config.ageMs,
    clock,
    compose: () => slot.compose(),
    onTake: (batch) => slot.take(batch),
    onChange() {
      slot.lineChanged();
      positions.lineChanged();
    },
  });
  slot.serve(queue);
  checks.serve({ slot, queue });
  const forecast = new Forecast({ queue, slot, times: estimator, clock, joins: batching.joins });
  const positions = new Positions({ turns: () => forecast.turns(), clock });
  ledger.onSettled((prediction, phase) => {
    if (phase === 'receiving') admission.receiving.end(prediction);
    if (phase === 'queued') queue.leave(prediction);
    slot.settled(prediction);
  });

  const { maxBodyBytes, maxWaitMs, uploadTimeoutMs } = config;
  // An option without a default may be missing.
  const limits = { ...config, maxWaitMs };
  const admission: Admission = new Admission({
    limits,
    models,
    ledger,
    queue,
    forecast,
    estimator,
    observer,
    clock,
  });
  const balancerQueue = config.balancerQueue === 'trust' ? new BalancerQueue(clock) : undefined;
  const operationsOptions = {
    balancerQueue,
    batching,
    snapshot,
    models,
    estimator,
    clock,
    whyNotReady,
    limits: config,
    predictionsPort: () => (config.adminPort === undefined ? undefined : listening.port),
  };
  const routes: Routes = {
    predict: predictHandler({
      admission,
      answers,
      apiKeys: config.apiKeysFile === undefined ? undefined : await ApiKeys.fromFile(config.apiKeysFile),
      clock,
      codecs,
      inputMemory: memory?.inputs,
      ledger,
      limits: { maxBodyBytes },
      log,
      models,
      observer,
      positions,
      slot,
      suspects,
      urgency: config.urgency,
    }),
    healthz: operations.healthz,
    readyz: operations.readyz(operationsOptions),
    metrics: metricsPage(metrics),
    scaling: operations.scaling(operationsOptions),
    models: operations.modelList(operationsOptions),
    model: operations.modelDetails(operationsOptions),
  };

  const { host, port, adminPort, keepAliveTimeoutMs, maxConnections, sendTimeoutMs } = config;
  // Node's own time-out is only a net below ours, which can say what was missing.
  const requestTimeoutMs = uploadTimeoutMs + 10_000;
  const server = { host, keepAliveTimeoutMs, requestTimeoutMs, sendTimeoutMs, log };
  const { targetBacklogMs } = config;
  const orcaReport = new OrcaReport({ clock, snapshot, totals: () => metrics.totals, targetBacklogMs });
  const app = {
    log,
    isDraining: () => admission.isDraining,
    orcaReport: config.orcaReport ? () => orcaReport.header() : undefined,
  };
  const listening = await listen(createApp(routes, { ...app, withAdmin: adminPort === undefined }), {
    ...server,
    port,
    maxConnections: connectionBudget({ maxConnections, others: EXTRA_CONNECTIONS + ADMIN_CONNECTIONS }),
  });
  const admin =
    adminPort === undefined
      ? undefined
      : await listen(createAdminApp(routes, app), {
          ...server,
          port: adminPort,
          maxConnections: () => ADMIN_CONNECTIONS - EXTRA_CONNECTIONS,
        });
  const url = urlOf(listening);
  const adminUrl = urlOf(admin ?? listening);
  log.info({ url, adminUrl, models: models.names }, 'listening');
  modelHost.start();
  /** When a Spot instance is taken away, once that is known. */
  let leaveByMs: number | undefined;
  const signals = new Signals({
    config,
    clock,
    log,
    snapshot,
    demand: () => ledger.queued + ledger.running,
    totals: () => metrics.totals,
    count: (call, result) => metrics.platformCalled(call, result),
    addCalls: (calls) => metrics.addCalls(calls),
    writeLine: writeLine ?? (() => {}),
    onSpotNotice: (notice) => void leaveSpot(notice).catch((err) => log.error({ err }, 'drain failed')),
  });

  /** Whoever was read for what is not loaded any more. */
  function refuseOutdated(model: string): void {
    for (const prediction of [...queue.inOrder()]) {
      const refusal = prediction.model.name === model ? admission.refusalOf(prediction) : undefined;
      if (refusal !== undefined) prediction.fail(refusal);
    }
  }

  function endIfHopeless(): void {
    if (models.isHopeless) onHopeless(new Error(hopelessText(models.entries)));
  }

  function whyNotReady(): string[] {
    const reasons: string[] = [];
    if (admission.isDraining) reasons.push('draining');
    const { missing } = models;
    const failed = missing.filter(({ state }) => state.kind === 'failed');
    reasons.push(...failed.map(failureText));
    if (failed.length === 0 && missing.length > 0) reasons.push('the models are being loaded');
    if (runner.state.kind !== 'up') reasons.push(runnerText(runner.state));
    return reasons;
  }

  function snapshot(): Snapshot {
    const line = [...queue.inOrder()];
    const nowMs = clock.nowMs();
    const ready = whyNotReady().length === 0;
    // It is shared among those that the balancer may choose.
    const balancerQueued = ready ? (balancerQueue?.share ?? 0) : 0;
    const oldestMs = line.reduce((oldest, { queuedMs }) => Math.min(oldest, queuedMs), nowMs);
    return {
      receiving: ledger.receiving,
      uploads: admission.receiving.count,
      uploadLimit: config.uploadLimit,
      queued: ledger.queued,
      running: ledger.running,
      sending: ledger.sending,
      slotBusy: slot.run !== undefined,
      queueBytes: ledger.bytes,
      answerBytes: ledger.answerBytes,
      sharedMemoryBytes: memory?.inputs.used ?? 0,
      batchCheckBytes: checks.bytes,
      queueLimit: config.queueLimit,
      backlogSeconds: forecast.total.knownMs / 1000,
      balancerQueued,
      balancerSeconds: balancerQueued * busyMeter.typicalRunSeconds,
      oldestQueuedSeconds: (nowMs - oldestMs) / 1000,
      runningSeconds: (slot.run?.elapsedMs ?? 0) / 1000,
      slotBusySecondsTotal: busyMeter.totalSeconds,
      busyRatio: busyMeter.ratio,
      quarantinedInputs: suspects.quarantined,
      ready,
      draining: admission.isDraining,
      models: models.entries.map(({ name, version = '', provider, state }) => {
        return { name, version, provider, loaded: state.kind === 'ready' };
      }),
    };
  }

  /** A notice cuts the time short, and leaves none for balancers to catch up. */
  function drainTimes(delay: boolean): Pick<Config, 'drainDelayMs' | 'drainTimeoutMs'> {
    const { drainTimeoutMs, drainDelayMs } = config;
    if (leaveByMs === undefined) return { drainTimeoutMs, drainDelayMs: delay ? drainDelayMs : 0 };
    const leftMs = Math.max(0, leaveByMs - clock.nowMs());
    return { drainTimeoutMs: Math.min(drainTimeoutMs, leftMs), drainDelayMs: 0 };
  }

  /** The process stays and refuses: one that ended would only be started again on the same instance. */
  async function leaveSpot({ action, leftMs }: SpotNotice): Promise<void> {
    log.warn({ action, leftMs, ...pick(snapshot()) }, 'draining: EC2 takes this instance away');
    leaveByMs = clock.nowMs() + Math.max(0, leftMs - SPOT_SPARE_MS);
    const failsLateRun = true;
    await drain({ config: drainTimes(false), admission, forecast, queue, ledger, clock, log, failsLateRun });
    log.info('drained: refuses until it is ended');
  }

  /** Gives how many connections were cut. */
  async function close(how: 'close' | 'destroy'): Promise<number> {
    signals.stop();
    const servers: readonly (Listening | undefined)[] = [listening, admin];
    const [cut = 0, cutOfAdmin = 0] = await Promise.all(servers.map((server) => server?.[how]()));
    gpu.stop();
    checks.stop();
    await within(LAST_PROCESSES_MS, Promise.all([modelHost.stop(), codecs.close()]));
    return cut + cutOfAdmin;
  }

  return {
    url,
    adminUrl,
    get runnerPid() {
      return runner.pid;
    },
    snapshot,
    ready: () => ready,
    async drain(reason, { delay } = { delay: true }) {
      log.info({ reason, ...pick(snapshot()) }, 'draining');
      const lost = await drain({ config: drainTimes(delay), admission, forecast, queue, ledger, clock, log });
      const cut = await close('close');
      if (cut > 0)
        log.warn({ connections: cut }, 'closed: requests that were not whole or answers not taken');
      return lost + cut === 0;
    },
    async stop() {
      await close('destroy');
    },
  };
}

/** Resolves when the promise does, or when the time is over. */
async function within(ms: number, promise: Promise<unknown>): Promise<void> {
  let cancel: Cancel | undefined;
  const timeout = new Promise<void>((resolve) => {
    cancel = systemClock.after(ms, resolve);
  });
  await Promise.race([promise, timeout]);
  cancel?.();
}

/** A literal IPv6 address stands in brackets (RFC 3986, 3.2.2). */
const urlOf = ({ host, port }: Listening): string =>
  `http://${host.includes(':') ? `[${host}]` : host}:${port}`;

/** Undefined where it is not wanted or can't be had: then large inputs take their time, and all else is the same. */
function runnerMemory(bytes: number, log: Logger): RunnerMemory | undefined {
  if (bytes === 0) return undefined;
  try {
    const shared = createSharedMemory(bytes);
    return { shared, inputs: new InputMemory(shared.bytes) };
  } catch (error) {
    log.info(
      { reason: (error as Error).message },
      'no memory to share with the runner: large inputs are sent to it',
    );
    return undefined;
  }
}

function runnerText(state: RunnerState): string {
  const kind = `runner ${state.kind.replace('_', ' ')}`;
  return 'failure' in state ? `${kind}: ${state.failure}` : kind;
}

function logModel(log: Logger, report: LoadReport): void {
  const { name, version, provider, nodes, loadMs, batch, warnings } = report;
  const proof = batch && {
    batch: { samples: batch.samples, batches: batch.batches, largest: batch.largest },
  };
  log.info({ model: name, version, provider, nodes, loadMs: Math.round(loadMs), ...proof }, 'model loaded');
  for (const warning of warnings) log.warn({ model: name }, warning);
}

const pick = ({ receiving, queued, running }: Snapshot) => ({ receiving, queued, running });
