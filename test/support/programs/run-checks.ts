// The frame of a command that makes checks: what it started ends with it, however it ends.

import { Cleanup } from './cleanup.js';
import { endAll } from './command.js';
import { Report } from './report.js';

export interface Checks {
  readonly report: Report;
  readonly cleanup: Cleanup;
}

/** Runs them; a failure is told by its message, and the process then exits with 1. */
export async function runChecks(body: (checks: Checks) => Promise<void>): Promise<void> {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, endAll);
  const checks: Checks = { report: new Report(), cleanup: new Cleanup() };
  try {
    await body(checks);
  } catch (error) {
    console.error(told(error));
    process.exitCode = 1;
  } finally {
    await checks.cleanup.run();
    checks.report.close();
  }
}

/** What fetch, for one, throws says nothing without its cause. */
function told(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${told(error.cause)}`;
}
