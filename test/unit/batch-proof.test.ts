// The proof at load that samples get the same answers together as alone: what is wrong is told with its output's name.

import { expect, test } from '@jest/globals';
import type { ModelSettings } from '../../src/model-repository/model.js';
import { proveBatch } from '../../src/runner/batch-proof.js';
import { sampleShapes } from '../../src/runner/sample-shapes.js';
import { numbersOf, numericTensor } from '../../src/runner/typed-arrays.js';
import {
  type ElementType,
  elementCount,
  type NumericTensor,
  type NumericType,
  type StringTensor,
  stringsOf,
  stringTensor,
  type Tensor,
  type Tensors,
} from '../../src/tensor.js';
import { model } from '../support/predictions.js';

type Model = (inputs: Tensors) => Tensors | Promise<Tensors>;

interface Setup {
  /** @default one input `x`, float32[n] */
  readonly inputs?: Readonly<Record<string, ElementType>>;
  readonly settings?: Partial<ModelSettings>;
  readonly max?: number;
  readonly tolerance?: number;
  readonly budgetMs?: number;
  readonly rows?: number;
  readonly isFatal?: (reason: string) => boolean;
}

/** Proves a model whose inputs are all of shape [n]. */
async function prove(compute: Model, { inputs = { x: 'float32' }, settings = {}, ...rest }: Setup = {}) {
  const specs = Object.entries(inputs).map(([name, type]) => ({ name, type, shape: ['n'] }));
  const axesOf = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, 0]));
  const outputs = await outputNamesOf(compute, inputs);
  return await proveBatch({
    axes: { inputs: axesOf(Object.keys(inputs)), outputs: axesOf(outputs) },
    max: 8,
    outputs,
    shapes: sampleShapes({ inputs: specs, outputs: [] }, { ...model().settings, ...settings }, 'cpu'),
    run: async (request) => compute(request.inputs),
    ...rest,
  });
}

/** The model may take no zeros, and none of the tests' models minds ones. */
async function outputNamesOf(compute: Model, inputs: Readonly<Record<string, ElementType>>) {
  const ones = Object.entries(inputs).map(([name, type]) => [
    name,
    type === 'string' ? stringTensor([1], ['1']) : numericTensor(type, [1], () => 1),
  ]);
  try {
    return Object.keys(await compute(Object.fromEntries(ones)));
  } catch {
    return ['y'];
  }
}

const numbers = (tensor: Tensor | undefined): number[] => Array.from(numbersOf(tensor as NumericTensor));
const strings = (tensor: Tensor | undefined): string[] => stringsOf(tensor as StringTensor);

function tensorOf(values: readonly number[], type: NumericType = 'float32', dims = [values.length]) {
  const left = [...values];
  return numericTensor(type, dims, () => left.shift()!);
}

const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);
const most = (values: readonly number[]): number => values.reduce((a, b) => Math.max(a, b));

test('outputs that do not change with company prove it, and it is told how much was run', async () => {
  const proved = await prove(({ x }) => ({
    same: x!,
    doubled: tensorOf(numbers(x).map((value) => 2 * value)),
  }));
  expect(proved).toMatchObject({ largest: 8, warnings: [] });
  expect(proved.samples).toBeGreaterThan(10);
  expect(proved.batches).toBeGreaterThan(5);
});

const TYPES: readonly NumericType[] = [
  'float16',
  'float32',
  'float64',
  'int8',
  'uint8',
  'int32',
  'int64',
  'uint64',
];

test.each(TYPES)('a %s output from which the largest of all samples is taken is named', async (type) => {
  const mixing: Model = ({ x }) => {
    const values = numbers(x);
    return {
      kept: x!,
      mixed: tensorOf(
        values.map((value) => most(values) - value),
        type,
      ),
    };
  };
  await expect(prove(mixing, { inputs: { x: type } })).rejects.toThrow(
    /^"batch" is declared, but output mixed differs between \d samples together and alone/,
  );
});

test('mixing that only strings show, or only booleans, is found', async () => {
  const joined: Model = ({ x }) => ({
    y: stringTensor(
      x!.dims,
      strings(x).map(() => strings(x).join()),
    ),
  });
  await expect(prove(joined, { inputs: { x: 'string' } })).rejects.toThrow('output y differs');
  const any: Model = ({ x }) => ({
    y: tensorOf(
      numbers(x).map(() => most(numbers(x))),
      'bool',
    ),
  });
  await expect(prove(any, { inputs: { x: 'bool' } })).rejects.toThrow('output y differs');
});

test('mixing of one input is found where others take hardly a value', async () => {
  const picky: Model = ({ ids, kinds }) => {
    if (numbers(ids).some((id) => id > 3)) throw new Error('out of range');
    if (numbers(kinds).some((kind) => kind > 1)) throw new Error('out of range');
    const sum = total(numbers(kinds));
    return { y: tensorOf(numbers(ids).map((id) => id + sum)) };
  };
  await expect(prove(picky, { inputs: { ids: 'int64', kinds: 'int32' } })).rejects.toThrow(
    'output y differs',
  );
});

test('samples of very different size meet in one batch: an 8-bit range over all of them loses the small ones', async () => {
  const quantized: Model = ({ x }) => {
    const step = Math.max(1e-9, most(numbers(x).map(Math.abs)) / 127);
    return { y: tensorOf(numbers(x).map((value) => Math.round(value / step) * step)) };
  };
  await expect(prove(quantized)).rejects.toThrow('output y differs');
});

test('what later samples change in earlier ones is found, and what earlier ones change in later ones', async () => {
  const before: Model = ({ x }) => ({
    y: tensorOf(numbers(x).map((_, index) => total(numbers(x).slice(0, index + 1)))),
  });
  const behind: Model = ({ x }) => ({
    y: tensorOf(numbers(x).map((_, index) => total(numbers(x).slice(index)))),
  });
  const sorted: Model = ({ x }) => ({ y: tensorOf(numbers(x).toSorted((a, b) => a - b)) });
  for (const mixing of [before, behind, sorted])
    await expect(prove(mixing)).rejects.toThrow('output y differs');
});

test('a model that mixes from its seventh sample on is found: the declared maximum is tried', async () => {
  const crowded: Model = ({ x }) => ({
    y: tensorOf(numbers(x).map((value) => (numbers(x).length > 6 ? -value : value))),
  });
  await expect(prove(crowded)).rejects.toThrow('output y differs between 8 samples');
  await expect(prove(crowded, { max: 6 })).resolves.toMatchObject({ largest: 6 });
});

test('kernels may sum in another order, and half precision loses digits', async () => {
  const off: (type: NumericType, by: number) => Model =
    (type, by) =>
    ({ x }) => ({
      y: tensorOf(
        numbers(x).map((value) => value * (1 + by * (numbers(x).length - 1))),
        type,
      ),
    });
  await prove(off('float32', 1e-5));
  await expect(prove(off('float32', 1e-2))).rejects.toThrow(/by 0\.01 of its scale \(0\.001 allowed\)/);
  await prove(off('float16', 1e-3), { inputs: { x: 'float16' } });
  await expect(prove(off('float16', 1e-1), { inputs: { x: 'float16' } })).rejects.toThrow('(0.02 allowed)');
  await prove(off('float64', 1e-6), { inputs: { x: 'float64' } });
  await expect(prove(off('float64', 1e-3), { inputs: { x: 'float64' } })).rejects.toThrow('(0.0001 allowed)');
});

test('model.json may allow more, or less', async () => {
  const off: Model = ({ x }) => ({
    y: tensorOf(numbers(x).map((value) => value * (1 + numbers(x).length / 500))),
  });
  await expect(prove(off)).rejects.toThrow('output y differs');
  await prove(off, { tolerance: 0.05 });
  await expect(prove(off, { tolerance: 1e-5 })).rejects.toThrow('(0.00001 allowed)');
});

test('NaN and Infinity are their own equals', async () => {
  await prove(({ x }) => ({
    y: tensorOf(numbers(x).map(Math.log)),
    z: tensorOf(numbers(x).map((v) => 1e300 * v)),
  }));
});

test('a near tie is no mixing, as long as it stays a rare one', async () => {
  const flipping = (share: number): Model => {
    let rows = 0;
    return ({ x }) => ({
      label: tensorOf(
        numbers(x).map((value) => (numbers(x).length > 1 && ++rows % share === 0 ? 7 : Math.sign(value))),
        'int64',
      ),
    });
  };
  await prove(flipping(150));
  await expect(prove(flipping(20))).rejects.toThrow('output label differs');
});

test('an output that is a scalar, one for all samples together, is named', async () => {
  const scalar: Model = ({ x }) => ({ same: x!, total: tensorOf([total(numbers(x))], 'float32', []) });
  await expect(prove(scalar)).rejects.toThrow(
    '"batch" is declared, but output total of 2 samples together can\'t be cut into theirs: ' +
      'expected 2 along axis 0, got dims []',
  );
});

test('an output of another size than the samples have is named', async () => {
  const first: Model = ({ x }) => ({ same: x!, first: tensorOf([numbers(x)[0]!]) });
  await expect(prove(first)).rejects.toThrow(
    "output first of 2 samples together can't be cut into theirs: expected 2 along axis 0, got dims [1]",
  );
});

test('samples that fail only together are told of', async () => {
  const alone: Model = ({ x }) => {
    if (elementCount(x!.dims) > 4) throw new Error('too many');
    return { y: x! };
  };
  await expect(prove(alone)).rejects.toThrow(
    '6 samples together fail, each of which succeeds alone: too many',
  );
});

test('a model whose answers are random is not blamed for mixing', async () => {
  await expect(prove(({ x }) => ({ y: tensorOf(numbers(x).map(Math.random)) }))).rejects.toThrow(
    'output y of one and the same sample alone differs from run to run',
  );
});

test('where no two samples can be found, or all get the same answer, the cure is named', async () => {
  const none: Model = ({ x }) => {
    if (numbers(x)[0] !== 1) throw new Error('not this one');
    return { y: x! };
  };
  const cure = '"warmup" in model.json can give samples that the model takes';
  await expect(prove(none, { inputs: { x: 'int32' } })).rejects.toThrow(
    `it can't be proved: no two samples were found that the model takes (not this one); ${cure}`,
  );
  await expect(prove(({ x }) => ({ y: tensorOf(numbers(x).map(() => 1)) }))).rejects.toThrow(
    `it can't be proved: all samples that were tried get the same answer; ${cure}`,
  );
});

test('an input that takes one value only is named, and samples in model.json are the cure', async () => {
  const picky: Model = ({ x, key }) => {
    if (strings(key).some((text) => text !== '' && text !== 'open' && text !== 'shut'))
      throw new Error('no such key');
    return { y: x! };
  };
  const inputs = { x: 'float32', key: 'string' } as const;
  await expect(prove(picky, { inputs })).rejects.toThrow(
    "it can't be proved: the model takes one value of key and no other (no such key)",
  );
  await prove(picky, {
    inputs,
    settings: { warmup: { x: { value: [1, 2] }, key: { value: ['open', 'shut'] } } },
  });
});

test('integers stay within what model.json gives, and never become a 0 that was not there', async () => {
  const seen = new Set<number>();
  const divides: Model = ({ by, x }) => {
    for (const value of numbers(by)) seen.add(value);
    return { y: tensorOf(numbers(x).map((value, row) => value / numbers(by)[row]!)) };
  };
  await prove(divides, {
    inputs: { x: 'float32', by: 'int32' },
    settings: { warmup: { by: { value: [3, 9, 4] }, x: { value: [1, 2, 3] } } },
  });
  const drawn = [...seen].filter((value) => value !== 1);
  expect(Math.min(...drawn)).toBe(3);
  expect(Math.max(...drawn)).toBe(9);
  expect(drawn.length).toBeGreaterThan(3);
});

test('floats are no larger than what model.json gives, and differ in size all the same', async () => {
  const seen: number[] = [];
  const model: Model = ({ x }) => {
    seen.push(...numbers(x).map(Math.abs));
    return { y: x! };
  };
  await prove(model, { settings: { warmup: { x: { value: [0.25, -2] } } } });
  const drawn = seen.slice(1);
  expect(Math.max(...drawn)).toBeLessThanOrEqual(2);
  expect(Math.min(...drawn)).toBeLessThan(0.01);
});

test('a count of turns is left small, whether model.json calls it the cost or not', async () => {
  let longest = 0;
  const turning: Model = async ({ turns }) => {
    const count = most(numbers(turns));
    longest = Math.max(longest, count);
    await new Promise((resolve) => setTimeout(resolve, count));
    return { y: turns! };
  };
  await prove(turning, { inputs: { turns: 'int64' } });
  expect(longest).toBeLessThanOrEqual(999);
  longest = 0;
  await prove(turning, { inputs: { turns: 'int64' }, settings: { cost: 'turns' } });
  expect(longest).toBeLessThanOrEqual(2);
});

test('where time is up, every proof has two samples alone and together still', async () => {
  let runs = 0;
  const slow: Model = ({ x }) => {
    runs += 1;
    return { y: x! };
  };
  await expect(prove(slow, { budgetMs: 0 })).resolves.toMatchObject({ samples: 2, batches: 1, largest: 2 });
  // With the test's own, and two that find out what the model takes.
  expect(runs).toBe(6);
});

test('where a prediction has more rows than one at least, samples have as many', async () => {
  const sizes = new Set<number>();
  const picky: Model = ({ x }) => {
    sizes.add(elementCount(x!.dims));
    if (elementCount(x!.dims) % 3 !== 0) throw new Error('three at a time');
    return { y: x! };
  };
  await expect(prove(picky, { rows: 3, max: 9 })).resolves.toMatchObject({ largest: 3 });
  expect([...sizes].filter((size) => size > 1).sort()).toEqual([3, 6, 9]);
  await expect(prove(picky, { rows: 3, max: 5 })).rejects.toThrow(
    'a prediction has 3 rows at least, so no two of them fit into a max of 5',
  );
});

test('a failure that ends all further runs ends the proof', async () => {
  let runs = 0;
  const broken: Model = ({ x }) => {
    runs += 1;
    if (numbers(x).some((value) => value > 1)) throw new Error('illegal memory access');
    return { y: x! };
  };
  const isFatal = (reason: string) => reason.includes('illegal memory access');
  await expect(prove(broken, { inputs: { x: 'int64' }, isFatal })).rejects.toThrow('illegal memory access');
  expect(runs).toBeLessThan(10);
});
