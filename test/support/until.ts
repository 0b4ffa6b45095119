// Waiting for a condition, never for a time.

import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 5;

/** Resolves as soon as the condition holds; gives what it gave. The test's own time-out is the only limit. */
export async function until<Value>(
  condition: () => Value | undefined | false | Promise<Value | undefined | false>,
): Promise<Value> {
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== false) return value;
    await delay(POLL_MS);
  }
}
