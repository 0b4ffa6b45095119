import { expect, test } from '@jest/globals';
import { ortMessage, runMessage } from '../../src/runner/ort-error.js';
import { faultOf } from '../../src/runner/run-failure.js';

const FAILURE =
  'CUDA failure 101: invalid device ordinal ; GPU=0 ; hostname=gpu-17 ; ' +
  'file=/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_execution_provider.cc ; line=341 ; ' +
  'expr=cudaSetDevice(info_.device_id); ';

const THROWN =
  '/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_call.cc:154 std::conditional_t<THRW, void, ' +
  'onnxruntime::common::Status> onnxruntime::CudaCall(ERRTYPE, const char*, const char*, SUCCTYPE, const char*, ' +
  `const char*, int) [with ERRTYPE = cudaError; bool THRW = true] ${FAILURE}`;

test('a failed call of CUDA is told without the host’s name and C++ signatures', () => {
  const told = 'CUDA failure 101: invalid device ordinal (GPU 0, cudaSetDevice(info_.device_id))';
  expect(ortMessage(new Error(THROWN))).toBe(told);
  expect(ortMessage(new Error(FAILURE))).toBe(told);
});

test('it still counts as an error of the device', () => {
  for (const library of ['CUDA', 'CUBLAS', 'CUDNN'])
    expect(faultOf(ortMessage(new Error(FAILURE.replace('CUDA', library))), 'cuda')).toBe('device');
});

test('any other error is told as it is', () => {
  expect(ortMessage(new Error('indices element out of data bounds'))).toBe(
    'indices element out of data bounds',
  );
  expect(ortMessage('a text')).toBe('a text');
});

test('where in its source ONNX Runtime raised an error is left out, and so is where the model lies', () => {
  const allocation =
    "Non-zero status code returned while running ConstantOfShape node. Name:'/decoder/Range' Status Message: " +
    '/onnxruntime_src/onnxruntime/core/framework/bfc_arena.cc:360 void* onnxruntime::BFCArena::AllocateRawInternal' +
    '(size_t, bool, onnxruntime::Stream*) Failed to allocate memory for requested buffer of size 4000000000000\n';
  expect(ortMessage(new Error(allocation))).toBe(
    "Non-zero status code returned while running ConstantOfShape node. Name:'/decoder/Range' Status Message: " +
      'Failed to allocate memory for requested buffer of size 4000000000000',
  );
  const reshape =
    'Status Message: /onnxruntime_src/onnxruntime/core/providers/cpu/tensor/reshape_helper.h:45 ' +
    'onnxruntime::ReshapeHelper::ReshapeHelper(const onnxruntime::TensorShape&, onnxruntime::TensorShapeVector&, bool) ' +
    'input_shape_size == size was false. The input tensor cannot be reshaped to the requested shape. Input shape:{2}';
  expect(ortMessage(new Error(reshape))).toBe(
    'Status Message: input_shape_size == size was false. The input tensor cannot be reshaped to the requested shape. Input shape:{2}',
  );
  const file = new Error('open file "/srv/models/m/1/weights.bin" failed ; hostname=gpu-17 ; file=x');
  expect(runMessage(file, '/srv/models/m/1/model.onnx')).toBe('open file "…/weights.bin" failed; file=x');
});
