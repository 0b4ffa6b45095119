// Builds burn: a synthetic load whose run time the request chooses, and whose answer anyone can check.
//
//   npm run build && node dist/models/burn/build.js models/burn/1/model.onnx
//
// X ← (A·X) mod 17, `iterations` times, on matrices of small integers. A·X stays below 256·16² = 65,536, so float32
// holds it exactly and the answer is the same on every processor, provider and number of threads. The seed chooses X,
// so that an answer given to the wrong caller shows.

import { writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { type ConstantSpec, encodeModel, type GraphSpec, type NodeSpec, node } from './onnx-writer.js';

/** Rows and columns; this size takes about 0.2 ms an iteration on two cores. */
export const SIZE = 256;

/** Entries of the matrices are below this. */
const MODULUS = 17;
/** A prime below 2^16: squares of remainders stay exact. */
const PRIME = 65_521;
const MULTIPLIER = 40_503;
/** Distance between the streams of two seeds. */
const SEED_STRIDE = 7919;

/** @param size rows and columns; up to 4,096 the arithmetic is exact in float32. */
export function burnModel(size = SIZE): Uint8Array {
  return encodeModel({
    producer: 'oneslot',
    description: `Synthetic load: X <- (A X) mod ${MODULUS}, ${size}x${size}, iterations times. Exact in float32.`,
    graph: {
      name: 'burn',
      inputs: [
        { name: 'iterations', type: 'int64', shape: [1] },
        { name: 'seed', type: 'int64', shape: [1] },
      ],
      outputs: [
        { name: 'checksum', type: 'int64', shape: [] },
        { name: 'head', type: 'float32', shape: [8] },
      ],
      constants: constants(size),
      nodes: [
        node('Range', ['zero', 'elements', 'one'], ['position']),
        ...pseudoRandomMatrix('A', 'position'),
        node('Mul', ['seed', 'seed_stride'], ['seed_offset']),
        node('Add', ['position', 'seed_offset'], ['seeded_position']),
        ...pseudoRandomMatrix('X0', 'seeded_position'),
        node('Loop', ['iterations', 'true', 'X0'], ['X'], { body: { graph: iteration(size) } }),
        ...summary('X'),
      ],
    },
  });
}

function constants(size: number): ConstantSpec[] {
  const integer = (name: string, value: number): ConstantSpec => ({
    name,
    type: 'int64',
    dims: [],
    data: [value],
  });
  const integers = (name: string, data: number[]): ConstantSpec => ({ name, type: 'int64', data });
  return [
    integer('zero', 0),
    integer('one', 1),
    integer('elements', size * size),
    integer('prime', PRIME),
    integer('multiplier', MULTIPLIER),
    integer('seed_stride', SEED_STRIDE),
    integer('modulus', MODULUS),
    { name: 'modulus_float', type: 'float32', dims: [], data: [MODULUS] },
    { name: 'true', type: 'bool', dims: [], data: [1] },
    integers('square', [size, size]),
    integers('flat', [-1]),
    integers('both_axes', [0, 1]),
    integers('first', [0]),
    integers('ninth', [8]),
  ];
}

/** Entry at position n: with m = n mod prime and h = (m² + multiplier·m + 1) mod prime, (h² mod prime) mod modulus. */
function pseudoRandomMatrix(name: string, position: string): NodeSpec[] {
  const part = (suffix: string) => `${name}_${suffix}`;
  return [
    node('Mod', [position, 'prime'], [part('m')]),
    node('Mul', [part('m'), part('m')], [part('m_squared')]),
    node('Mul', [part('m'), 'multiplier'], [part('m_multiplied')]),
    node('Add', [part('m_squared'), part('m_multiplied')], [part('sum')]),
    node('Add', [part('sum'), 'one'], [part('sum_plus_one')]),
    node('Mod', [part('sum_plus_one'), 'prime'], [part('h')]),
    node('Mul', [part('h'), part('h')], [part('h_squared')]),
    node('Mod', [part('h_squared'), 'prime'], [part('h_squared_mod')]),
    node('Mod', [part('h_squared_mod'), 'modulus'], [part('entry')]),
    node('Cast', [part('entry')], [part('float')], { to: { int: 1 } }),
    node('Reshape', [part('float'), 'square'], [name]),
  ];
}

/** The loop's body; `A` and the modulus come from the graph around it. */
function iteration(size: number): GraphSpec {
  return {
    name: 'iteration',
    inputs: [
      { name: 'index', type: 'int64', shape: [] },
      { name: 'condition_in', type: 'bool', shape: [] },
      { name: 'x_in', type: 'float32', shape: [size, size] },
    ],
    outputs: [
      { name: 'condition_out', type: 'bool', shape: [] },
      { name: 'x_out', type: 'float32', shape: [size, size] },
    ],
    nodes: [
      node('MatMul', ['A', 'x_in'], ['product']),
      node('Div', ['product', 'modulus_float'], ['quotient']),
      node('Floor', ['quotient'], ['whole']),
      node('Mul', ['whole', 'modulus_float'], ['multiple']),
      node('Sub', ['product', 'multiple'], ['x_out']),
      node('Identity', ['condition_in'], ['condition_out']),
    ],
  };
}

/** The sum of all entries, and the first eight. */
function summary(matrix: string): NodeSpec[] {
  return [
    node('Cast', [matrix], ['entries'], { to: { int: 7 } }),
    node('ReduceSum', ['entries', 'both_axes'], ['checksum'], { keepdims: { int: 0 } }),
    node('Reshape', [matrix, 'flat'], ['row']),
    node('Slice', ['row', 'first', 'ninth'], ['head']),
  ];
}

const [, script, target] = process.argv;
if (target !== undefined && import.meta.url === pathToFileURL(script!).href) {
  writeFileSync(target, burnModel());
}
