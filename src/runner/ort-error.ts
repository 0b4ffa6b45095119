// What ONNX Runtime says of an error, without what is nobody's business: the host's name, and C++ signatures.

/**
 * How ONNX Runtime reports a failed call of CUDA and its libraries (cuda_call.cc):
 * `CUDA failure 2: out of memory ; GPU=0 ; hostname=h ; file=f ; line=1 ; expr=cudaMalloc(…); …`, often inside another
 * such text.
 */
const DEVICE_CALL = /\b(\w+ failure -?\d+: [^;]*?) ; GPU=(-?\d+) ;.*?expr=([^;]*)/s;

/** @returns e.g. `CUDA failure 2: out of memory (GPU 0, cudaMalloc(&p, size))`; other errors as they are */
export function ortMessage(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const [, failure, gpu, call] = DEVICE_CALL.exec(message) ?? [];
  return failure === undefined ? message : `${failure} (GPU ${gpu}, ${call!.trim()})`;
}
