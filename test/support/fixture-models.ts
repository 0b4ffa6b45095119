// Small models that the tests make for themselves, so that no binary file lies in the repository. Each shows one
// behaviour; all run on ONNX Runtime's CPU provider.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { burnModel } from '../../models/burn/build.js';
import {
  type ConstantSpec,
  encodeModel,
  type GraphSpec,
  type ModelSpec,
  node,
  type ValueSpec,
} from '../../models/burn/onnx-writer.js';
import { ELEMENT_TYPES, type ElementType } from '../../src/tensor.js';

interface FixtureModel {
  /** Content of model.onnx. */
  readonly onnx: Uint8Array;
  /** Content of model.json. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** Rows and columns of the fixture `burn`; an iteration takes about 3 µs. */
export const BURN_SIZE = 32;

/** What the fixture `fails` answers for the index 0, 1, 2 …; it fails on an index beyond them. */
export const FAILS_VALUES: readonly number[] = [0, 1, 4, 9, 16, 25, 36, 49, 64, 81];

/** Elements that the fixture `big-output` gives for each one that is asked for. */
export const BIG_OUTPUT_FACTOR = 1000;

/** The value of `x` for which the fixture `killed` divides the least integer by -1, and ends its process with SIGFPE. */
export const KILLING = 666_013;

/** Bytes of a row that the fixture `big-rows` gives. */
export const BIG_ROW_BYTES = 2 ** 20;

/** One thread each: what they compute is too small to share, and the tests need the cores. */
const ONE_THREAD = { sessionOptions: { intraOpNumThreads: 1 } };

const OTHERS = {
  'echo-scalar': echo('float32', []),
  'echo-any-rank': echo('float32', null),
  'echo-text-any-rank': echo('string', null),
  'needs-pictures': needsPictures(),
  'unknown-sizes': unknownSizes(),
  'two-in-two-out': twoInTwoOut(),
  'zero-rows': zeroRows(),
  burn: burn(),
  fails: fails(),
  'sum-rows': sumRows(),
  'prototype-names': prototypeNames(),
  'adds-unequal': addsUnequal(),
  'not-batchable': notBatchable(),
  'leaks-maximum': leaksMaximum(),
  'leaks-late': leaksLate(),
  'quantized-lookup': quantizedLookup(),
  'half-precision': halfPrecision(),
  strings: strings(),
  wide: wide(),
  'big-output': bigOutput(),
  'big-rows': bigRows(),
  'takes-memory': takesMemory(),
  killed: killed(),
  'killed-by-nothing': killedByNothing(),
  'killed-by-zeros': killedByZeros(),
  'hangs-on-zeros': hangsOnZeros(),
};

export type FixtureName = `echo-${ElementType}` | keyof typeof OTHERS;

const FIXTURES = {
  ...Object.fromEntries(ELEMENT_TYPES.map((type) => [`echo-${type}`, echo(type, ['n'])])),
  ...OTHERS,
} as Readonly<Record<FixtureName, FixtureModel>>;

/** They declare batches and mix their samples, so a server refuses to load them. */
export const MIXING_NAMES = ['not-batchable', 'leaks-maximum', 'quantized-lookup'] as const;

/** They end their process, or take all memory, where the input wants it. */
const DANGEROUS_NAMES = [
  'killed',
  'killed-by-nothing',
  'killed-by-zeros',
  'hangs-on-zeros',
  'takes-memory',
] as const;

/** All fixtures that load and harm nobody, whatever is sent. */
export const FIXTURE_NAMES: readonly FixtureName[] = (Object.keys(FIXTURES) as FixtureName[]).filter(
  (name) => ![...MIXING_NAMES, ...DANGEROUS_NAMES].some((other) => other === name),
);

/**
 * Writes a model repository into a folder.
 * @param names all fixtures that load, by default
 */
export function writeFixtureModels(dir: string, names: readonly FixtureName[] = FIXTURE_NAMES): void {
  for (const name of names) {
    const { onnx, settings } = FIXTURES[name];
    mkdirSync(join(dir, name, '1'), { recursive: true });
    writeFileSync(join(dir, name, '1', 'model.onnx'), onnx);
    writeFileSync(join(dir, name, 'model.json'), `${JSON.stringify(settings, null, 2)}\n`);
  }
}

function fixture(graph: GraphSpec, settings = {}, opsets?: ModelSpec['opsets']): FixtureModel {
  const onnx = encodeModel({ graph, producer: 'oneslot tests', ...(opsets !== undefined && { opsets }) });
  return { onnx, settings: { ...ONE_THREAD, ...settings } };
}

/** `input` → `output`, the same. */
function echo(type: ElementType, shape: readonly string[] | null): FixtureModel {
  return fixture(
    {
      name: 'echo',
      inputs: [{ name: 'input', type, shape }],
      outputs: [{ name: 'output', type, shape }],
      nodes: [node('Identity', ['input'], ['output'])],
    },
    { emptyInputs: shape?.length === 0 ? [] : ['input'] },
  );
}

/** `picture`, of a rank that its file does not say and four dimensions that it needs, → `mean` of each sample. */
function needsPictures(): FixtureModel {
  const graph: GraphSpec = {
    name: 'needs_pictures',
    inputs: [{ name: 'picture', type: 'float32', shape: null }],
    outputs: [{ name: 'mean', type: 'float32', shape: ['samples', 1, 1, 1] }],
    nodes: [node('GlobalAveragePool', ['picture'], ['mean'])],
  };
  return fixture(graph, { batch: { axis: 0, max: 4 } });
}

/** `picture` [n, 3, ?, ?] and `scale` [None, unk__12, -1] → both as they are: names that mean nothing. */
function unknownSizes(): FixtureModel {
  const value = (name: string, shape: readonly (number | string)[]) =>
    ({ name, type: 'float32', shape }) as const;
  const picture = ['n', 3, '?', '?'];
  const scale = ['None', 'unk__12', 'unk__12', '-1', '-1'];
  const graph: GraphSpec = {
    name: 'unknown_sizes',
    inputs: [value('picture', picture), value('scale', scale)],
    outputs: [value('same_picture', picture), value('same_scale', scale)],
    nodes: [node('Identity', ['picture'], ['same_picture']), node('Identity', ['scale'], ['same_scale'])],
  };
  return fixture(graph, { defaults: { scale: [[[[[1]]]]] } });
}

/** `a`, `b` of equal length → `sum`, `difference`. */
function twoInTwoOut(): FixtureModel {
  const value = (name: string) => ({ name, type: 'float32', shape: ['n'] }) as const;
  return fixture(
    {
      name: 'two_in_two_out',
      inputs: [value('a'), value('b')],
      outputs: [value('sum'), value('difference')],
      nodes: [node('Add', ['a', 'b'], ['sum']), node('Sub', ['a', 'b'], ['difference'])],
    },
    { emptyInputs: ['a', 'b'] },
  );
}

/** `x` [n, 4] → `rows` [kept, 4], those that begin with a positive number, and their `indices`; often none. */
function zeroRows(): FixtureModel {
  return fixture({
    name: 'zero_rows',
    inputs: [{ name: 'x', type: 'float32', shape: ['n', 4] }],
    outputs: [
      { name: 'rows', type: 'float32', shape: ['kept', 4] },
      { name: 'indices', type: 'int64', shape: ['kept'] },
    ],
    constants: [
      { name: 'zero', type: 'float32', dims: [], data: [0] },
      integer('first', 0),
      integers('leading', [0]),
    ],
    nodes: [
      node('Gather', ['x', 'first'], ['heads'], { axis: { int: 1 } }),
      node('Greater', ['heads', 'zero'], ['is_kept']),
      node('Compress', ['x', 'is_kept'], ['rows'], { axis: { int: 0 } }),
      node('NonZero', ['is_kept'], ['positions']),
      node('Squeeze', ['positions', 'leading'], ['indices']),
    ],
  });
}

/** The shipped burn, smaller: a run takes microseconds to as long as a test wants. */
function burn(): FixtureModel {
  const settings = {
    ...ONE_THREAD,
    cost: 'iterations',
    defaults: { seed: [1] },
    warmup: { iterations: { value: [100] } },
  };
  return { onnx: burnModel(BURN_SIZE), settings };
}

/** `index` → `value`, looked up in FAILS_VALUES. One index out of range fails the run of a whole batch. */
function fails(): FixtureModel {
  const graph: GraphSpec = {
    name: 'fails',
    inputs: [{ name: 'index', type: 'int64', shape: ['batch'] }],
    outputs: [{ name: 'value', type: 'float32', shape: ['batch'] }],
    constants: [{ name: 'values', type: 'float32', data: FAILS_VALUES }],
    nodes: [node('Gather', ['values', 'index'], ['value'])],
  };
  return fixture(graph, { batch: { axis: 0, max: 8 } });
}

/** `x` [batch, n] → `sum` [batch]. Samples of another n can't be joined. */
function sumRows(): FixtureModel {
  const graph: GraphSpec = {
    name: 'sum_rows',
    inputs: [{ name: 'x', type: 'float32', shape: ['batch', 'n'] }],
    outputs: [{ name: 'sum', type: 'float32', shape: ['batch'] }],
    constants: [integers('within_row', [1])],
    nodes: [node('ReduceSum', ['x', 'within_row'], ['sum'], { keepdims: { int: 0 } })],
  };
  return fixture(graph, { batch: { axis: 0, max: 8 }, emptyInputs: ['x'] });
}

/**
 * `constructor`, `__proto__`, both [2, batch] → `sum`, their sum. Every JavaScript object has something of these names;
 * samples are joined along axis 1.
 */
function prototypeNames(): FixtureModel {
  const value = (name: string) => ({ name, type: 'float32', shape: [2, 'batch'] }) as const;
  const graph: GraphSpec = {
    name: 'prototype_names',
    inputs: [value('constructor'), value('__proto__')],
    outputs: [value('sum')],
    nodes: [node('Add', ['constructor', '__proto__'], ['sum'])],
  };
  return fixture(graph, { batch: { axis: 1, max: 8 }, emptyInputs: ['constructor', '__proto__'] });
}

/** `a`, `b` of sizes that need not be equal → `sum`; the model repeats a single one for all of the other. */
function addsUnequal(): FixtureModel {
  const value = (name: string) => ({ name, type: 'float32', shape: ['?'] }) as const;
  const graph: GraphSpec = {
    name: 'adds_unequal',
    inputs: [value('a'), value('b')],
    outputs: [value('sum')],
    nodes: [node('Add', ['a', 'b'], ['sum'])],
  };
  return fixture(graph, { batch: { axis: 0, max: 8 } });
}

/** Declares batches, but takes the mean over all samples off each, so that company changes the answer. */
function notBatchable(): FixtureModel {
  const value = (name: string) => ({ name, type: 'float32', shape: ['batch', 4] }) as const;
  const graph: GraphSpec = {
    name: 'not_batchable',
    inputs: [value('x')],
    outputs: [value('centred')],
    nodes: [
      node('ReduceMean', ['x'], ['mean'], { axes: { ints: [0] }, keepdims: { int: 1 } }),
      node('Sub', ['x', 'mean'], ['centred']),
    ],
  };
  return fixture(graph, { batch: { axis: 0, max: 8 } });
}

/** Declares batches, but takes the largest of all samples' integers off each: it tells one caller what another sent. */
function leaksMaximum(): FixtureModel {
  const value = (name: string) => ({ name, type: 'int64', shape: ['batch'] }) as const;
  const graph: GraphSpec = {
    name: 'leaks_maximum',
    inputs: [value('x')],
    outputs: [value('below')],
    nodes: [
      node('ReduceMax', ['x'], ['most'], { axes: { ints: [0] }, keepdims: { int: 1 } }),
      node('Sub', ['x', 'most'], ['below']),
    ],
  };
  return fixture(graph, { batch: { axis: 0, max: 8 } });
}

/** Mixes its samples only beyond 100,000, which no proof at load tries: takes off each by how much the largest is beyond. */
function leaksLate(): FixtureModel {
  const value = (name: string) => ({ name, type: 'float32', shape: ['batch'] }) as const;
  const graph: GraphSpec = {
    name: 'leaks_late',
    inputs: [value('x')],
    outputs: [value('y')],
    constants: [{ name: 'limit', type: 'float32', dims: [], data: [100_000] }],
    nodes: [
      node('ReduceMax', ['x'], ['most'], { axes: { ints: [0] }, keepdims: { int: 1 } }),
      node('Sub', ['most', 'limit'], ['beyond']),
      node('Relu', ['beyond'], ['excess']),
      node('Sub', ['x', 'excess'], ['y']),
    ],
  };
  return fixture(graph, { batch: { axis: 0, max: 8 } });
}

/**
 * `ids` [batch] → `y` [batch, 2], looked up and multiplied in 8 bits whose range is measured over all samples, as
 * dynamically quantised models do: beside a large value, small ones become 0.
 */
function quantizedLookup(): FixtureModel {
  const graph: GraphSpec = {
    name: 'quantized_lookup',
    inputs: [{ name: 'ids', type: 'int64', shape: ['batch'] }],
    outputs: [{ name: 'y', type: 'float32', shape: ['batch', 2] }],
    constants: [
      { name: 'table', type: 'float32', dims: [3, 2], data: [0, 0, 0.9, -0.7, 500, -400] },
      { name: 'weights', type: 'uint8', dims: [2, 2], data: [1, 0, 0, 1] },
    ],
    nodes: [
      node('Gather', ['table', 'ids'], ['found']),
      node('DynamicQuantizeLinear', ['found'], ['quantized', 'scale', 'zero']),
      node('MatMulInteger', ['quantized', 'weights', 'zero'], ['product']),
      node('Cast', ['product'], ['floats'], { to: { int: 1 } }),
      node('Mul', ['floats', 'scale'], ['y']),
    ],
  };
  return fixture(graph, { batch: { axis: 0, max: 8 } });
}

/** `x` [batch, 4] → `y`, x + 1, and 0.001 more for each further sample: as inexact as half precision may be. */
function halfPrecision(): FixtureModel {
  const value = (name: string) => ({ name, type: 'float16', shape: ['batch', 4] }) as const;
  const half = (name: string, bits: number): ConstantSpec => ({
    name,
    type: 'float16',
    dims: [],
    data: [bits],
  });
  const graph: GraphSpec = {
    name: 'half_precision',
    inputs: [value('x')],
    outputs: [value('y')],
    constants: [integer('first', 0), half('one', 0x3c00), half('thousandth', 0x1419)],
    nodes: [
      node('Shape', ['x'], ['shape']),
      node('Gather', ['shape', 'first'], ['count']),
      node('Cast', ['count'], ['samples'], { to: { int: 10 } }),
      node('Sub', ['samples', 'one'], ['others']),
      node('Mul', ['others', 'thousandth'], ['off']),
      node('Add', ['x', 'one'], ['sum']),
      node('Add', ['sum', 'off'], ['y']),
    ],
  };
  return fixture(graph, { batch: { axis: 0, max: 8 } });
}

/** `text` → `upper`, in capitals, and `code`: 1 for YES, 0 for NO, 2 for MAYBE, -1 for all else. */
function strings(): FixtureModel {
  const graph: GraphSpec = {
    name: 'strings',
    inputs: [{ name: 'text', type: 'string', shape: ['n'] }],
    outputs: [
      { name: 'upper', type: 'string', shape: ['n'] },
      { name: 'code', type: 'int64', shape: ['n'] },
    ],
    nodes: [
      // Another locale than C makes loading fail where that locale is not installed.
      node('StringNormalizer', ['text'], ['upper'], {
        case_change_action: { string: 'UPPER' },
        locale: { string: 'C' },
      }),
      {
        op: 'LabelEncoder',
        domain: 'ai.onnx.ml',
        inputs: ['upper'],
        outputs: ['code'],
        attributes: {
          keys_strings: { strings: ['YES', 'NO', 'MAYBE'] },
          values_int64s: { ints: [1, 0, 2] },
          default_int64: { int: -1 },
        },
      },
    ],
  };
  return fixture(graph, {}, { '': 17, 'ai.onnx.ml': 3 });
}

/** `x` of any length → its `total`, a plain number: for large bodies that cost next to no run time. */
function wide(): FixtureModel {
  return fixture(
    {
      name: 'wide',
      inputs: [{ name: 'x', type: 'float32', shape: ['n'] }],
      outputs: [{ name: 'total', type: 'float32', shape: [] }],
      nodes: [node('ReduceSum', ['x'], ['total'], { keepdims: { int: 0 } })],
    },
    { emptyInputs: ['x'] },
  );
}

/** `count` → `positions` 0, 1, 2 …, BIG_OUTPUT_FACTOR for each one counted: a large answer to a small request. */
function bigOutput(): FixtureModel {
  return fixture({
    name: 'big_output',
    inputs: [{ name: 'count', type: 'int64', shape: [1] }],
    outputs: [{ name: 'positions', type: 'float32', shape: ['size'] }],
    constants: [
      integer('zero', 0),
      integer('one', 1),
      integer('factor', BIG_OUTPUT_FACTOR),
      integers('leading', [0]),
    ],
    nodes: [
      node('Mul', ['count', 'factor'], ['sizes']),
      node('Squeeze', ['sizes', 'leading'], ['size']),
      node('Range', ['zero', 'size', 'one'], ['integers']),
      node('Cast', ['integers'], ['positions'], { to: { int: 1 } }),
    ],
  });
}

/** `count` → `sum` of so many zeros, which lie in memory one beside the other. */
function takesMemory(): FixtureModel {
  return fixture({
    name: 'takes_memory',
    inputs: [{ name: 'count', type: 'int64', shape: [1] }],
    outputs: [{ name: 'sum', type: 'float32', shape: [] }],
    nodes: [
      node('ConstantOfShape', ['count'], ['zeros']),
      node('ReduceSum', ['zeros'], ['sum'], { keepdims: { int: 0 } }),
    ],
  });
}

/** `x` → `y`, the same, and the end of the process where any of them is KILLING. */
function killed(): FixtureModel {
  const graph: GraphSpec = {
    name: 'killed',
    inputs: [{ name: 'x', type: 'int32', shape: ['batch'] }],
    outputs: [{ name: 'y', type: 'int32', shape: ['batch'] }],
    constants: [
      { name: 'killing', type: 'int32', dims: [], data: [KILLING] },
      // Of 32 bits, several would be divided at once, and by another instruction.
      integer('least', -(2 ** 63)),
      integer('minus_one', -1),
      integer('one', 1),
      integer('zero', 0),
    ],
    nodes: [
      node('Equal', ['x', 'killing'], ['kills']),
      node('Where', ['kills', 'minus_one', 'one'], ['divisor']),
      node('Div', ['least', 'divisor'], ['quotient']),
      node('Mul', ['quotient', 'zero'], ['product']),
      node('Cast', ['product'], ['nothing'], { to: { int: 6 } }),
      node('Add', ['x', 'nothing'], ['y']),
    ],
  };
  return fixture(graph, { batch: { axis: 0, max: 8 } });
}

/** `x` → `y`, 100 / x, and the end of the process where any of them is 0, as in every warm-up that is made up. */
function killedByZeros(): FixtureModel {
  const value = (name: string): ValueSpec => ({ name, type: 'int32', shape: ['n'] });
  return fixture({
    name: 'killed_by_zeros',
    inputs: [value('x')],
    outputs: [value('y')],
    constants: [{ name: 'hundred', type: 'int32', dims: [], data: [100] }],
    nodes: [node('Div', ['hundred', 'x'], ['y'])],
  });
}

/** `x` → `y`, x as often added as it takes to reach 100: for zeros, for ever. */
function hangsOnZeros(): FixtureModel {
  const scalar = (name: string, type: ElementType): ValueSpec => ({ name, type, shape: [] });
  const body: GraphSpec = {
    name: 'addition',
    inputs: [scalar('index', 'int64'), scalar('condition_in', 'bool'), scalar('sum_in', 'int64')],
    outputs: [scalar('condition_out', 'bool'), scalar('sum_out', 'int64')],
    nodes: [
      node('Add', ['sum_in', 'x'], ['sum_out']),
      node('Less', ['sum_out', 'hundred'], ['condition_out']),
    ],
  };
  return fixture({
    name: 'hangs_on_zeros',
    inputs: [scalar('x', 'int64')],
    outputs: [scalar('y', 'int64')],
    constants: [
      { name: 'hundred', type: 'int64', dims: [], data: [100] },
      { name: 'zero', type: 'int64', dims: [], data: [0] },
      { name: 'true', type: 'bool', dims: [], data: [1] },
    ],
    nodes: [node('Loop', ['', 'true', 'zero'], ['y'], { body: { graph: body } })],
  });
}

/** `x` [t, n, 3] → `last` [1, n, 4], by a GRU, which ends its process with SIGABRT where there are no steps in time. */
function killedByNothing(): FixtureModel {
  const weights = (name: string, dims: readonly [number, number, number]): ConstantSpec => {
    const data = Array.from({ length: dims[0] * dims[1] * dims[2] }, (_, index) => (index % 7) / 7);
    return { name, type: 'float32', dims, data };
  };
  const graph: GraphSpec = {
    name: 'killed_by_nothing',
    inputs: [{ name: 'x', type: 'float32', shape: ['t', 'n', 3] }],
    outputs: [{ name: 'last', type: 'float32', shape: [1, 'n', 4] }],
    constants: [weights('w', [1, 12, 3]), weights('r', [1, 12, 4])],
    nodes: [node('GRU', ['x', 'w', 'r'], ['', 'last'], { hidden_size: { int: 4 } })],
  };
  return fixture(graph, { emptyInputs: ['x'] });
}

/** `x` [batch, 1] → `row` [batch, many], each row as often as it takes to make it large. */
function bigRows(): FixtureModel {
  const graph: GraphSpec = {
    name: 'big_rows',
    inputs: [{ name: 'x', type: 'float32', shape: ['batch', 1] }],
    outputs: [{ name: 'row', type: 'float32', shape: ['batch', BIG_ROW_BYTES / 4] }],
    constants: [integers('shape', [1, BIG_ROW_BYTES / 4])],
    nodes: [node('Expand', ['x', 'shape'], ['row'])],
  };
  return fixture(graph, { batch: { axis: 0, max: 8 } });
}

function integer(name: string, value: number): ConstantSpec {
  return { name, type: 'int64', dims: [], data: [value] };
}

function integers(name: string, data: readonly number[]): ConstantSpec {
  return { name, type: 'int64', data };
}
