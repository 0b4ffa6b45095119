// The runner process's I/O thread: frames between the server's socket and the session thread, nothing else.
//
// It is never blocked by a run, so the next input arrives while the present run goes on, and the end of the
// server is noticed at once: the socket closes, and this process ends itself with SIGKILL. Nothing gentler
// would do: the session thread may be in a run, and hears nothing before its end.

import { writeSync } from 'node:fs';
import { type OnReadOpts, Socket } from 'node:net';
import { type MessagePort, workerData } from 'node:worker_threads';
import { forward, type Unwritten } from './outlet.js';
import { FrameReader, SOCKET_FD } from './protocol.js';

export interface IoThreadData {
  /** To the session thread. */
  readonly port: MessagePort;
  readonly unwritten: Unwritten;
}

const STDERR_FD = 2;

const { port, unwritten } = workerData as IoThreadData;

function endProcess(): void {
  process.kill(process.pid, 'SIGKILL');
}

process.on('uncaughtException', (error) => {
  try {
    // A thread's own stderr goes by way of the main thread, which may be in a run.
    writeSync(STDERR_FD, `I/O thread: ${error.stack ?? String(error)}\n`);
  } finally {
    endProcess();
  }
});

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

function receive(bytes: Uint8Array): void {
  const frames = reader.push(bytes);
  if (frames.length > 0) port.postMessage(frames, frames);
}

port.on('message', (pieces: Uint8Array[]) => forward(pieces, socket, unwritten));
socket.resume();
socket.on('close', endProcess);
socket.on('error', endProcess);
