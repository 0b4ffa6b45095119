// What ONNX Runtime says of an error, without what is nobody's business: the host's name, and C++ signatures.

import { dirname } from 'node:path';

/**
 * How ONNX Runtime reports a failed call of CUDA and its libraries (cuda_call.cc):
 * `CUDA failure 2: out of memory ; GPU=0 ; hostname=h ; file=f ; line=1 ; expr=cudaMalloc(…); …`, often inside another
 * such text.
 */
const DEVICE_CALL = /\b(\w+ failure -?\d+: [^;]*?) ; GPU=(-?\d+) ;.*?expr=([^;]*)/s;

/** Where in ONNX Runtime's source an error was raised: a path of its build, and the signature of a C++ function. */
const SOURCE =
  /\/\S+\.(?:cc|cpp|cu|h|hpp|cuh):\d+ (?:[^()\n]*\((?:[^()]|\([^()]*\))*\)(?: const)?(?: \[with [^\]]*\])? )?/g;
const HOST = / ?; hostname=[^;]*/g;

/** @returns e.g. `CUDA failure 2: out of memory (GPU 0, cudaMalloc(&p, size))`; other errors as they are, less their source */
export function ortMessage(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const [, failure, gpu, call] = DEVICE_CALL.exec(message) ?? [];
  if (failure !== undefined) return `${failure} (GPU ${gpu}, ${call!.trim()})`;
  return message.replace(SOURCE, '').replace(HOST, '').trim();
}

/** The same for whoever sent the input: where the model lies is the operator's business. */
export function runMessage(error: unknown, modelPath: string): string {
  return ortMessage(error).replaceAll(dirname(modelPath), '…');
}
