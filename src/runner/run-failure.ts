// What a failed run says of the device and its memory: whether the next run can go on in this process.

import type { Provider } from '../model-repository/model.js';

/**
 * `device`: every further run would fail too, until another process takes over. `memory`: this run asked for more than
 * there is, and the next may well fit. `model`: anything else.
 */
export type Fault = 'device' | 'memory' | 'model';

const IS_LOST = /device (?:is |was )?lost|DEVICE_LOST|illegal memory access/i;

/** The allocators of ONNX Runtime, CUDA and its libraries, Dawn and Vulkan, C++ and V8, and sizes that no number holds. */
const IS_TOO_MUCH =
  /allocate memory|BFCArena|memory of \d+ is smaller than|out of (?:device |host )?memory|OUT_OF_(?:DEVICE_|HOST_)?MEMORY|ALLOC(?:ATION)?_FAILED|bad.?alloc|allocation failed|overflow|exceeds the max buffer size/i;

/** A failed call of CUDA or its libraries. Those that are not about memory stay until the process ends. */
const IS_DEVICE_CALL = /CUDA failure|CUDA error|CUBLAS|CUDNN failure|cudaError/i;

/** @param message as ONNX Runtime, the provider or V8 say it */
export function faultOf(message: string, provider: Provider): Fault {
  if (provider === 'cpu') return IS_TOO_MUCH.test(message) ? 'memory' : 'model';
  if (IS_LOST.test(message)) return 'device';
  if (IS_TOO_MUCH.test(message)) return 'memory';
  return IS_DEVICE_CALL.test(message) ? 'device' : 'model';
}

/**
 * Runs of a GPU that fail for memory one after the other: by then it is not in the inputs. What fragments hold, only the
 * end of the process gives back.
 */
const IN_A_ROW_AT_MOST = 3;

/** Counts them, across all models of the process. */
export class MemoryFaults {
  #inARow = 0;

  /** The fault as it is to be taken after those before it. */
  judge(fault: Fault | undefined, provider: Provider): Fault | undefined {
    if (provider === 'cpu') return fault;
    this.#inARow = fault === 'memory' ? this.#inARow + 1 : 0;
    return this.#inARow < IN_A_ROW_AT_MOST ? fault : 'device';
  }
}
