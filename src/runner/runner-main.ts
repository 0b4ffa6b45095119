// The runner process's I/O thread: frames between the server's socket and the session thread, nothing else.
//
// It is never blocked by a run, so the next input arrives while the present run goes on, and the end of the
// server is noticed at once: the socket closes, and this process ends itself with SIGKILL. Nothing gentler
// would do: onnxruntime-node aborts the whole process when a thread is terminated during a run.

import { type OnReadOpts, Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { expectLargeMemory } from '../memory.js';
import { forward, noneUnwritten, SOCKET_FD } from './outlet.js';
import { FrameReader } from './protocol.js';

function endProcess(): void {
  process.kill(process.pid, 'SIGKILL');
}

// Whoever stops the server's process group means the server, which drains and then ends this process.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
process.on('SIGHUP', () => {});

expectLargeMemory();

/** As much as the kernel holds for a reader: a large input comes in fewer pieces, into memory that is there already. */
const READ_BYTES = 256 * 1024;

const reader = new FrameReader();
const intoOwnBuffer: OnReadOpts = {
  buffer: Buffer.allocUnsafeSlow(READ_BYTES),
  callback(count, buffer) {
    receive(buffer.subarray(0, count));
    return true;
  },
};
// The constructor takes `onread` as connect() does, which the types do not know.
const options = { fd: SOCKET_FD, readable: true, writable: true, onread: intoOwnBuffer };
const socket = new Socket(options);
const unwritten = noneUnwritten();
const session = new Worker(new URL('./session-thread.js', import.meta.url), { workerData: unwritten });

function receive(bytes: Uint8Array): void {
  const frames = reader.push(bytes);
  if (frames.length > 0) session.postMessage(frames, frames);
}

socket.resume();
socket.on('close', endProcess);
socket.on('error', endProcess);

session.on('message', (pieces: Uint8Array[]) => forward(pieces, socket, unwritten));
session.on('error', (error) => {
  process.stderr.write(`session thread: ${error.stack ?? String(error)}\n`, endProcess);
});
