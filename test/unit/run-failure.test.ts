import { describe, expect, test } from '@jest/globals';
import { faultOf, MemoryFaults } from '../../src/runner/run-failure.js';

describe('an error of the device', () => {
  test.each([
    'CUDA failure 700: an illegal memory access was encountered (GPU 0, cudaStreamSynchronize(stream))',
    'CUDA failure 719: unspecified launch failure (GPU 0, cudaMemcpyAsync(a, b, n))',
    'CUBLAS failure 14: CUBLAS_STATUS_INTERNAL_ERROR (GPU 0, cublasGemmEx(…))',
    'CUDNN failure 5003: CUDNN_STATUS_EXECUTION_FAILED_CUDART (GPU 0, cudnnConvolutionForward(…))',
    'Device lost. Reason: out of memory',
    'VK_ERROR_DEVICE_LOST',
  ])('%s', (message) => {
    expect(faultOf(message, 'cuda')).toBe('device');
  });

  test('is none where the model runs on the CPU', () => {
    expect(faultOf('CUDA error in a text that a caller has sent', 'cpu')).toBe('model');
  });
});

describe('too little memory', () => {
  test.each([
    'CUDA failure 2: out of memory (GPU 0, cudaMalloc(reinterpret_cast<void**>(&p), size))',
    'Failed to allocate memory for requested buffer of size 4000000000000',
    'Available memory of 1024 is smaller than requested bytes of 4096',
    'CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED (GPU 0, cublasCreate(&handle))',
    'CUDNN failure 4: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED (GPU 0, cudnnCreate(&handle))',
    'vkAllocateMemory failed with VK_ERROR_OUT_OF_DEVICE_MEMORY',
    'Buffer size (8000000000) exceeds the max buffer size limit (4294967296)',
    'std::bad_alloc',
    'Array buffer allocation failed',
    'Calculation for Tensor storage size overflowed',
  ])('%s', (message) => {
    for (const provider of ['cpu', 'cuda', 'webgpu'] as const)
      expect(faultOf(message, provider)).toBe('memory');
  });

  test('on a GPU, time after time, is taken for memory that only the end of the process gives back', () => {
    const faults = new MemoryFaults();
    const judge = (fault?: 'memory' | 'model') => faults.judge(fault, 'cuda');
    expect([judge('memory'), judge('memory'), judge(undefined), judge('memory')]).toEqual([
      'memory',
      'memory',
      undefined,
      'memory',
    ]);
    expect([judge('memory'), judge('memory')]).toEqual(['memory', 'device']);
  });

  test('on the CPU never is', () => {
    const faults = new MemoryFaults();
    const judged = Array.from({ length: 9 }, () => faults.judge('memory', 'cpu'));
    expect(new Set(judged)).toEqual(new Set(['memory']));
  });
});

test('whatever else fails is the model’s', () => {
  expect(
    faultOf(
      'indices element out of data bounds, idx=777777 must be within the inclusive range [-10,9]',
      'cuda',
    ),
  ).toBe('model');
});
