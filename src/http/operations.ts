// What operators and platforms read: health, readiness, metrics, the scaling signal, the models. None waits for a run.

import type { RequestHandler } from 'express';
import type { Clock } from '../clock.js';
import type { Estimator } from '../estimator/estimator.js';
import { failureText } from '../model-repository/failure-text.js';
import type { Model } from '../model-repository/model.js';
import type { ModelEntry, Models } from '../model-repository/models.js';
import type { Snapshot } from '../observer.js';
import type { Batching } from '../queue/batching.js';
import { BALANCER_HEADER, type BalancerQueue } from '../scaling/balancer-queue.js';
import { scalingReport } from '../scaling/scaling.js';
import { type GuideLimits, guideOf, serverUrl } from './model-guide.js';

export interface OperationsOptions {
  readonly snapshot: () => Snapshot;
  readonly models: Models;
  readonly estimator: Estimator;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly batching: Pick<Batching, 'report'>;
  readonly limits: GuideLimits;
  /** The port for predictions, where these routes have another one. */
  readonly predictionsPort: () => number | undefined;
  /** What keeps this replica from being ready; empty when it is. */
  readonly whyNotReady: () => readonly string[];
  /** Told of what a balancer says in its checks; left out, nobody is believed. */
  readonly balancerQueue: BalancerQueue | undefined;
}

/** The event loop answers: that is all that liveness means. */
export const healthz: RequestHandler = function healthz(_request, response) {
  response.json({ status: 'alive' });
};

/** Models loaded, runner up, not draining. Never a sign of being busy. */
export function readyz({ whyNotReady, models, balancerQueue }: OperationsOptions): RequestHandler {
  return function readyz(request, response) {
    balancerQueue?.hear(request.get(BALANCER_HEADER) ?? '');
    const reasons = whyNotReady();
    const isReady = reasons.length === 0;
    const notLoaded = models.entries.filter(({ state }) => state.kind === 'failed').map(failureText);
    response
      .status(isReady ? 200 : 503)
      .json({ ready: isReady, reasons, ...(notLoaded.length > 0 && { notLoaded }) });
  };
}

export function scaling({ snapshot }: OperationsOptions): RequestHandler {
  return function scaling(_request, response) {
    response.json(scalingReport(snapshot()));
  };
}

export function modelList(options: OperationsOptions): RequestHandler {
  return function modelList(_request, response) {
    response.json({ models: options.models.entries.map((entry) => describe(entry, options)) });
  };
}

/** What the list says of it, and what its callers need beside that. */
export function modelDetails(options: OperationsOptions): RequestHandler {
  const { models, limits, predictionsPort } = options;
  return function modelDetails(request, response) {
    const entry = models.get(String(request.params.model));
    const url = `${serverUrl(request.headers.host, predictionsPort())}/predict/${entry.name}`;
    const { state } = entry;
    const guide = state.kind === 'ready' ? guideOf(state.model, limits, url) : {};
    response.json({ ...describe(entry, options), ...guide });
  };
}

function describe(entry: ModelEntry, options: OperationsOptions): Record<string, unknown> {
  const { name, version, provider, state, changedOnDisk } = entry;
  if (state.kind === 'ready') return describeReady(state.model, changedOnDisk, options);
  return {
    name,
    version,
    provider,
    state: state.kind,
    ...(state.kind === 'failed' && failureOf(state, options)),
  };
}

type Failed = Extract<ModelEntry['state'], { kind: 'failed' }>;

function failureOf({ failure, retryAtMs }: Failed, { clock }: OperationsOptions): Record<string, unknown> {
  if (retryAtMs === undefined) return { reason: failure.reason };
  return { reason: failure.reason, retryInMs: Math.max(0, Math.round(retryAtMs - clock.nowMs())) };
}

function describeReady(
  model: Model,
  changedOnDisk: boolean,
  { estimator, batching: joining }: OperationsOptions,
): Record<string, unknown> {
  const { name, version, settings, signature, provider, nodes, loadMs } = model;
  const typical = estimator.typical(name);
  const batching = joining.report(name);
  return {
    name,
    version,
    state: 'ready',
    ...(changedOnDisk && { changedOnDisk }),
    ...(settings.description !== undefined && { description: settings.description }),
    inputs: signature.inputs,
    outputs: signature.outputs,
    ...(signature.leftOut !== undefined && { leftOut: signature.leftOut }),
    provider,
    providerFrom: settings.provider === undefined ? '--provider' : 'model.json',
    nodes,
    loadMs: Math.round(loadMs),
    ...(Object.keys(settings.dimensions).length > 0 && { dimensions: settings.dimensions }),
    ...(settings.emptyInputs.length > 0 && { emptyInputs: settings.emptyInputs }),
    ...(settings.batch !== undefined && { batch: settings.batch }),
    ...(batching !== undefined && { batching }),
    ...(settings.cost !== undefined && { cost: settings.cost }),
    ...(typical !== undefined && { runMs: { mean: round(typical.meanMs), sd: round(typical.sdMs) } }),
  };
}

const round = (ms: number): number => Math.round(ms * 1000) / 1000;
