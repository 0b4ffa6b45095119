// model.json: every key, its default, and what is said of a wrong one.

import { describe, expect, test } from '@jest/globals';
import { readSettings } from '../../src/model-repository/settings.js';
import { type Tree, tempFolders } from '../support/temp-folders.js';

const makeFolder = tempFolders();

const read = async (settings: string | object, beside: Tree = {}) =>
  await readSettings(await makeFolder({ 'model.json': settings, ...beside }));

/** The message that these settings are refused with, paths shortened to the name of the file. */
async function refusal(settings: string | object, beside: Tree = {}): Promise<string> {
  const folder = await makeFolder({ 'model.json': settings, ...beside });
  const error = await readSettings(folder).then(
    () => undefined,
    (thrown: Error) => thrown,
  );
  expect(error).toBeDefined();
  return error!.message.replaceAll(`${folder}/`, '');
}

const DEFAULTS = { sessionOptions: {}, labels: {}, dimensions: {}, emptyInputs: [], defaults: {} };

describe('settings', () => {
  test('are the defaults where there is no model.json, or an empty one', async () => {
    expect(await readSettings(await makeFolder())).toEqual(DEFAULTS);
    expect(await read({})).toEqual(DEFAULTS);
  });

  test('are taken as they are where everything is given', async () => {
    const settings = {
      description: 'finds faces',
      provider: 'auto',
      sessionOptions: {
        intraOpNumThreads: 1,
        interOpNumThreads: 2,
        graphOptimizationLevel: 'extended',
        executionMode: 'parallel',
        enableCpuMemArena: false,
        enableMemPattern: true,
        optimizedModelFilePath: '/tmp/optimized.onnx',
        logId: 'faces',
        logSeverityLevel: 3,
        extra: { session: { intra_op: { allow_spinning: '1' } }, 'ep.context_enable': '0' },
      },
      warmup: { image: { shape: [480, 640, 3] }, threshold: { value: [0.5] } },
      image: {
        input: 'image',
        layout: 'NCHW',
        width: 224,
        height: 224,
        fit: 'cover',
        channels: 'BGR',
        scale: 0.5,
        mean: [1, 2, 3],
        std: [4, 5, 6],
        invert: true,
      },
      labels: { label: ['cat', 'dog'] },
      defaults: { threshold: [0.5] },
      dimensions: { batch: { min: 1, max: 64 }, length: { min: 0 } },
      emptyInputs: ['image'],
      batch: { max: 64, axis: 1, inputs: { image: 0 }, outputs: { boxes: 2 } },
      cost: 'steps',
      runTimeoutMs: 1500,
    };
    expect(await read(settings)).toEqual(settings);
  });

  test('of a picture begin with those of RGB pixels taken as they are', async () => {
    const { image } = await read({ image: { input: 'x', layout: 'HWC' } });
    expect(image).toEqual({
      input: 'x',
      layout: 'HWC',
      fit: 'fill',
      channels: 'RGB',
      scale: 1,
      mean: [0],
      std: [1],
      invert: false,
    });
  });

  test.each(['HW', 'NHW'])(
    'of a picture are gray in the layout %s, which has no channels',
    async (layout) => {
      expect((await read({ image: { input: 'x', layout } })).image).toMatchObject({ channels: 'gray' });
    },
  );

  test('of batches begin with axis 0 for all', async () => {
    expect((await read({ batch: { max: 2 } })).batch).toEqual({ max: 2, axis: 0, inputs: {}, outputs: {} });
  });

  test('may begin with a byte order mark', async () => {
    expect(await read('\uFEFF{"description": "x"}')).toEqual({ ...DEFAULTS, description: 'x' });
  });

  test('may give null and false as values, which are not the same as none', async () => {
    const { warmup, defaults } = await read({
      warmup: { x: { value: false }, y: { value: null } },
      defaults: { x: null },
    });
    expect(warmup).toEqual({ x: { value: false }, y: { value: null } });
    expect(defaults).toEqual({ x: null });
  });
});

describe('files named by model.json', () => {
  test('a text file has a label on each line, whatever its line breaks', async () => {
    const { labels } = await read(
      { labels: { a: 'a.txt', b: 'b.txt', c: 'sub/c.txt' } },
      { 'a.txt': 'cat\ndog\n', 'b.txt': 'cat\r\n\r\ndog', 'sub/c.txt': 'süß' },
    );
    expect(labels).toEqual({ a: ['cat', 'dog'], b: ['cat', '', 'dog'], c: ['süß'] });
  });

  test('a JSON file has the labels as a list', async () => {
    const { labels } = await read({ labels: { a: './a.json' } }, { 'a.json': ['cat', 'dog'] });
    expect(labels).toEqual({ a: ['cat', 'dog'] });
  });

  test('a sample holds the body of a request', async () => {
    const body = { inputs: { image: [[1]], text: 'x' }, outputs: ['label'] };
    const { warmup } = await read({ warmup: 'sample.json' }, { 'sample.json': body });
    expect(warmup).toEqual({ image: { value: [[1]] }, text: { value: 'x' } });
  });

  test.each(['../labels.txt', 'sub/../../labels.txt', '/etc/labels.txt', '..'])(
    '%s is not read: it lies outside of the folder',
    async (name) => {
      expect(await refusal({ warmup: name })).toBe(
        `model.json: warmup: expected a file in the model's folder, got ${JSON.stringify(name)}`,
      );
      if (!name.endsWith('.txt')) return;
      expect(await refusal({ labels: { a: name } })).toBe(
        `model.json: labels.a: expected a file in the model's folder, got ${JSON.stringify(name)}`,
      );
    },
  );

  test('a name may begin with two dots', async () => {
    const { labels } = await read({ labels: { a: '..a.txt' } }, { '..a.txt': 'cat' });
    expect(labels).toEqual({ a: ['cat'] });
  });

  test('a missing or wrong one is an error that names it', async () => {
    expect(await refusal({ labels: { a: 'a.txt' } })).toBe('model.json: labels.a: there is no file a.txt');
    expect(await refusal({ warmup: 'a.json' })).toBe('model.json: warmup: there is no file a.json');
    expect(await refusal({ labels: { a: 'a.txt' } }, { 'a.txt': '\n' })).toBe(
      'a.txt: expected a name on each line, got an empty file',
    );
    expect(await refusal({ labels: { a: 'a.json' } }, { 'a.json': ['a', 1] })).toBe(
      'a.json: [1]: expected text, got 1',
    );
    expect(await refusal({ warmup: 'a.json' }, { 'a.json': [1] })).toBe(
      'a.json: expected an object, got [1]',
    );
    expect(await refusal({ warmup: 'a.json' }, { 'a.json': {} })).toBe(
      'a.json: inputs: is missing; expected an object',
    );
    expect(await refusal({ warmup: 'sub' }, { 'sub/': '' })).toBe('sub is a folder, not a file');
  });
});

describe('a wrong key names the nearest right one', () => {
  const keys =
    'description, provider, sessionOptions, warmup, image, labels, defaults, dimensions, emptyInputs, batch, cost, runTimeoutMs';
  const imageKeys = 'input, layout, width, height, fit, channels, scale, mean, std, invert';

  test.each([
    [
      { sesionOptions: {} },
      `there is no key "sesionOptions"; did you mean "sessionOptions"? There are ${keys}`,
    ],
    [
      { image: { input: 'x', layout: 'HWC', widht: 8 } },
      `image: there is no key "widht"; did you mean "width"? There are ${imageKeys}`,
    ],
    [
      { warmup: { x: { shap: [1] } } },
      'warmup.x: there is no key "shap"; did you mean "shape"? There are shape, value',
    ],
    [
      { batch: { max: 8, axes: 1 } },
      'batch: there is no key "axes"; did you mean "axis"? There are max, axis, inputs, outputs, tolerance',
    ],
  ])('%j', async (settings, message) => {
    expect(await refusal(settings)).toBe(`model.json: ${message}`);
  });

  test('several are told together', async () => {
    expect(await refusal({ cots: 'x', batch: { max: 1 }, lables: {} })).toBe(
      `model.json: batch.max: expected at least 2, got 1; there is no key "cots"; did you mean "cost"? There are ${keys}; there is no key "lables"; did you mean "labels"? There are ${keys}`,
    );
  });

  test('__proto__ is as wrong as any other', async () => {
    expect(await refusal('{"__proto__": {"cost": "x"}}')).toContain('there is no key "__proto__"');
  });

  test.each([
    ['{"defaults": {"__proto__": 3}}', 'defaults'],
    ['{"dimensions": {"n": {"min": 1}, "__proto__": {"max": 3}}}', 'dimensions'],
    ['{"warmup": {"__proto__": {"shape": [1]}}}', 'warmup'],
    ['{"labels": {"__proto__": ["a"]}}', 'labels'],
    ['{"batch": {"max": 2, "inputs": {"__proto__": 1}}}', 'batch.inputs'],
    ['{"sessionOptions": {"__proto__": {}}}', 'sessionOptions'],
  ])('nor is it passed over where names are free: %s', async (settings, path) => {
    expect(await refusal(settings)).toBe(
      `model.json: ${path}: nothing can be said here of what is called "__proto__"`,
    );
  });
});

describe('a wrong value names its path, what was expected and what came', () => {
  test.each([
    ['[]', 'expected an object, got []'],
    ['null', 'expected an object, got null'],
    [{ description: 7 }, 'description: expected text, got 7'],
    [{ provider: 'gpu' }, 'provider: expected one of cpu, cuda, webgpu, auto, got "gpu"'],
    [{ sessionOptions: [] }, 'sessionOptions: expected an object, got []'],
    [
      { sessionOptions: { intraOpNumThreads: 1.5 } },
      'sessionOptions.intraOpNumThreads: expected a whole number, got 1.5',
    ],
    [
      { sessionOptions: { enableMemPattern: 'no' } },
      'sessionOptions.enableMemPattern: expected true or false, got "no"',
    ],
    [
      { sessionOptions: { extra: { session: { intra_op: { allow_spinning: 1 } } } } },
      'sessionOptions.extra.session.intra_op.allow_spinning: expected text such as "1", or an object of such, got 1',
    ],
    [{ warmup: 5 }, 'warmup: expected the name of a file, or an object of inputs, got 5'],
    [{ warmup: '' }, 'warmup: expected at least 1 character, got ""'],
    [{ warmup: { x: {} } }, 'warmup.x: expected either a shape or a value'],
    [{ warmup: { x: { shape: [1], value: 1 } } }, 'warmup.x: expected either a shape or a value'],
    [{ warmup: { x: [1] } }, 'warmup.x: expected an object, got [1]'],
    [{ warmup: { x: { shape: [1, -1] } } }, 'warmup.x.shape[1]: expected at least 0, got -1'],
    [
      { warmup: { 'my input': { shape: ['batch'] } } },
      'warmup["my input"].shape[0]: expected a whole number, got "batch"',
    ],
    [{ image: { layout: 'HWC' } }, 'image.input: is missing; expected text'],
    [{ image: { input: 'x' } }, 'image.layout: is missing; expected one of HWC, CHW, NHWC, NCHW, HW, NHW'],
    [
      { image: { input: 'x', layout: 'WHC' } },
      'image.layout: expected one of HWC, CHW, NHWC, NCHW, HW, NHW, got "WHC"',
    ],
    [{ image: { input: 'x', layout: 'HWC', width: 8 } }, 'image.height: is missing; it goes with width'],
    [{ image: { input: 'x', layout: 'HWC', height: 8 } }, 'image.width: is missing; it goes with height'],
    [
      { image: { input: 'x', layout: 'HWC', width: 0, height: 99_999 } },
      'image.width: expected at least 1, got 0; image.height: expected at most 16384, got 99999',
    ],
    [
      { image: { input: 'x', layout: 'HW', channels: 'RGB' } },
      'image.channels: expected gray, as the layout HW has no channels, got "RGB"',
    ],
    [
      { image: { input: 'x', layout: 'HWC', mean: [1, 2], std: [] } },
      'image.std: expected at least 1 entry, got []',
    ],
    [
      { image: { input: 'x', layout: 'HWC', mean: [1, 2] } },
      'image.mean: expected one number, or 3 of them for the channels RGB, got 2',
    ],
    [
      { image: { input: 'x', layout: 'HWC', channels: 'gray', std: [1, 2, 3] } },
      'image.std: expected one number for the channels gray, got 3',
    ],
    [
      { image: { input: 'x', layout: 'HWC', std: [1, 0, 1] } },
      'image.std: expected other numbers than 0, which nothing can be divided by',
    ],
    [
      '{"image": {"input": "x", "layout": "HWC", "scale": 1e999}}',
      'image.scale: expected a number, got Infinity',
    ],
    [{ labels: { a: 'a.csv' } }, 'labels.a: expected the name of a .txt or .json file, got "a.csv"'],
    [{ labels: { a: [1, 2] } }, 'labels.a[0]: expected text, got 1; labels.a[1]: expected text, got 2'],
    [{ labels: { a: [] } }, 'labels.a: expected at least 1 entry, got []'],
    [{ labels: { a: 1 } }, 'labels.a: expected a list of names, or the name of a file, got 1'],
    [{ defaults: [1] }, 'defaults: expected an object, got [1]'],
    [{ dimensions: { n: { min: 3, max: 2 } } }, 'dimensions.n.max: expected at least min, which is 3, got 2'],
    [{ batch: {} }, 'batch.max: is missing; expected a whole number'],
    [{ batch: { max: 1 } }, 'batch.max: expected at least 2, got 1'],
    [{ batch: { max: 4, axis: -1 } }, 'batch.axis: expected at least 0, got -1'],
    [{ batch: { max: 4, outputs: { y: '1' } } }, 'batch.outputs.y: expected a whole number, got "1"'],
    [{ cost: '' }, 'cost: expected at least 1 character, got ""'],
    [{ runTimeoutMs: 0 }, 'runTimeoutMs: expected more than 0, got 0'],
    [{ runTimeoutMs: 2 ** 31 }, 'runTimeoutMs: expected at most 2147483647, got 2147483648'],
    [
      { description: { text: 'x'.repeat(100) } },
      `description: expected text, got {"text":"${'x'.repeat(51)}…`,
    ],
  ])('%j', async (settings, message) => {
    expect(await refusal(settings)).toBe(`model.json: ${message}`);
  });
});

describe('session options', () => {
  test.each([
    ['executionProviders', 'say "provider" beside "sessionOptions"'],
    ['deviceId', 'it is the option --device-id of the server'],
    ['enableProfiling', 'oneslot sets it itself, to prove which provider runs the model'],
    ['profileFilePrefix', 'oneslot sets it itself, to prove which provider runs the model'],
    ['preferredOutputLocation', 'outputs always come to the memory of the CPU, from where they are sent'],
    ['externalData', 'weights beside model.onnx are found without it'],
    ['freeDimensionOverrides', "onnxruntime-node 1.30 ignores it; fix the dimensions in the model's file"],
    ['enableGraphCapture', 'onnxruntime-node 1.30 ignores it'],
    ['logVerbosityLevel', 'onnxruntime-node 1.30 ignores it; "logSeverityLevel": 0 says most'],
  ])('%s is refused, with the reason', async (key, reason) => {
    expect(await refusal({ sessionOptions: { [key]: 1 } })).toBe(
      `model.json: sessionOptions: "${key}": ${reason}`,
    );
  });

  test('a mistyped one names the nearest', async () => {
    expect(await refusal({ sessionOptions: { intraOpThreads: 1 } })).toContain(
      'sessionOptions: there is no key "intraOpThreads"; did you mean "intraOpNumThreads"?',
    );
  });
});

describe('broken JSON names the place', () => {
  test.each([
    ['', 1, 1],
    ['{"cost": "x"', 1, 13],
    ['{\n  "cost": "x",\n}\n', 3, 1],
    ['{\n  cost: "x"\n}', 2, 3],
    ["{'cost': 1}", 1, 2],
    ['{"a": [1, 2,, 3]}', 1, 13],
    ['{"a": [1 {"b": 1}]}', 1, 10],
    ['{"a" 1}', 1, 6],
    ['{"a": 1} // note', 1, 10],
    ['{"a": tru}', 1, 7],
    ['{"a": 01}', 1, 8],
    ['{"a": 1.}', 1, 9],
    ['{"a": .5}', 1, 7],
    ['{"a": "x\ny"}', 1, 7],
    ['{"a": "\\x"}', 1, 7],
    ['{"a":\u00a01}', 1, 6],
    ['{"süß": "😀",}', 1, 14],
    ['{"a": {"\\u00e9\\n\u0080": [-1.5e+3, true, false, null, {}, []]}} x', 1, 60],
  ])('%j', async (text, line, column) => {
    expect(await refusal(text)).toContain(
      `model.json: broken JSON at line ${line}, column ${column}: expected `,
    );
  });

  test('and what was expected there', async () => {
    expect(await refusal('{"a": 1,}')).toBe(
      'model.json: broken JSON at line 1, column 9: expected a key in quotes',
    );
    expect(await refusal('{"a": 1')).toBe(
      'model.json: broken JSON at line 1, column 8: expected "," or "}", got its end',
    );
  });

  test('in a file that model.json names, too', async () => {
    expect(await refusal({ warmup: 'a.json' }, { 'a.json': '{"inputs": {' })).toMatch(
      /^a\.json: broken JSON at line 1, column 13/,
    );
    expect(await refusal({ labels: { a: 'b.json' } }, { 'b.json': '[' })).toMatch(
      /^b\.json: broken JSON at line 1, column 2/,
    );
  });
});
