// `oneslot check`: what would become of each model, without serving.

import { spawnSync } from 'node:child_process';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { KILLING, writeFixtureModels } from '../support/fixture-models.js';
import { PROJECT } from '../support/oneslot.js';
import { tempFolders } from '../support/temp-folders.js';

const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url));
const makeFolder = tempFolders();

function check(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, 'check', ...args], {
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

test('of models that load names each with its provider, and ends with 0', async () => {
  const models = await makeFolder();
  await cp(`${PROJECT}models/burn`, join(models, 'burn'), { recursive: true });
  const { status, stdout, stderr } = check('--models', models);
  expect(stdout).toMatch(
    /^ok {6}burn {2}version 1 {2}cpu {2}loaded in \d+ ms {2}\d+ nodes on CPUExecutionProvider\n1 of 1 models load\n$/,
  );
  expect([status, stderr]).toEqual([0, '']);
});

describe('of models that do not all load', () => {
  async function mixed(): Promise<string> {
    const models = await makeFolder({
      'broken/1/model.onnx': 'this is no model',
      'empty/1/': '',
      'stray.onnx': 'x',
    });
    await cp(`${PROJECT}models/burn`, join(models, 'burn'), { recursive: true });
    writeFixtureModels(models, ['killed']);
    const file = join(models, 'killed', 'model.json');
    const settings = JSON.parse(await readFile(file, 'utf8'));
    await writeFile(file, JSON.stringify({ ...settings, warmup: { x: { value: [KILLING] } } }));
    return models;
  }

  test('names every one with its reason, one that ends the runner too, and ends with 1', async () => {
    const { status, stdout } = check('--models', await mixed());
    expect(status).toBe(1);
    expect(stdout).toMatch(/^warning: .*stray\.onnx is not served/m);
    expect(stdout).toMatch(/^FAILED {2}broken {2}version 1 {2}cpu {2}.*[Pp]rotobuf/m);
    expect(stdout).toMatch(/^FAILED {2}empty .*it is empty/m);
    expect(stdout).toMatch(/^FAILED {2}killed .*died of SIG\w+ while it loaded this model/m);
    expect(stdout).toMatch(/^ok {6}burn /m);
    expect(stdout).toMatch(/^1 of 4 models load$/m);
  });

  test('ends with 0 where those that are required do, and tells it as JSON', async () => {
    const { status, stdout } = check('--models', await mixed(), '--require-models', 'burn', '--json');
    expect(status).toBe(0);
    const report = JSON.parse(stdout);
    expect(report.ok).toBe(true);
    expect(report.models.map(({ name, ok }: { name: string; ok: boolean }) => [name, ok])).toEqual([
      ['broken', false],
      ['burn', true],
      ['empty', false],
      ['killed', false],
    ]);
  });
});

test('of a folder that is not there says so', () => {
  const { status, stderr } = check('--models', '/nowhere');
  expect([status, stderr]).toEqual([1, 'oneslot: the models folder /nowhere does not exist\n']);
});
