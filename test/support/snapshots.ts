// Snapshots of a server in which nothing happens, but for what a test says.

import type { Snapshot } from '../../src/observer.js';

export function snapshotOf(present: Partial<Snapshot> = {}): Snapshot {
  return {
    receiving: 0,
    uploads: 0,
    uploadLimit: 256,
    queued: 0,
    running: 0,
    sending: 0,
    slotBusy: false,
    queueBytes: 0,
    answerBytes: 0,
    sharedMemoryBytes: 0,
    batchCheckBytes: 0,
    queueLimit: 64,
    backlogSeconds: 0,
    balancerQueued: 0,
    balancerSeconds: 0,
    oldestQueuedSeconds: 0,
    runningSeconds: 0,
    slotBusySecondsTotal: 0,
    busyRatio: 0,
    quarantinedInputs: 0,
    ready: true,
    draining: false,
    models: [],
    ...present,
  };
}
