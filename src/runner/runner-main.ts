// The runner process: an I/O thread and, in the main thread, the sessions.
//
// The I/O thread starts first: ONNX Runtime takes as long to load, and callers wait for a runner that replaces another.

import { expectLargeMemory } from '../memory.js';
import './io.js';
import { goBeforeServer } from './oom-score.js';

// Whoever stops the server's process group means the server, which drains and then ends this process.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
process.on('SIGHUP', () => {});

goBeforeServer();
expectLargeMemory();

// Not before: ONNX Runtime takes its time to load, and a signal may come meanwhile.
void import('./session-thread.js');
