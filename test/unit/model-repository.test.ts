// Which models a folder holds, and what is said where something is missing.

import { execFile } from 'node:child_process';
import { rm, symlink, truncate } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, isAbsolute, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { findModels } from '../../src/model-repository/repository.js';
import { type Tree, tempFolders } from '../support/temp-folders.js';

const makeFolder = tempFolders();
const MODEL = 'the bytes of a model';

async function find(tree: Tree) {
  const root = await makeFolder(tree);
  const warnings: string[] = [];
  const { models } = await findModels(root, (message) => warnings.push(message.replaceAll(root, 'ROOT')));
  const served = models.map(({ name, version, path }) => `${name} ${version} ${relative(root, path)}`);
  return { root, models, served, warnings };
}

/** The message that a folder, or its only bad model, is refused with. */
async function refusal(tree: Tree): Promise<string> {
  const root = await makeFolder(tree);
  const message = await findModels(root, () => {}).then(
    ({ bad }) => {
      expect(bad).toHaveLength(1);
      return bad[0]!.failure.reason;
    },
    (thrown: Error) => thrown.message,
  );
  return message.replaceAll(root, 'ROOT').replaceAll(dirname(root), 'ABOVE');
}

describe('what is served', () => {
  test('a file at <name>/<version>/model.onnx is enough', async () => {
    const { models, root, warnings } = await find({ 'digits/1/model.onnx': MODEL });
    expect(models).toEqual([
      {
        name: 'digits',
        folder: join(root, 'digits'),
        version: '1',
        stamp: expect.stringMatching(/^[0-9a-f]{32}$/),
        changedAtMs: expect.any(Number),
        path: join(root, 'digits/1/model.onnx'),
        settings: { sessionOptions: {}, labels: {}, dimensions: {}, emptyInputs: [], defaults: {} },
      },
    ]);
    expect(warnings).toEqual([]);
  });

  test('models come in the order of their names', async () => {
    const { served } = await find({
      'b/1/model.onnx': MODEL,
      'a.2/1/model.onnx': MODEL,
      'Z_-/1/model.onnx': MODEL,
    });
    expect(served).toEqual(['Z_- 1 Z_-/1/model.onnx', 'a.2 1 a.2/1/model.onnx', 'b 1 b/1/model.onnx']);
  });

  test('the highest version is the highest number, not the last in the alphabet', async () => {
    const versions = ['2', '10', '9', '9007199254740992', '9007199254740993'];
    const tree = Object.fromEntries(versions.map((version) => [`m/${version}/model.onnx`, MODEL]));
    expect((await find({ ...tree })).served).toEqual(['m 9007199254740993 m/9007199254740993/model.onnx']);
    expect((await find({ 'm/9/model.onnx': MODEL, 'm/10/model.onnx': MODEL })).served).toEqual([
      'm 10 m/10/model.onnx',
    ]);
  });

  test('folders that are no positive numbers are no versions', async () => {
    const names = ['v9', '09', '0', '-1', '1.5', 'latest', '1e3'];
    const tree = Object.fromEntries(names.map((name) => [`m/${name}/model.onnx`, MODEL]));
    const { served, warnings } = await find({ ...tree, 'm/1/model.onnx': MODEL });
    expect(served).toEqual(['m 1 m/1/model.onnx']);
    expect(warnings).toEqual([]);
  });

  test('a version without a model is passed over with a warning', async () => {
    const { served, warnings } = await find({ 'm/1/model.onnx': MODEL, 'm/2/': '' });
    expect(served).toEqual(['m 1 m/1/model.onnx']);
    expect(warnings).toEqual(['model m is served in version 1: version 2 has no model.onnx']);
  });

  test('weights beside the model and other files in the folder change nothing', async () => {
    const { served, warnings } = await find({
      'm/1/model.onnx': MODEL,
      'm/1/model.onnx.data': 'weights',
      'm/README.md': 'text',
      'm/labels.txt': 'a',
      'README.md': 'text',
    });
    expect(served).toEqual(['m 1 m/1/model.onnx']);
    expect(warnings).toEqual([]);
  });

  test('hidden folders, a volume’s own folder and folders without a model are nothing', async () => {
    const { served, warnings } = await find({
      'm/1/model.onnx': MODEL,
      '.git/1/model.onnx': '',
      'm/.2/model.onnx': MODEL,
      'lost+found/1/model.onnx': '',
      'my notes/text.md': 'text',
      'later/.gitkeep': '',
      'scripts/make.py': '',
    });
    expect(served).toEqual(['m 1 m/1/model.onnx']);
    expect(warnings).toEqual([]);
  });

  test('links are followed, to models, to versions and to files', async () => {
    const elsewhere = await makeFolder({ 'store/7/model.onnx': MODEL, 'weights.onnx': MODEL });
    const root = await makeFolder({ 'file/1/': '', 'version/': '' });
    await symlink(join(elsewhere, 'store'), join(root, 'linked'));
    await symlink(join(elsewhere, 'store/7'), join(root, 'version/3'));
    await symlink(join(elsewhere, 'weights.onnx'), join(root, 'file/1/model.onnx'));
    const { models } = await findModels(root);
    expect(models.map(({ name, version }) => `${name} ${version}`)).toEqual([
      'file 1',
      'linked 7',
      'version 3',
    ]);
  });

  test('the path of a model is absolute, wherever the server was started', async () => {
    const root = await makeFolder({ 'm/1/model.onnx': MODEL });
    const { models } = await findModels(relative(process.cwd(), root));
    const [model] = models;
    expect(isAbsolute(model!.path)).toBe(true);
    expect(model!.path).toBe(join(root, 'm/1/model.onnx'));
  });

  test('the settings are those of its model.json', async () => {
    const { models } = await find({
      'm/1/model.onnx': MODEL,
      'm/model.json': { description: 'a model', cost: 'steps' },
    });
    expect(models[0]!.settings).toEqual({
      description: 'a model',
      cost: 'steps',
      sessionOptions: {},
      labels: {},
      dimensions: {},
      emptyInputs: [],
      defaults: {},
    });
  });
});

describe('a repository laid out for Triton', () => {
  test('serves its ONNX models and skips the others with a warning', async () => {
    const { served, warnings } = await find({
      'onnx/config.pbtxt': 'name: "onnx"\nplatform: "onnxruntime_onnx"\nmax_batch_size: 8\n',
      'onnx/1/model.onnx': MODEL,
      'plain/1/model.onnx': MODEL,
      'plan/config.pbtxt': 'platform: "tensorrt_plan"',
      'plan/1/model.plan': 'x',
      'saved/1/model.savedmodel/saved_model.pb': 'x',
      'python/config.pbtxt': "backend: 'python'",
      'python/1/model.py': 'x',
      'python/1/model.onnx': MODEL,
      'all/config.pbtxt': 'platform: "ensemble"\nensemble_scheduling { }',
      'all/1/': '',
    });
    expect(served).toEqual(['onnx 1 onnx/1/model.onnx', 'plain 1 plain/1/model.onnx']);
    expect(warnings).toEqual([
      'model all is skipped: ROOT/all/config.pbtxt says that it is not ONNX but ensemble',
      'model plan is skipped: ROOT/plan/config.pbtxt says that it is not ONNX but tensorrt_plan',
      'model python is skipped: ROOT/python/config.pbtxt says that it is not ONNX but python',
      'model saved is skipped: ROOT/saved/1/model.savedmodel is not ONNX',
    ]);
  });

  test('may name another file, and comments in its settings count for nothing', async () => {
    const config = [
      '# default_model_filename: "old.onnx"',
      'backend: "onnxruntime"',
      'default_model_filename: "net.onnx" # not platform: "ensemble"',
    ];
    const { served } = await find({ 'm/config.pbtxt': config.join('\n'), 'm/1/net.onnx': MODEL });
    expect(served).toEqual(['m 1 m/1/net.onnx']);
  });

  test('may name a file that does not end with .onnx, where it says that it is ONNX', async () => {
    const config = 'platform: "onnxruntime_onnx" default_model_filename: "net.bin"';
    const { served } = await find({ 'm/config.pbtxt': config, 'm/1/net.bin': MODEL });
    expect(served).toEqual(['m 1 m/1/net.bin']);
  });

  test('is not ONNX where it names a file of another kind', async () => {
    const { warnings } = await find({
      'm/1/model.onnx': MODEL,
      'n/config.pbtxt': 'default_model_filename: "big.plan"',
      'n/1/big.plan': 'x',
    });
    expect(warnings).toEqual([
      'model n is skipped: ROOT/n/config.pbtxt says that it is not ONNX but big.plan',
    ]);
  });

  test('can’t name a file outside of the version', async () => {
    for (const name of ['../secret.onnx', '/etc/model.onnx', '..', 'a\\b.onnx']) {
      const message = await refusal({ 'm/config.pbtxt': `default_model_filename: "${name}"` });
      expect(message).toBe(
        `ROOT/m/config.pbtxt: default_model_filename: expected the name of a file in the version folder, got ${JSON.stringify(name)}`,
      );
    }
  });

  test('may keep a model of several files in a folder called model.onnx', async () => {
    const { served } = await find({ 'm/1/model.onnx/model.onnx': MODEL, 'm/1/model.onnx/weights': 'x' });
    expect(served).toEqual(['m 1 m/1/model.onnx/model.onnx']);
  });

  test('is served in its highest version, with a warning where it chooses versions itself', async () => {
    const config = 'version_policy: { specific: { versions: [1] } }';
    const { served, warnings } = await find({
      'm/config.pbtxt': config,
      'm/1/model.onnx': MODEL,
      'm/2/model.onnx': MODEL,
      'n/config.pbtxt': 'version_policy { latest { num_versions: 1 } }',
      'n/1/model.onnx': MODEL,
      'n/2/model.onnx': MODEL,
    });
    expect(served).toEqual(['m 2 m/2/model.onnx', 'n 2 n/2/model.onnx']);
    expect(warnings).toEqual([
      'model m is served in version 2, the highest: version_policy in its config.pbtxt is ignored',
    ]);
  });
});

describe('what is refused', () => {
  test('a folder that is not there, or is a file', async () => {
    const root = await makeFolder({ file: 'x' });
    await expect(findModels(join(root, 'models'))).rejects.toThrow(
      `the models folder ${root}/models does not exist`,
    );
    await expect(findModels(join(root, 'file'))).rejects.toThrow(
      `the models folder ${root}/file is not a folder`,
    );
  });

  test('a folder with no model at all, which says what was looked for', async () => {
    const looked = 'looked for <name>/<version>/model.onnx, where <version> is a positive number such as 1';
    expect(await refusal({})).toBe(`there is no model in ROOT; ${looked}`);
    expect(await refusal({ 'docs/a.md': 'x' })).toBe(`there is no model in ROOT; ${looked}`);
    expect(await refusal({ 'm/1/model.plan': 'x' })).toBe(`there is no model in ROOT; ${looked}`);
  });

  test('a model file directly in the models folder is not served, with a hint where to put it', async () => {
    const { warnings } = await find({ 'resnet.onnx': MODEL, 'm/1/model.onnx': MODEL });
    expect(warnings).toEqual(['ROOT/resnet.onnx is not served: put it at ROOT/resnet/1/model.onnx']);
  });

  test.each([
    [{ 'm/model.onnx': MODEL }, 'ROOT/m/model.onnx lies outside of a version: put it at ROOT/m/1/model.onnx'],
    [{ 'm/v1/model.onnx': MODEL }, 'ROOT/m/v1 is no version: its name must be a positive number such as 1'],
    [{ 'm/01/model.onnx': MODEL }, 'ROOT/m/01 is no version: its name must be a positive number such as 1'],
    [{ 'm/model.json': {} }, 'ROOT/m has a model.json, but no model: there is no ROOT/m/1/model.onnx'],
    [{ 'm/config.pbtxt': '' }, 'ROOT/m has a config.pbtxt, but no model: there is no ROOT/m/1/model.onnx'],
    [{ 'm/': '' }, 'ROOT/m is empty: there is no ROOT/m/1/model.onnx'],
    [{ 'm/1/': '' }, 'ROOT/m/1 has no model.onnx; it is empty'],
    [{ 'm/1/model.onnx.data': 'x' }, 'ROOT/m/1 has no model.onnx; it holds model.onnx.data'],
    [{ 'm/1/model.onnx/weights': 'x' }, 'ROOT/m/1/model.onnx is a folder, and there is no model.onnx in it'],
    [{ 'm/1/resnet.onnx': MODEL }, 'ROOT/m/1/resnet.onnx must be called model.onnx to be served'],
    [{ 'm/2/model.pt': 'x', 'm/model.json': {} }, 'ROOT/m/2 has no model.onnx; it holds model.pt'],
    [{ 'm/1/model.onnx': '' }, 'ROOT/m/1/model.onnx is empty'],
    [
      { 'm/1/model.onnx': 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n' },
      'ROOT/m/1/model.onnx is not the model but a pointer to it from Git LFS: run git lfs pull',
    ],
    [
      { 'my model/1/model.onnx': MODEL },
      'ROOT/my model: a model\'s name may hold letters, digits, ".", "_" and "-", got "my model"',
    ],
  ] as const)('a model that was likely meant to be served: %j', async (tree, message) => {
    expect(await refusal(tree as Tree)).toBe(message);
    const { 'other/1/model.onnx': _, ...beside } = { 'other/1/model.onnx': MODEL, ...tree } as Tree;
    expect(await refusal({ ...beside, 'other/1/model.onnx': MODEL })).toBe(message);
  });

  test('a folder that is itself a model, with the folder that was likely meant', async () => {
    const message = await refusal({ '1/model.onnx': MODEL, 'model.json': {} });
    expect(message).toBe('ROOT is itself a model: the models folder is the one that it lies in, ABOVE');
  });

  test('a wrong model.json, by the path of the file', async () => {
    expect(await refusal({ 'm/1/model.onnx': MODEL, 'm/model.json': '{' })).toMatch(
      /^ROOT\/m\/model\.json: broken JSON at line 1, column 2/,
    );
  });

  test('a folder that can’t be read, by its path', async () => {
    const root = await makeFolder();
    await symlink('models', join(root, 'models'));
    await expect(findModels(join(root, 'models'))).rejects.toThrow(
      `the models folder ${root}/models is a link that leads to itself`,
    );
  });
});

/** What takes the place of a file or folder, and how it is called. */
const ODDITIES: readonly (readonly [kind: string, put: (path: string) => Promise<unknown>])[] = [
  ['a FIFO', (path) => promisify(execFile)('mkfifo', [path])],
  ['a socket', (path) => new Promise<void>((resolve) => createServer().listen(path, resolve).unref())],
  ['a device', (path) => symlink('/dev/zero', path)],
  ['a link that leads to itself', (path) => symlink(path, path)],
  ['a link that leads nowhere', (path) => symlink('/nowhere/at/all', path)],
];

describe.each(ODDITIES)('%s is told, and waited for by nobody,', (kind, put) => {
  test.each([
    ['model.json', { 'm/1/model.onnx': MODEL }],
    ['config.pbtxt', { 'm/1/model.onnx': MODEL }],
    ['labels.txt', { 'm/1/model.onnx': MODEL, 'm/model.json': { labels: { y: 'labels.txt' } } }],
    ['1/model.onnx', { 'm/1/': '' }],
    ['2/model.onnx', { 'm/1/model.onnx': MODEL, 'm/2/': '' }],
    ['1/weights.bin', { 'm/1/model.onnx': MODEL }],
  ])('in place of %s', async (file, tree) => {
    const root = await makeFolder({ ...tree, 'other/1/model.onnx': MODEL });
    await put(join(root, 'm', file));
    const { models, bad } = await findModels(root);
    expect(models.map(({ name }) => name)).toEqual(['other']);
    expect(bad.map(({ failure }) => failure.reason)).toEqual([`${root}/m/${file} is ${kind}, not a file`]);
  });
});

describe('a link that leads to no folder of its own', () => {
  test.each([
    ['itself', 'm', 'm', "m is a link that leads to itself, not a model's folder"],
    ['nowhere', '/nowhere/at/all', 'm', "m is a link that leads nowhere, not a model's folder"],
    ['the models folder', '.', 'm', "m is a link to a folder that it lies in, not a model's folder"],
    ['what lies above', '../..', 'm', "m is a link to a folder that it lies in, not a model's folder"],
    ['itself, as a version', '2', 'v/2', 'v/2 is a link that leads to itself, not the folder of a version'],
    [
      'its model, as a version',
      '.',
      'v/2',
      'v/2 is a link to a folder that it lies in, not the folder of a version',
    ],
    [
      'nowhere, as a version',
      '../gone',
      'v/2',
      'v/2 is a link that leads nowhere, not the folder of a version',
    ],
  ])('but to %s is told', async (_where, target, path, reason) => {
    const root = await makeFolder({ 'other/1/model.onnx': MODEL, 'v/1/model.onnx': MODEL });
    if (path === 'm') await rm(join(root, 'v'), { recursive: true });
    await symlink(target, join(root, path));
    const { models, bad } = await findModels(root);
    expect(models.map(({ name }) => name)).toEqual(['other']);
    expect(bad.map(({ failure }) => failure.reason)).toEqual([`${root}/${reason}`]);
  });

  test('is passed over where it is no version', async () => {
    const root = await makeFolder({ 'm/1/model.onnx': MODEL });
    await symlink('.', join(root, 'm/latest'));
    await symlink('/nowhere', join(root, 'm/notes'));
    const { models, bad } = await findModels(root);
    expect([models.length, bad.length]).toEqual([1, 0]);
  });
});

test('a model.json that is larger than any is not read', async () => {
  const root = await makeFolder({ 'm/1/model.onnx': MODEL, 'm/model.json': '{}' });
  await truncate(join(root, 'm/model.json'), 3 * 2 ** 30);
  const { bad } = await findModels(root);
  expect(bad.map(({ failure }) => failure.reason)).toEqual([
    `${root}/m/model.json has 3221225472 bytes; at most 67108864 are read`,
  ]);
});
