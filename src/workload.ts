// How much work a prediction brings, as far as its inputs tell, and how long that takes, as far as runs have told.

import { elementCount, type Tensors } from './tensor.js';

export interface Workload {
  /** Elements of all inputs together. */
  readonly elements: number;
  /** Value of the input that the model's run time is proportional to, where model.json names one. */
  readonly cost?: number;
}

/** A run time as far as it is known; ms. */
export interface Estimate {
  readonly meanMs: number;
  readonly sdMs: number;
  /**
   * What it takes at the least. Below the mean only where the mean is a mere proportion from much smaller runs, which
   * counts their fixed cost again and again: nobody is refused for that, or a long run would never be measured.
   */
  readonly leastMs: number;
}

/** @param costInput name of an integer or float input of one element, from model.json's `cost`. */
export function workloadOf(inputs: Tensors, costInput: string | undefined): Workload {
  let elements = 0;
  for (const name in inputs) elements += elementCount(inputs[name]!.dims);
  return costInput === undefined ? { elements } : { elements, cost: costOf(inputs, costInput) };
}

function costOf(inputs: Tensors, name: string): number {
  const tensor = inputs[name];
  if (tensor === undefined || tensor.type === 'string' || tensor.bytes.byteLength === 0) return 0;
  const view = new DataView(tensor.bytes.buffer, tensor.bytes.byteOffset);
  const cost = readNumber(tensor.type, view);
  return Number.isFinite(cost) && cost > 0 ? cost : 0;
}

function readNumber(type: string, view: DataView): number {
  switch (type) {
    case 'int64':
      return Number(view.getBigInt64(0, true));
    case 'int32':
      return view.getInt32(0, true);
    case 'float32':
      return view.getFloat32(0, true);
    case 'float64':
      return view.getFloat64(0, true);
    default:
      return 0;
  }
}
