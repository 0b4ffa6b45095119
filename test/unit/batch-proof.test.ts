// The proof at load that samples get the same answers together as alone: what is wrong is told with its output's name.

import { expect, test } from '@jest/globals';
import type { InferenceSession } from 'onnxruntime-node';
import { proveBatch } from '../../src/runner/batch-proof.js';
import type { NumericTensor, Tensors } from '../../src/tensor.js';

function floats(values: readonly number[], dims: readonly number[] = [values.length]): NumericTensor {
  return { type: 'float32', dims, bytes: new Uint8Array(Float32Array.from(values).buffer) };
}

const valuesOf = ({ bytes }: NumericTensor): number[] => [...new Float32Array(bytes.slice().buffer)];

/** Proves a model of one input, `x`, that computes these outputs of its values. */
async function prove(outputsOf: (values: readonly number[]) => Tensors): Promise<void> {
  const outputNames = Object.keys(outputsOf([0]));
  await proveBatch({
    session: { outputNames } as unknown as InferenceSession,
    axes: { inputs: { x: 0 }, outputs: Object.fromEntries(outputNames.map((name) => [name, 0])) },
    inputs: { x: floats([1]) },
    run: async ({ inputs }) => outputsOf(valuesOf(inputs.x as NumericTensor)),
  });
}

const doubled = (values: readonly number[]) => floats(values.map((value) => 2 * value));
const total = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);

test('outputs that do not change with company prove it', async () => {
  await prove((x) => ({ doubled: doubled(x), same: floats(x) }));
});

test('an output that changes with company is named', async () => {
  const mean = (x: readonly number[]) => floats(x.map((value) => value - total(x) / x.length));
  await expect(prove((x) => ({ doubled: doubled(x), centred: mean(x) }))).rejects.toThrow(
    '"batch" is declared, but output centred differs between two samples together and alone',
  );
});

test('an output that is a scalar, one for all samples together, is named', async () => {
  await expect(prove((x) => ({ doubled: doubled(x), total: floats([total(x)], []) }))).rejects.toThrow(
    '"batch" is declared, but output total of two samples together can\'t be cut into theirs: ' +
      'expected 2 along axis 0, got dims []',
  );
});

test('an output of another size than the samples have is named', async () => {
  await expect(prove((x) => ({ doubled: doubled(x), first: floats([x[0]!]) }))).rejects.toThrow(
    "output first of two samples together can't be cut into theirs: expected 2 along axis 0, got dims [1]",
  );
});
