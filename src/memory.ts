// Large memory that is given back at once, not when V8 next looks for garbage.
//
// V8 counts the memory of array buffers, and 64 MB more of it than there was are a reason to look: 5 to 10 ms each time, in
// which everyone waits. Inputs of 600 KB, 200 a second, bring so much several times a second. Memory that is given back is
// also the next that is taken, and its pages are there already.

import { createRequire } from 'node:module';
import { setFlagsFromString } from 'node:v8';
import { MessageChannel } from 'node:worker_threads';
import type Koffi from 'koffi';

/**
 * For this process, before it takes large memory: V8's heap may grow to twice what is in use before it is searched.
 * V8 holds array buffers against the heap's next limit, and after a rest that is so close above a small heap that each body
 * of 10 MB is a reason to search all of it. Four times would keep more garbage and gain nothing.
 */
export function expectLargeMemory(): void {
  setFlagsFromString('--heap-growing-percent=100');
}

// mallopt(3)
const M_TRIM_THRESHOLD = -1;
const M_MMAP_THRESHOLD = -3;
const MAX_MMAP_THRESHOLD = 2 ** 25;
const KEPT_FREE_BYTES = 2 ** 24;

/**
 * For this process, before it takes large memory: of what is free at the end of an arena, glibc keeps 16 MiB. By itself it
 * would keep up to 64, in each thread's, for ever: pictures of 27 MB left 100 MB behind. Blocks up to 32 MiB still come from
 * there, where their pages are already.
 */
export function keepLittleFreeMemory(): void {
  try {
    const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi;
    const mallopt = koffi.load(null).func('int mallopt(int parameter, int value)');
    mallopt(M_MMAP_THRESHOLD, MAX_MMAP_THRESHOLD);
    mallopt(M_TRIM_THRESHOLD, KEPT_FREE_BYTES);
  } catch {
    // Not glibc, whose way this is, or no koffi.
  }
}

/** Below this, what V8 finds by itself is no trouble. */
const LARGE_BYTES = 16 * 1024;

/** What is sent by a closed port is freed at once. Node 20 has no ArrayBuffer.prototype.transfer. */
const { port1: nowhere } = new MessageChannel();
nowhere.close();

/** Frees the memory; the bytes are none afterwards. Nobody may use it any more, nor the kernel. Part of other memory stays. */
export function giveBack({ buffer, byteLength }: Uint8Array): void {
  if (byteLength < LARGE_BYTES || buffer.byteLength !== byteLength) return;
  nowhere.postMessage(undefined, [buffer as ArrayBuffer]);
}
