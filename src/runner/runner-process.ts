// The start of the runner's process, which the system may refuse.

import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const RUNNER_MAIN = fileURLToPath(new URL('./runner-main.js', import.meta.url));

/**
 * Starts the process. Where the system refuses it (no file descriptors, processes or memory left, no such program),
 * there is none, and `refused` is called later with the reason.
 *
 * @param memoryFd names memory that it inherits
 */
export function startProcess(
  memoryFd: number | undefined,
  refused: (error: Error) => void,
): ChildProcess | undefined {
  try {
    const child = spawn(process.execPath, [RUNNER_MAIN], {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', memoryFd ?? 'ignore'],
      // In a process group of its own: Ctrl-C is for the server, which drains first.
      detached: true,
      env: { ORT_DISABLE_TELEMETRY: '1', ...process.env },
    });
    if (child.pid !== undefined) return child;
    // Some refusals are thrown, some are an event. With no descriptors left it does not even have the pipes' ends.
    child.once('error', refused);
    for (const stream of child.stdio ?? []) stream?.destroy();
  } catch (error) {
    setImmediate(refused, error as Error);
  }
  return undefined;
}
