// Memory that two processes hold: what one writes, the other reads, and the kernel carries nothing.
//
// Node can't map memory, so the three calls that it takes are made by way of koffi. Only on Linux, whose memory files have
// no name and no size limit of a mounted folder, and go with the last process that holds them.

import { createRequire } from 'node:module';
import type Koffi from 'koffi';

/** The memory, and the file that names it for a child process, which inherits it. */
export interface SharedMemory {
  readonly fd: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

// memfd_create(2), mmap(2)
const MFD_CLOEXEC = 1;
const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;
const MAP_FAILED = 2n ** 64n - 1n;

/**
 * New memory, filled with zeros. It takes room page by page, as it is written.
 *
 * @throws Error where this system has no such memory, or koffi is not installed for it
 */
export function createSharedMemory(bytes: number): SharedMemory {
  if (process.platform !== 'linux') throw new Error(`${process.platform} has no memory files`);
  const { koffi, libc } = loadLibc();
  const memfdCreate = libc.func('int memfd_create(const char *name, unsigned int flags)');
  const ftruncate = libc.func('int ftruncate(int fd, int64_t length)');
  const fd = memfdCreate('oneslot', MFD_CLOEXEC) as number;
  if (fd < 0) throw new Error(`memfd_create failed with errno ${koffi.errno()}`);
  if (ftruncate(fd, bytes) !== 0) throw new Error(`ftruncate failed with errno ${koffi.errno()}`);
  return { fd, bytes: map(fd, bytes, PROT_READ | PROT_WRITE) };
}

/**
 * The memory that another process has created. It is mapped for reading: to write to it ends the process.
 *
 * @param fd inherited from the process that created it
 * @throws Error where it can't be mapped
 */
export function openSharedMemory(fd: number, bytes: number): Uint8Array<ArrayBuffer> {
  return map(fd, bytes, PROT_READ);
}

function map(fd: number, bytes: number, protection: number): Uint8Array<ArrayBuffer> {
  const { koffi, libc } = loadLibc();
  const mmap = libc.func(
    'uintptr_t mmap(void *address, size_t length, int protection, int flags, int fd, int64_t offset)',
  );
  const address = BigInt(mmap(null, bytes, protection, MAP_SHARED, fd, 0) as number | bigint);
  if (address === MAP_FAILED) throw new Error(`mmap failed with errno ${koffi.errno()}`);
  return new Uint8Array(koffi.view(address, bytes));
}

/** Loaded only where it is needed: it takes 9 ms, and callers wait for a runner that replaces another. */
function loadLibc() {
  const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi;
  // The program itself has the C library linked in, whichever it is.
  return { koffi, libc: koffi.load(null) };
}
