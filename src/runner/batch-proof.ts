// Proof at load that a model which declares batches gives each sample the same answer together as alone.

import type * as Ort from 'onnxruntime-node';
import type { Tensor, Tensors } from '../tensor.js';
import type { BatchAxes } from './loaded-model.js';
import { ortMessage } from './ort-error.js';
import { stack, unstack } from './stack.js';

/** Kernels may sum in another order for another batch size; more than this is another answer. */
const RELATIVE_TOLERANCE = 1e-3;
const ABSOLUTE_TOLERANCE = 1e-5;

export interface BatchProof {
  readonly session: Ort.InferenceSession;
  readonly axes: BatchAxes;
  readonly inputs: Tensors;
  run(request: { inputs: Tensors; outputs: readonly string[] }): Promise<Tensors>;
}

/** Rejects with an Error that names the output which differs, or can't be cut into samples. */
export async function proveBatch({ session, axes, inputs, run }: BatchProof): Promise<void> {
  const outputs = session.outputNames;
  const samples = [inputs, varied(inputs)];
  const together = Object.fromEntries(
    Object.keys(inputs).map((name) => [
      name,
      stack(
        samples.map((sample) => sample[name]!),
        axes.inputs[name]!,
      ),
    ]),
  );
  const alone = [await run({ inputs: samples[0]!, outputs }), await run({ inputs: samples[1]!, outputs })];
  const joined = await run({ inputs: together, outputs }).catch((error: unknown) => {
    throw new Error(`"batch" is declared, but two samples together fail: ${String(error)}`, { cause: error });
  });
  const [firstInput] = Object.keys(inputs);
  const rows = samples.map((sample) => sample[firstInput!]!.dims[axes.inputs[firstInput!]!]!);
  for (const name of outputs) {
    const parts = partsOf(name, joined[name]!, { axis: axes.outputs[name]!, rows });
    for (const [index, part] of parts.entries()) compare(name, part, alone[index]![name]!);
  }
}

/** Another sample of the same shape: floats are moved; integers and strings may be indices and stay. */
function varied(inputs: Tensors): Tensors {
  return Object.fromEntries(Object.entries(inputs).map(([name, tensor]) => [name, variedTensor(tensor)]));
}

function variedTensor(tensor: Tensor): Tensor {
  if (tensor.type !== 'float32') return tensor;
  const bytes = Uint8Array.from(tensor.bytes);
  const values = new Float32Array(bytes.buffer);
  for (let index = 0; index < values.length; index++) values[index]! += ((index % 5) - 2) / 4;
  return { ...tensor, bytes };
}

interface Cut {
  readonly axis: number;
  readonly rows: readonly number[];
}

/** A scalar, for one, has no axis: the model says one thing of all samples together. */
function partsOf(name: string, together: Tensor, { axis, rows }: Cut): Tensor[] {
  try {
    return unstack(together, axis, rows);
  } catch (error) {
    const reason = ortMessage(error);
    const problem = `output ${name} of two samples together can't be cut into theirs: ${reason}`;
    throw new Error(`"batch" is declared, but ${problem}`, { cause: error });
  }
}

function compare(name: string, together: Tensor, alone: Tensor): void {
  if (same(together, alone)) return;
  throw new Error(`"batch" is declared, but output ${name} differs between two samples together and alone`);
}

function same(a: Tensor, b: Tensor): boolean {
  if (a.type !== b.type || a.dims.join() !== b.dims.join()) return false;
  if (a.type !== 'float32' && a.type !== 'float64') return Buffer.compare(a.bytes, b.bytes) === 0;
  const ArrayType = a.type === 'float32' ? Float32Array : Float64Array;
  const left = new ArrayType(Uint8Array.from(a.bytes).buffer);
  const right = new ArrayType(Uint8Array.from(b.bytes).buffer);
  return left.every((value, index) => close(value, right[index]!));
}

function close(a: number, b: number): boolean {
  if (Object.is(a, b)) return true;
  return Math.abs(a - b) <= ABSOLUTE_TOLERANCE + RELATIVE_TOLERANCE * Math.max(Math.abs(a), Math.abs(b));
}
