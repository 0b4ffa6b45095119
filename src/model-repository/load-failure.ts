// Why a model did not load: for operators and for callers, and whether a further try may mend it.

import { dirname } from 'node:path';
import type { LoadFailure } from './model.js';

/** Errors of the operating system that pass: something is short, busy or out of reach for now. */
const PASSING_CODES =
  /\bE(?:MFILE|NFILE|NOMEM|AGAIN|BUSY|IO|INTR|STALE|TIMEDOUT|NOTCONN|CONNRESET|HOSTDOWN|REMOTEIO|NOSPC|DQUOT)\b/;

/** The same in words, and what GPUs report: memory may be freed, and a lost device comes back with another process. */
const PASSING_WORDS =
  /out of memory|bad_alloc|failed to allocate|cannot allocate|too many open files|input\/output error|(?:CUDA|CUDNN|CUBLAS) (?:failure|error)|CUBLAS_STATUS|BFCArena|device (?:was )?lost|DEVICE_LOST/i;

/** Of those, what stays: driver too old, no device, no such device, code for other devices. */
const STAYING = /CUDA failure (?:35|100|101|209|218|222)\b/;

/** Whether time alone may mend what was said. */
export function isPassing(text: string): boolean {
  return (PASSING_CODES.test(text) || PASSING_WORDS.test(text)) && !STAYING.test(text);
}

/** How ONNX Runtime begins what it says of a file. */
const LOAD_CALL = /\bLoad model from .*? failed:/g;

/** @param folder the model's own: what lies above it is nobody else's business */
export function loadFailure(reason: string, folder: string, isPermanent = !isPassing(reason)): LoadFailure {
  const short = reason.replaceAll(LOAD_CALL, '').replaceAll(`${dirname(folder)}/`, '');
  return { reason, told: withoutPaths(short), isPermanent };
}

/** The same, with the last part of each absolute path alone. */
export function withoutPaths(text: string): string {
  return text.replace(/(?<![\w.)\]])\/(?:[^\s"'`:;,()[\]/]+\/)*([^\s"'`:;,()[\]/]*)/g, '$1');
}
