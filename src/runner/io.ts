// The session thread's link to the I/O thread, which starts as soon as this is imported.

import { MessageChannel, Worker } from 'node:worker_threads';
import type { IoThreadData } from './io-thread.js';
import { noneUnwritten } from './outlet.js';

const { port1, port2 } = new MessageChannel();

/** Where frames come from and large ones go to. */
export const port = port1;
export const unwritten = noneUnwritten();

const workerData: IoThreadData = { port: port2, unwritten };
new Worker(new URL('./io-thread.js', import.meta.url), { workerData, transferList: [port2] });
