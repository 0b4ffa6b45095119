// model.json against the signature of the model's file.

import { describe, expect, test } from '@jest/globals';
import { checkSettings } from '../../src/model-repository/check-settings.js';
import type { ModelSettings } from '../../src/model-repository/model.js';
import { readSettings } from '../../src/model-repository/settings.js';
import type { Signature, TensorSpec } from '../../src/tensor.js';
import { tempFolders } from '../support/temp-folders.js';

const makeFolder = tempFolders();
const DIGITS: Signature = {
  inputs: [{ name: 'image', type: 'float32', shape: ['batch', 8, 8] }],
  outputs: [
    { name: 'probabilities', type: 'float32', shape: ['batch', 10] },
    { name: 'label', type: 'int64', shape: ['batch'] },
  ],
};

const FACES: Signature = {
  inputs: [
    { name: 'image', type: 'uint8', shape: ['height', 'width', 3] },
    { name: 'threshold', type: 'float32', shape: [1] },
  ],
  outputs: [{ name: 'boxes', type: 'float32', shape: ['faces', 4] }],
};

const withInputs = (...inputs: readonly TensorSpec[]): Signature => ({ inputs, outputs: [] });

/** What is wrong with a model.json of these settings for a model of this signature; undefined for nothing. */
async function problem(settings: object, signature: Signature): Promise<string | undefined> {
  const read: ModelSettings = await readSettings(await makeFolder({ 'model.json': settings }));
  try {
    checkSettings(read, signature, 'm/model.json');
    return undefined;
  } catch (error) {
    const { message } = error as Error;
    expect(message).toMatch(/^m\/model\.json: /);
    return message.slice('m/model.json: '.length);
  }
}

test('settings that fit are settings that nothing is said of', async () => {
  const digits = {
    warmup: { image: { shape: [4, 8, 8] } },
    image: { input: 'image', layout: 'NHW', width: 8, height: 8 },
    labels: { label: ['0', '1'] },
    batch: { max: 64 },
  };
  const faces = {
    warmup: { image: { shape: [512, 512, 3] }, threshold: { value: [0.5] } },
    image: { input: 'image', layout: 'HWC' },
    defaults: { threshold: [0.5] },
    cost: 'threshold',
  };
  expect(await problem(digits, DIGITS)).toBeUndefined();
  expect(await problem(faces, FACES)).toBeUndefined();
  expect(await problem({}, withInputs())).toBeUndefined();
});

test('a name that the model does not have is told with the nearest that it has', async () => {
  const noImage = 'there is no input "imag"; did you mean "image"? There are image, threshold';
  expect(await problem({ warmup: { imag: { shape: [1] } } }, FACES)).toBe(`warmup: ${noImage}`);
  expect(await problem({ defaults: { imag: 1 } }, FACES)).toBe(`defaults: ${noImage}`);
  expect(await problem({ image: { input: 'imag', layout: 'HWC' } }, FACES)).toBe(`image.input: ${noImage}`);
  expect(await problem({ cost: 'imag' }, FACES)).toBe(`cost: ${noImage}`);
  expect(await problem({ batch: { max: 8, inputs: { imag: 0 } } }, DIGITS)).toBe(
    'batch.inputs: there is no input "imag"; did you mean "image"? There are image',
  );
  const noLabel = 'there is no output "labels"; did you mean "label"? There are probabilities, label';
  expect(await problem({ labels: { labels: ['a'] } }, DIGITS)).toBe(`labels: ${noLabel}`);
  expect(await problem({ batch: { max: 8, outputs: { labels: 0 } } }, DIGITS)).toBe(
    `batch.outputs: ${noLabel}`,
  );
  expect(await problem({ cost: 'steps' }, withInputs())).toBe('cost: there is no input "steps"');
});

test('all that is wrong is told at once', async () => {
  const message = await problem({ cost: 'image', labels: { probabilities: ['a'] } }, DIGITS);
  expect(message).toBe(
    'labels.probabilities: expected an int64 output, got float32[batch,10]; ' +
      'cost: expected an input of one element of int32, int64, float32, float64, got image float32[batch,8,8]',
  );
});

describe('a warm-up', () => {
  test.each([[[8, 8]], [[1, 8, 9]], [[1, 8, 8, 1]], [[]]])(
    'has the rank and the fixed sizes of its input: %j',
    async (shape) => {
      expect(await problem({ warmup: { image: { shape } } }, DIGITS)).toBe(
        `warmup.image: expected a shape that fits image float32[batch,8,8], got [${shape.join(',')}]`,
      );
    },
  );

  test('has a value that a request could have', async () => {
    expect(await problem({ warmup: { threshold: { value: ['high'] } } }, FACES)).toMatch(
      /^warmup\.threshold: .*threshold.*"high"/,
    );
  });

  test('has equal sizes where the model has equal names', async () => {
    const signature = withInputs(
      { name: 'a', type: 'float32', shape: ['n', 2] },
      { name: 'b', type: 'float32', shape: [null, 'n'] },
      { name: 'c', type: 'float32', shape: [null] },
    );
    const warmup = { a: { shape: [3, 2] }, b: { shape: [5, 3] }, c: { shape: [7] } };
    expect(await problem({ warmup }, signature)).toBeUndefined();
    expect(await problem({ warmup: { ...warmup, b: { value: [[1, 2]] } } }, signature)).toBe(
      'warmup.b: expected n to be 3, as in a, got 2',
    );
  });
});

describe('the bounds of a dimension', () => {
  test('are those of a free one', async () => {
    expect(await problem({ dimensions: { height: { min: 48 }, width: { max: 9 } } }, FACES)).toBeUndefined();
    expect(await problem({ dimensions: { heigth: { min: 48 } } }, FACES)).toBe(
      'dimensions: there is no free dimension "heigth"; did you mean "height"? There are height, width',
    );
  });

  test('hold for a warm-up too', async () => {
    const settings = { dimensions: { height: { min: 48 } }, warmup: { image: { shape: [47, 9, 3] } } };
    expect(await problem(settings, FACES)).toBe(
      'warmup.image: dimension "height" has the size 47, expected at least 48',
    );
  });
});

test('a default is a value that a request could have', async () => {
  expect(await problem({ defaults: { threshold: 'high' } }, FACES)).toMatch(
    /^defaults\.threshold: .*threshold.*"high"/,
  );
  expect(await problem({ defaults: { threshold: [0.5, 0.5] } }, FACES)).toMatch(/^defaults\.threshold: /);
  expect(await problem({ defaults: { threshold: null } }, FACES)).toMatch(/^defaults\.threshold: .*null/);
});

describe('a mapping of pictures', () => {
  const image = (mapping: object) => ({ image: { input: 'x', layout: 'NCHW', ...mapping } });
  const fits = withInputs({ name: 'x', type: 'float32', shape: [1, 3, 224, 224] });
  const size = { width: 224, height: 224 };

  test('has the axes, channels and fixed sizes of its input', async () => {
    expect(await problem(image(size), fits)).toBeUndefined();
    expect(await problem(image({ ...size, layout: 'CHW' }), fits)).toBe(
      'image.layout: expected 4 axes, as in x float32[1,3,224,224], got CHW',
    );
    expect(await problem(image({ ...size, layout: 'NHWC' }), fits)).toBe(
      'image.height: expected 3, got 224, as in x float32[1,3,224,224]; ' +
        'image.channels: expected 224, got RGB, which are 3, as in x float32[1,3,224,224]',
    );
    expect(await problem(image({ ...size, channels: 'gray' }), fits)).toBe(
      'image.channels: expected 3, got gray, which are 1, as in x float32[1,3,224,224]',
    );
    expect(await problem(image({ width: 200, height: 224 }), fits)).toBe(
      'image.width: expected 224, got 200, as in x float32[1,3,224,224]',
    );
  });

  test('must give the size where the input has a fixed one', async () => {
    expect(await problem(image({}), fits)).toBe(
      'image.height: expected 224, got none, as in x float32[1,3,224,224]; ' +
        'image.width: expected 224, got none, as in x float32[1,3,224,224]',
    );
  });

  test('is for a batch of one', async () => {
    const signature = withInputs({ name: 'x', type: 'float32', shape: [4, 3, 'h', 'w'] });
    expect(await problem(image({}), signature)).toBe(
      'image.layout: a picture is a batch of 1, expected one of 4, as in x float32[4,3,h,w]',
    );
  });

  test.each(['string', 'bool', 'int64', 'float64'] as const)('is not for an input of %s', async (type) => {
    const signature = withInputs({ name: 'x', type, shape: ['h', 'w'] });
    expect(await problem(image({ layout: 'HW' }), signature)).toBe(
      `image.input: expected an input of uint8, float16, float32, got x ${type}[h,w]`,
    );
  });

  test('needs defaults for all other inputs, which a picture can’t give', async () => {
    expect(await problem({ image: { input: 'image', layout: 'HWC' } }, FACES)).toBe(
      'image: a picture becomes only image, so threshold needs a value in "defaults"',
    );
  });
});

test('labels go with an int64 output', async () => {
  expect(await problem({ labels: { label: ['a'] } }, DIGITS)).toBeUndefined();
  expect(await problem({ labels: { probabilities: ['a'] } }, DIGITS)).toBe(
    'labels.probabilities: expected an int64 output, got float32[batch,10]',
  );
});

describe('batches', () => {
  const hint = (kind: string, name: string) =>
    `an axis of its own goes into "batch": {"${kind}": {"${name}": …}}`;

  test('are joined along an axis that each input and output has, and that is free', async () => {
    expect(await problem({ batch: { max: 8, axis: 1 } }, DIGITS)).toBe(
      [
        `batch.axis: axis 1 of image float32[batch,8,8] has a fixed size, so nothing can be joined along it; ${hint('inputs', 'image')}`,
        `batch.axis: axis 1 of probabilities float32[batch,10] has a fixed size, so nothing can be joined along it; ${hint('outputs', 'probabilities')}`,
        `batch.axis: label int64[batch] has no axis 1; ${hint('outputs', 'label')}`,
      ].join('; '),
    );
    const scalar = withInputs({ name: 'x', type: 'float32', shape: [] });
    expect(await problem({ batch: { max: 8 } }, scalar)).toBe(
      `batch.axis: x float32[] has no axis 0; ${hint('inputs', 'x')}`,
    );
  });

  test('may have another axis for each input and output', async () => {
    const signature: Signature = {
      inputs: [
        { name: 'a', type: 'float32', shape: ['n', 4] },
        { name: 'b', type: 'float32', shape: [4, null] },
      ],
      outputs: [{ name: 'y', type: 'float32', shape: [2, 3, 'n'] }],
    };
    const batch = { max: 8, inputs: { b: 1 }, outputs: { y: 2 } };
    expect(await problem({ batch }, signature)).toBeUndefined();
    expect(await problem({ batch: { ...batch, inputs: { b: 2 }, outputs: { y: 0 } } }, signature)).toBe(
      'batch.inputs.b: b float32[4,?] has no axis 2; ' +
        'batch.outputs.y: axis 0 of y float32[2,3,n] has a fixed size, so nothing can be joined along it',
    );
  });

  test('leave outputs of unknown rank to the proof at load', async () => {
    const signature: Signature = {
      inputs: [{ name: 'x', type: 'float32', shape: ['n'] }],
      outputs: [{ name: 'y', type: 'float32', shape: [] }],
    };
    expect(await problem({ batch: { max: 8 } }, signature)).toBeUndefined();
  });

  test('need an input', async () => {
    expect(await problem({ batch: { max: 8 } }, withInputs())).toBe(
      'batch: a model without inputs has nothing to join',
    );
  });
});

describe('a cost', () => {
  test.each([
    ['int64', [1]],
    ['int32', []],
    ['float32', ['n']],
    ['float64', [1, null]],
  ] as const)('may be read from %s%j', async (type, shape) => {
    expect(await problem({ cost: 'x' }, withInputs({ name: 'x', type, shape }))).toBeUndefined();
  });

  test.each([
    ['int64', [2]],
    ['string', [1]],
    ['uint8', []],
  ] as const)('can’t be read from %s%j', async (type, shape) => {
    expect(await problem({ cost: 'x' }, withInputs({ name: 'x', type, shape }))).toBe(
      `cost: expected an input of one element of int32, int64, float32, float64, got x ${type}[${shape.join(',')}]`,
    );
  });
});

test('an input that may be empty exists', async () => {
  expect(await problem({ emptyInputs: ['image'] }, FACES)).toBeUndefined();
  expect(await problem({ emptyInputs: ['imge'] }, FACES)).toMatch(
    /^emptyInputs: there is no input "?imge"?; did you mean "?image/,
  );
});

test('a batch holds no more samples than the dimension may have', async () => {
  const dimensions = { batch: { max: 16 } };
  expect(await problem({ dimensions, batch: { max: 16 } }, DIGITS)).toBeUndefined();
  expect(await problem({ dimensions, batch: { max: 32 } }, DIGITS)).toBe(
    'batch.max: expected at most 16, the largest size of the dimension "batch" of image, got 32',
  );
});
