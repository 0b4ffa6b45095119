// Stands in for GPUs that are not there: a run takes as many milliseconds as burn is asked for iterations, and no
// processor, as where the work is done by a device. What the model computes meanwhile is its first iteration.
//
// To be loaded before the server: NODE_OPTIONS="--import …/waiting-device.js". It changes only the session thread.

import { isMainThread } from 'node:worker_threads';

type Feeds = Record<string, { readonly data: BigInt64Array; readonly dims: readonly number[] }>;

const isSessionThread = isMainThread && process.argv[1]?.endsWith('runner-main.js');

if (isSessionThread) {
  const ort = await import('onnxruntime-node');
  const { prototype } = ort.InferenceSession as unknown as {
    prototype: { run(feeds: Feeds, ...rest: unknown[]): Promise<unknown> };
  };
  const { run } = prototype;
  prototype.run = function (feeds, ...rest) {
    const { iterations } = feeds;
    if (iterations !== undefined) {
      wait(Number(iterations.data[0]));
      // The caller's own feeds stay: a warm-up runs on them more than once.
      feeds = { ...feeds, iterations: new ort.Tensor('int64', [1n], iterations.dims) as never };
    }
    return run.call(this, feeds, ...rest);
  };
}

/** Blocks the thread, as a run does. */
function wait(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
