// Names that every JavaScript object has already: of models, inputs, outputs, dimensions and labels.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { encodeModel, node } from '../../models/burn/onnx-writer.js';
import { openBooks, startOneslot } from '../support/oneslot.js';
import { tempFolders } from '../support/temp-folders.js';

const makeFolder = tempFolders();

const NAMES = ['constructor', 'toString', 'hasOwnProperty', 'valueOf'] as const;
const INPUT = 'isPrototypeOf';

type Outputs = Readonly<Record<string, string>>;

/** `input` → each output by its operator. */
async function writeModel(folder: string, name: string, input: string, outputs: Outputs, settings = {}) {
  const value = (own: string) => ({ name: own, type: 'int64', shape: [input] }) as const;
  const graph = {
    name: 'names',
    inputs: [value(input)],
    outputs: Object.keys(outputs).map(value),
    nodes: Object.entries(outputs).map(([output, operator]) => node(operator, [input], [output])),
  };
  await mkdir(join(folder, name, '1'), { recursive: true });
  await writeFile(join(folder, name, '1', 'model.onnx'), encodeModel({ graph, producer: 'oneslot tests' }));
  await writeFile(join(folder, name, 'model.json'), JSON.stringify(settings));
}

test('outputs, models, inputs and dimensions may be called as what every object has', async () => {
  const models = await makeFolder();
  const [first, second, third, fourth] = NAMES;
  const outputs = { [first]: 'Abs', [second]: 'Neg', [third]: 'Neg', [fourth]: 'Abs' };
  const settings = {
    labels: { [first]: ['zero', 'one'] },
    batch: { max: 3 },
    dimensions: { [INPUT]: { max: 3 } },
  };
  await writeModel(models, first, INPUT, outputs, settings);
  await writeModel(models, '__proto__', '__proto__', { y: 'Neg' });
  await using oneslot = await startOneslot({ models });

  const all = await oneslot.predict(first, { [INPUT]: [-1] });
  expect(all.body).toMatchObject({
    outputs: { [first]: [1], [second]: [1], [third]: [1], [fourth]: [1] },
    labels: { [first]: ['one'] },
  });
  for (const name of NAMES) {
    const { body } = await oneslot.post(`/predict/${first}?outputs=${name}`, `{"inputs":{"${INPUT}":[2]}}`);
    expect(body.outputs).toEqual({ [name]: [outputs[name] === 'Abs' ? 2 : -2] });
  }
  const tooMany = await oneslot.predict(first, { [INPUT]: [1, 2, 3, 4] });
  expect(tooMany.body.detail).toContain('dimension "isPrototypeOf" has the size 4');
  const proto = await oneslot.post('/predict/__proto__', '{"inputs":{"__proto__":[5]}}');
  expect(proto.body).toMatchObject({ model: '__proto__', outputs: { y: [-5] } });
  expect((await oneslot.get('/models/__proto__')).body.inputs[0].name).toBe('__proto__');
  expect((await oneslot.get('/models/toString')).status).toBe(404);
  expect(
    await oneslot.metric('oneslot_predictions_total', { model: '__proto__', outcome: 'completed' }),
  ).toBe(1);
  expect(openBooks(await oneslot.metrics())).toBe(0);
}, 60_000);

test('an output called __proto__ keeps its model from loading, with the reason and the cure', async () => {
  const models = await makeFolder();
  await writeModel(models, 'wrong', 'x', Object.fromEntries([['__proto__', 'Abs']]));
  await writeModel(models, 'right', 'x', { y: 'Abs' });
  await using oneslot = await startOneslot({ models, args: ['--require-models', 'right'] });
  const refused = await oneslot.predict('wrong', { x: [1] });
  expect(refused).toMatchObject({ status: 503, body: { code: 'model_not_ready' } });
  expect(refused.body.detail).toContain('an output of the name __proto__: rename it in the model');
  expect((await oneslot.predict('right', { x: [1] })).status).toBe(200);
}, 60_000);
