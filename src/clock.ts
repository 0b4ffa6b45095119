// Time as the rooms see it: monotonic, injected, so that tests need not sleep and a jump of the wall clock changes nothing.

/** Cancels a timer; harmless once it has fired. */
export type Cancel = () => void;

export interface Clock {
  /** Milliseconds since boot; the same in every process of the machine, never jumps. */
  nowMs(): number;
  /** Calls back once, `delayMs` from now or as soon after as may be. */
  after(delayMs: number, callback: () => void): Cancel;
}

/** setTimeout fires at once beyond this. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/**
 * performance.now() counts from its thread's start. A thread that has to wait between the two looks, or finds them cold,
 * would be behind all others for ever: the start that comes out latest is the right one.
 */
const STARTED_MS = Math.max(...Array.from({ length: 10 }, startedMs));

function startedMs(): number {
  return Number(process.hrtime.bigint()) / 1e6 - performance.now();
}

export function monotonicMs(): number {
  return STARTED_MS + performance.now();
}

export const systemClock: Clock = {
  nowMs: monotonicMs,
  after(delayMs, callback) {
    const timer = setTimeout(callback, Math.min(delayMs, MAX_DELAY_MS));
    return () => clearTimeout(timer);
  },
};
