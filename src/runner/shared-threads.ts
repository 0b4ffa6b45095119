// One pool of threads for the sessions of all models.
//
// Each session of ONNX Runtime brings a pool of its own, as large as the machine: 250 models on 16 cores are 4,000
// threads, of which one pool works at a time, since there is one run at a time. ONNX Runtime can share a pool, but
// onnxruntime-node has no word for it. Its environment is one for the process, though, and whoever makes it first says
// what pools it has; so it is made here, through ONNX Runtime's C API, before the first session asks for it.

import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type Koffi from 'koffi';

const require = createRequire(import.meta.url);

/** Of onnxruntime_c_api.h, whose order of functions is fixed once a version is shipped; these are of versions 1 to 5. */
const API_VERSION = 5;
const GET_ERROR_MESSAGE = 2;
const CREATE_ENV_WITH_GLOBAL_THREAD_POOLS = 119;
const CREATE_THREADING_OPTIONS = 121;
const SET_GLOBAL_INTRA_OP_NUM_THREADS = 147;
const SET_GLOBAL_INTER_OP_NUM_THREADS = 148;
const SET_GLOBAL_SPIN_CONTROL = 149;
const FUNCTIONS = SET_GLOBAL_SPIN_CONTROL + 1;

/** ORT_LOGGING_LEVEL_WARNING, the level that onnxruntime-node asks for. */
const WARNING = 2;

/** Of a session whose threads are the shared ones. */
export const SHARES_THREADS = { session: { use_per_session_threads: '0' } } as const;

type Pointer = unknown;
/** koffi's own name for it is not exported. */
type TypeSpec = Parameters<typeof Koffi.sizeof>[0];

/**
 * Makes the pool. Sessions created later with `SHARES_THREADS` run on it. Call it once, before the first session.
 *
 * @param threads of one run; 0 leaves the choice to ONNX Runtime, which takes one for each core
 * @throws Error where it can't be made: koffi is not installed for this system, or the system is not Linux
 */
export function shareThreads(threads: number): void {
  const { call, out } = openApi();
  const options: [Pointer] = [null];
  call(CREATE_THREADING_OPTIONS, [out], options);
  call(SET_GLOBAL_INTRA_OP_NUM_THREADS, ['void *', 'int'], options[0], threads);
  call(SET_GLOBAL_INTER_OP_NUM_THREADS, ['void *', 'int'], options[0], 1);
  // Threads that spin while idle would take the cores that the server and its callers need.
  call(SET_GLOBAL_SPIN_CONTROL, ['void *', 'int'], options[0], 0);
  const environment: [Pointer] = [null];
  const types = ['int', 'str', 'void *', out];
  call(CREATE_ENV_WITH_GLOBAL_THREAD_POOLS, types, WARNING, 'oneslot', options[0], environment);
}

interface Api {
  /** @throws Error with ONNX Runtime's message where the function gives a status. */
  readonly call: (index: number, types: readonly TypeSpec[], ...args: readonly unknown[]) => void;
  /** Where a function puts what it makes. */
  readonly out: TypeSpec;
}

function openApi(): Api {
  if (process.platform !== 'linux') throw new Error(`not on ${process.platform}`);
  const koffi = require('koffi') as typeof Koffi;
  const [getApi] = koffi.decode(
    koffi.load(libraryPath()).func('void *OrtGetApiBase()')(),
    koffi.array('void *', 1),
  );
  const api = koffi.decode(getApi, koffi.proto('void *', ['uint32_t']))(API_VERSION);
  const functions = koffi.decode(api, koffi.array('void *', FUNCTIONS)) as readonly Pointer[];
  const messageOf = koffi.decode(functions[GET_ERROR_MESSAGE], koffi.proto('str', ['void *']));
  return {
    out: koffi.out(koffi.pointer('void *')),
    call(index, types, ...args) {
      const status = koffi.decode(functions[index], koffi.proto('void *', [...types]))(...args);
      if (status !== null) throw new Error(messageOf(status));
    },
  };
}

/** The very file that onnxruntime-node loads, so that both have the same environment. */
function libraryPath(): string {
  const folder = dirname(require.resolve('onnxruntime-node/package.json'));
  return join(folder, 'bin', 'napi-v6', process.platform, process.arch, 'libonnxruntime.so.1');
}
