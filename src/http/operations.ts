// What operators and platforms read: health, readiness, metrics, the scaling signal, the models. None waits for a run.

import type { RequestHandler } from 'express';
import type { Estimator } from '../estimator/estimator.js';
import type { Model } from '../model-repository/model.js';
import type { Models } from '../model-repository/models.js';
import type { Snapshot } from '../observer.js';
import { scalingReport } from '../scaling/scaling.js';

export interface OperationsOptions {
  readonly snapshot: () => Snapshot;
  readonly models: Models;
  readonly estimator: Estimator;
  /** What keeps this replica from being ready; empty when it is. */
  readonly whyNotReady: () => readonly string[];
}

/** The event loop answers: that is all that liveness means. */
export const healthz: RequestHandler = function healthz(_request, response) {
  response.json({ status: 'alive' });
};

/** Models loaded, runner up, not draining. Never a sign of being busy. */
export function readyz({ whyNotReady }: OperationsOptions): RequestHandler {
  return function readyz(_request, response) {
    const reasons = whyNotReady();
    response.status(reasons.length === 0 ? 200 : 503).json({ ready: reasons.length === 0, reasons });
  };
}

export function scaling({ snapshot }: OperationsOptions): RequestHandler {
  return function scaling(_request, response) {
    response.json(scalingReport(snapshot()));
  };
}

export function modelList({ models, estimator }: OperationsOptions): RequestHandler {
  return function modelList(_request, response) {
    response.json({ models: models.list().map((model) => describe(model, estimator)) });
  };
}

export function modelDetails({ models, estimator }: OperationsOptions): RequestHandler {
  return function modelDetails(request, response) {
    response.json(describe(models.get(String(request.params.model)), estimator));
  };
}

function describe(model: Model, estimator: Estimator): Record<string, unknown> {
  const { name, version, settings, signature, provider, nodes, loadMs } = model;
  const typical = estimator.typical(name);
  return {
    name,
    version,
    ...(settings.description !== undefined && { description: settings.description }),
    inputs: signature.inputs,
    outputs: signature.outputs,
    provider,
    providerFrom: settings.provider === undefined ? '--provider' : 'model.json',
    nodes,
    loadMs: Math.round(loadMs),
    ...(Object.keys(settings.dimensions).length > 0 && { dimensions: settings.dimensions }),
    ...(settings.batch !== undefined && { batch: settings.batch }),
    ...(settings.cost !== undefined && { cost: settings.cost }),
    ...(typical !== undefined && { runMs: { mean: round(typical.meanMs), sd: round(typical.sdMs) } }),
  };
}

const round = (ms: number): number => Math.round(ms * 1000) / 1000;
