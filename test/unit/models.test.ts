// The shipped models are the files that their READMEs speak of, and burn is what its recipe and its reference say.

import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import sharp from 'sharp';
import { burnModel } from '../../models/burn/build.js';
import { drawDigit, readSamples } from '../../models/digits/draw.js';
import { burnReference } from '../support/burn-reference.js';

/** From dist/test/unit to the top of the repository. */
const ROOT = new URL('../../../', import.meta.url);
const MODELS = new URL('models/', ROOT);

const names = readdirSync(MODELS).filter((name) => existsSync(new URL(`${name}/model.json`, MODELS)));

const readText = (path: string): string => readFileSync(new URL(path, MODELS), 'utf8');

test('the shipped models are burn, digits, face-detector and sentence-embedder', () => {
  expect(names.sort()).toEqual(['burn', 'digits', 'face-detector', 'sentence-embedder']);
});

test.each(names)('%s is the file whose sha256 stands in its README', (name) => {
  const hash = createHash('sha256')
    .update(readFileSync(new URL(`${name}/1/model.onnx`, MODELS)))
    .digest('hex');
  const documented = /^\| `1\/model\.onnx` *\| sha256 `(\w+)`/m.exec(readText(`${name}/README.md`));
  expect(documented?.[1]).toBe(hash);
});

test.each(names)('%s has its origin in NOTICE, or needs none', (name) => {
  const isOursAlone = name === 'burn';
  expect(readFileSync(new URL('NOTICE', ROOT), 'utf8').includes(`models/${name}`)).toBe(!isOursAlone);
});

test('the recipe of burn gives the shipped file byte for byte', () => {
  const shipped = readFileSync(new URL('burn/1/model.onnx', MODELS));
  expect(Buffer.compare(burnModel(), shipped)).toBe(0);
});

test('the known answers in the README of burn are those of the reference', () => {
  const rows = [...readText('burn/README.md').matchAll(/^\| (\d+) +\| (\d+) +\| (\d+) +\|$/gm)];
  const documented = rows.map(([, iterations, seed, checksum]) => [iterations, seed, checksum].map(Number));
  const recomputed = documented.map(([iterations, seed]) => {
    const answer = burnReference({ iterations: iterations!, seed: seed! });
    return [iterations, seed, answer.checksum];
  });
  expect(documented).toHaveLength(5);
  expect(recomputed).toEqual(documented);
});

test('digits/seven.png shows the seven of the samples', async () => {
  const seven = readSamples(new URL('digits/samples.json', MODELS)).find(({ label }) => label === 7)!;
  const drawn = await sharp(await drawDigit(seven))
    .raw()
    .toBuffer();
  const shipped = await sharp(readFileSync(new URL('digits/seven.png', MODELS)))
    .raw()
    .toBuffer();
  expect(Buffer.compare(shipped, drawn)).toBe(0);
});
