// The end of this process, even where one of its threads hangs.
//
// The normal exit waits for Node's own threads, and one that writes to a pipe which nobody reads, or to a disk that does
// not answer, never comes back. _exit(2) waits for none. It is called by way of koffi; where there is none, the kernel
// is asked to kill the process: then the exit code is lost.

import { createRequire } from 'node:module';
import type Koffi from 'koffi';

/**
 * Loads what the end takes while there are file descriptors for it. The function that it gives is a listener for the
 * event `exit` of the process.
 *
 * @param isStuck whether a normal exit would wait for ever
 */
export function immediateEnd(isStuck: () => boolean): (code: number) => void {
  const end = loadExit();
  if (end !== undefined) return end;
  return () => {
    if (isStuck()) process.kill(process.pid, 'SIGKILL');
  };
}

function loadExit(): ((code: number) => void) | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi;
    return koffi.load(null).func('void _exit(int status)') as (code: number) => void;
  } catch {
    return undefined;
  }
}
