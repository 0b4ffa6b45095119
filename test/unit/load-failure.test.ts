// What a failed load tells operators and callers, and whether a further try makes sense.

import { describe, expect, test } from '@jest/globals';
import { loadFailure } from '../../src/model-repository/load-failure.js';

const FOLDER = '/srv/my models/digits';

describe('callers are told', () => {
  test.each([
    [
      'Load model from /srv/my models/digits/1/model.onnx failed:Protobuf parsing failed.',
      'Protobuf parsing failed.',
    ],
    ['/srv/my models/digits/model.json: there is no key "x"', 'digits/model.json: there is no key "x"'],
    [
      'Failed to load /opt/ort/libonnxruntime_providers_cuda.so: libcudnn.so.9: not found',
      'Failed to load libonnxruntime_providers_cuda.so: libcudnn.so.9: not found',
    ],
    ['got n/a, expected and/or', 'got n/a, expected and/or'],
  ])('no path: %s', (reason, told) => {
    expect(loadFailure(reason, FOLDER).told).toBe(told);
    expect(loadFailure(reason, FOLDER).reason).toBe(reason);
  });
});

describe('a further try makes sense', () => {
  test.each([
    'CUDA failure 2: out of memory (GPU 0, cudaMalloc(&p, size))',
    'BFCArena::AllocateRawInternal Failed to allocate memory for requested buffer of size 8',
    'std::bad_alloc',
    'open file /m/weights fail, errcode = 24 - Too many open files',
    "/srv/m/model.json can't be read (EMFILE)",
    'ENOMEM: not enough memory, read',
    'Device lost',
  ])('after %s', (reason) => {
    expect(loadFailure(reason, FOLDER).isPermanent).toBe(false);
  });

  test.each([
    'Protobuf parsing failed.',
    'provider cuda is not in this build of ONNX Runtime; it has cpu',
    'CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version (GPU 0, cudaSetDevice(0))',
    'CUDA failure 101: invalid device ordinal (GPU 7, cudaSetDevice(7))',
    "/srv/m/model.json can't be read (EACCES)",
    'output y differs between two samples together and alone',
  ])('not after %s', (reason) => {
    expect(loadFailure(reason, FOLDER).isPermanent).toBe(true);
  });
});
