// What the end of a run means for those whom it was for.

import { ServiceError } from '../errors.js';
import type { RestartReason } from '../observer.js';
import type { Prediction } from '../prediction.js';
import type { Death } from '../runner/death.js';
import type { PredictionId, RunResult } from '../runner/protocol.js';
import type { Tensors } from '../tensor.js';
import type { PresentRun } from './present-run.js';
import type { Suspects } from './suspects.js';

/** Gives each its own answer or error. */
export function settle(
  batch: readonly Prediction[],
  results: readonly RunResult[],
  outputs: ReadonlyMap<PredictionId, Tensors>,
): void {
  const byId = new Map(results.map((result) => [result.id, result]));
  for (const prediction of batch) {
    if (prediction.isSettled) continue;
    const result = byId.get(prediction.id)!;
    if (result.ok) prediction.complete(outputs.get(result.id) ?? {});
    else prediction.fail(runError(result));
  }
}

/** What made the device fail may be over with the next runner; what made the model fail is in the input. */
function runError({ code, message, fault }: Extract<RunResult, { ok: false }>): ServiceError {
  if (code !== 'run_failed') return new ServiceError(code, message);
  const told = fault === 'memory' ? `this input takes more memory than there is: ${message}` : message;
  return new ServiceError(code, told, { retryable: fault === 'device' });
}

/** After such an end every further run would fail too: the runner must be replaced before the next. */
export const hasLostDevice = (results: readonly RunResult[]): boolean =>
  results.some((result) => !result.ok && result.fault === 'device');

export interface LostRun {
  readonly run: PresentRun;
  readonly reason: RestartReason;
  readonly death: Death;
}

/**
 * A run was lost with its runner. Who ran alone has its error now; of those who ran together nobody knows who it was, so they
 * are to run once more, each alone.
 * @returns those
 */
export function settleLost({ run, reason, death }: LostRun, suspects: Suspects): readonly Prediction[] {
  if (reason === 'crashed' && !death.isFromOutside) suspects.accuse(run.batch, death.how);
  const runsAgain = (prediction: Prediction): boolean =>
    reason === 'crashed' && run.isShared && !prediction.isSettled && !suspects.isConvicted(prediction);
  const innocent = run.batch.filter(runsAgain);
  for (const prediction of run.batch) {
    if (prediction.isSettled || innocent.includes(prediction)) continue;
    const retryable = !suspects.isConvicted(prediction);
    prediction.fail(lostRunError(reason, death.how, { retryable }));
  }
  return innocent;
}

/** For those whose run was going on as the runner died. What it wrote is not told: that may be another caller's. */
function lostRunError(
  reason: RestartReason,
  how: string,
  options: { readonly retryable: boolean },
): ServiceError {
  switch (reason) {
    case 'run_timeout':
      return new ServiceError('run_timeout', 'the run took longer than it may and was ended');
    case 'cancelled':
      return new ServiceError('runner_crashed', 'the run was ended: nobody waited for it');
    case 'crashed':
    case 'device_error':
    case 'load_failed':
    case 'load_timeout':
      return new ServiceError('runner_crashed', `the runner ${how} during this run`, options);
  }
}

/** For one that was about to run each time when a runner died. */
export function suspectError(deaths: number): ServiceError {
  return new ServiceError(
    'runner_crashed',
    `${deaths} runners died one after the other as this was about to run`,
    {
      retryable: false,
    },
  );
}
