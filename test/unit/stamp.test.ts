// A model's stamp changes with any of its files, and with nothing else; a change under a live server is noticed.

import { cp, mkdir, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { DiskWatch } from '../../src/model-repository/disk-watch.js';
import { Models } from '../../src/model-repository/models.js';
import { findModels } from '../../src/model-repository/repository.js';
import { stampOf } from '../../src/model-repository/stamp.js';
import { ManualClock } from '../support/manual-clock.js';
import { tempFolders } from '../support/temp-folders.js';
import { until } from '../support/until.js';

const makeFolder = tempFolders();
let root: string;
let folder: string;

beforeEach(async () => {
  root = await makeFolder({
    'm/1/model.onnx': 'old',
    'm/2/model.onnx': 'model',
    'm/2/model.onnx.data': 'weights',
    'm/2/more/weights': 'weights',
    'm/model.json': {},
    'm/labels.txt': 'a',
    'm/README.md': 'text',
  });
  folder = join(root, 'm');
});

describe('a stamp is another one', () => {
  test.each(['2/model.onnx', '2/model.onnx.data', '2/more/weights', 'model.json', 'labels.txt'])(
    'where %s is written again, even the same',
    async (file) => {
      const before = await stampOf(folder, '2');
      await until(async () => {
        // The file system's clock ticks every few milliseconds.
        await cp(join(folder, '1/model.onnx'), join(folder, file));
        return (await stampOf(folder, '2')) !== before;
      });
    },
  );

  test('where a file is replaced by one of the same size and age', async () => {
    const file = join(folder, '2/model.onnx.data');
    const age = new Date(0);
    await utimes(file, age, age);
    const before = await stampOf(folder, '2');
    await until(async () => {
      await writeFile(join(root, 'new'), 'WEIGHTS');
      await utimes(join(root, 'new'), age, age);
      await rename(join(root, 'new'), file);
      return (await stampOf(folder, '2')) !== before;
    });
  });

  test('where a file comes or goes', async () => {
    const before = await stampOf(folder, '2');
    await writeFile(join(folder, '2/other'), '');
    const between = await stampOf(folder, '2');
    await rm(join(folder, '2/other'));
    await rm(join(folder, 'labels.txt'));
    expect(new Set([before, between, await stampOf(folder, '2')]).size).toBe(3);
  });

  test('where a link leads to another folder', async () => {
    await cp(join(folder, '2'), join(root, 'store/a'), { recursive: true });
    await cp(join(folder, '2'), join(root, 'store/b'), { recursive: true });
    await symlink(join(root, 'store/a'), join(folder, '3'));
    const before = await stampOf(folder, '3');
    await rm(join(folder, '3'));
    await symlink(join(root, 'store/b'), join(folder, '3'));
    expect(await stampOf(folder, '3')).not.toBe(before);
  });
});

describe('a stamp is the same', () => {
  test('whatever other versions, hidden files and texts about the model do', async () => {
    const before = await stampOf(folder, '2');
    for (const file of ['1/model.onnx', 'README.md', '.model.json.swp', '2/.nfs1']) {
      await writeFile(join(folder, file), 'new');
    }
    await mkdir(join(folder, '3'));
    expect(await stampOf(folder, '2')).toBe(before);
  });

  test('and made at all, where a link leads to its own folder', async () => {
    await symlink('.', join(folder, '2/self'));
    expect(await stampOf(folder, '2')).toBe(await stampOf(folder, '2'));
  });
});

describe('a change under a live server', () => {
  async function watched() {
    const repository = await findModels(root);
    const models = new Models(repository, { required: 'all', defaultModel: undefined, provider: 'cpu' });
    const [files] = repository.models;
    const signature = { inputs: [], outputs: [] };
    const report = { signature, provider: 'cpu', nodes: {}, loadMs: 1, warnings: [] } as const;
    const warnings: object[] = [];
    const mended: string[] = [];
    const watch = new DiskWatch({
      models,
      clock: new ManualClock(),
      log: { warn: (bindings) => warnings.push(bindings) },
      onMended: (name) => mended.push(name),
    });
    return { models, files: files!, loaded: { ...files!, ...report }, watch, warnings, mended };
  }

  test('is noticed once, and forgotten when the model is loaded again', async () => {
    const { models, loaded, watch, warnings } = await watched();
    models.ready(loaded);
    await watch.look();
    expect(models.entry('m').changedOnDisk).toBe(false);
    await writeFile(join(folder, '2/model.onnx.data'), 'other weights');
    await watch.look();
    await watch.look();
    expect([models.entry('m').changedOnDisk, warnings]).toEqual([true, [{ model: 'm' }]]);
    models.ready({ ...loaded, stamp: await stampOf(folder, '2') });
    await watch.look();
    expect(models.entry('m').changedOnDisk).toBe(false);
  });

  test('is a reason to try a model again that did not load', async () => {
    const { models, files, watch, mended } = await watched();
    models.failed('m', { reason: 'broken', told: 'broken', isPermanent: true }, files, undefined);
    await watch.look();
    expect(mended).toEqual([]);
    await writeFile(join(folder, '2/model.onnx'), 'mended model');
    await watch.look();
    expect(mended).toEqual(['m']);
  });

  test('may be that all of them are gone, which is no reason to try again', async () => {
    const { models, files, loaded, watch, mended } = await watched();
    models.ready(loaded);
    await rm(folder, { recursive: true });
    await watch.look();
    expect(models.entry('m').changedOnDisk).toBe(true);
    models.failed('m', { reason: 'gone', told: 'gone', isPermanent: true }, files, undefined);
    await watch.look();
    expect(mended).toEqual([]);
  });
});
