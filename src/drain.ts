// Leaving without losing anyone: readiness off, a while for balancers to notice, then only what was admitted.

import type { Admission } from './admission/admission.js';
import type { Forecast } from './admission/forecast.js';
import type { Cancel, Clock } from './clock.js';
import type { Config } from './config.js';
import { ServiceError } from './errors.js';
import type { Ledger } from './ledger.js';
import type { Logger } from './log.js';
import type { Prediction } from './prediction.js';
import type { Queue } from './queue/queue.js';

export interface DrainOptions {
  readonly config: Pick<Config, 'drainDelayMs' | 'drainTimeoutMs'>;
  readonly admission: Admission;
  readonly forecast: Forecast;
  readonly queue: Queue;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly log: Pick<Logger, 'warn'>;
  /** Fails a run that is predicted to end too late at once, so that its caller can begin anew. @default false */
  readonly failsLateRun?: boolean;
}

/**
 * Resolves when every caller has an answer and no run goes on, or at `--drain-timeout`.
 * Gives how many predictions were lost then.
 */
export async function drain(options: DrainOptions): Promise<number> {
  const { config, admission, ledger, clock, log } = options;
  admission.announceDrain();
  await new Promise<void>((resolve) => void clock.after(config.drainDelayMs, resolve));
  admission.drain(clock.nowMs() + config.drainTimeoutMs);
  if (options.failsLateRun === true) failLateRun(options);
  refuseWhatDoesNotFit(options);
  if (await isIdleWithin(config.drainTimeoutMs, options)) return 0;
  const lost = ledger.open.filter(({ isSettled, phase }) => !isSettled || phase === 'sending');
  log.warn({ open: ledger.open.length }, 'drain time-out: what is left is lost');
  for (const prediction of lost) {
    if (prediction.phase === 'sending') prediction.leave();
    else prediction.fail(lostError(prediction, config.drainTimeoutMs));
  }
  return lost.length;
}

/** Without an estimate it goes on: it may end in time. */
function failLateRun({ config, forecast, ledger }: DrainOptions): void {
  if (forecast.rest.knownMs <= config.drainTimeoutMs) return;
  const message = 'this replica shuts down before the run would end';
  for (const prediction of ledger.open) {
    if (prediction.phase === 'running') prediction.fail(new ServiceError('runner_crashed', message));
  }
}

/** Whoever can't be served in the time that is left is told at once, so that it can go elsewhere. */
function refuseWhatDoesNotFit({ config, forecast, queue }: DrainOptions): void {
  const backlog = forecast.backlog();
  const refused: Prediction[] = [];
  for (const prediction of queue.inOrder()) {
    if (backlog.turnOf(prediction).end.knownMs > config.drainTimeoutMs) refused.push(prediction);
    else backlog.add(prediction);
  }
  for (const prediction of refused) {
    prediction.fail(new ServiceError('draining', 'this replica is shutting down before its turn would come'));
  }
}

async function isIdleWithin(timeoutMs: number, { ledger, clock }: DrainOptions): Promise<boolean> {
  let cancel: Cancel | undefined;
  const timeout = new Promise<boolean>((resolve) => {
    cancel = clock.after(timeoutMs, () => resolve(false));
  });
  const isIdle = await Promise.race([ledger.idle().then(() => true), timeout]);
  cancel?.();
  return isIdle;
}

function lostError({ phase }: Prediction, drainTimeoutMs: number): ServiceError {
  if (phase !== 'running')
    return new ServiceError('draining', 'this replica has shut down before its turn came');
  const message = `this replica has shut down during the run: its time of ${drainTimeoutMs / 1000} s to drain is over`;
  return new ServiceError('runner_crashed', message);
}
