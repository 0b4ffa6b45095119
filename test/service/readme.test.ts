// The README's commands, run as they stand there against a real server, and their outputs.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Oneslot, PROJECT, startOneslot } from '../support/oneslot.js';

interface Example {
  readonly command: string;
  readonly output: string;
}

const README = readFileSync(`${PROJECT}README.md`, 'utf8');
const FENCE = /```sh\n(curl [^`]*?)\n```\n\n```(?:json|text)\n([^`]*?)\n```/g;
const EXAMPLES: readonly Example[] = [...README.matchAll(FENCE)].map(([, command, output]) => ({
  command: command!,
  output: output!,
}));

let oneslot: Oneslot;

beforeAll(async () => {
  oneslot = await startOneslot();
});

afterAll(async () => {
  await oneslot[Symbol.asyncDispose]();
});

/** Processors round differently in the last digits. */
function rounded(text: string): string {
  return text.replace(/-?\d+\.?\d*e-?\d+|-?\d+\.\d+/g, (number) => Number(number).toFixed(3));
}

test('the README shows a picture, a digit, a sentence and a burn', () => {
  expect(EXAMPLES.length).toBeGreaterThanOrEqual(6);
  for (const model of ['face-detector', 'digits', 'sentence-embedder', 'burn']) {
    expect(EXAMPLES.some(({ command }) => command.includes(`/predict/${model}`))).toBe(true);
  }
});

test.each(EXAMPLES)('$command', ({ command, output }) => {
  const own = command.replace('http://localhost:8080', oneslot.url);
  const printed = execFileSync('sh', ['-c', own], { cwd: PROJECT, encoding: 'utf8' });
  expect(rounded(printed.trim())).toBe(rounded(output));
});

test('its two commands are those that npm and .ci/run know', () => {
  expect(README).toContain('```sh\nnpm ci && npm start\n```');
  expect(README).toContain('```sh\nnpm ci && npm test\n```');
  expect(readFileSync(`${PROJECT}.ci/run`, 'utf8')).toMatch(/^npm ci && npm test$/m);
  const { scripts } = JSON.parse(readFileSync(`${PROJECT}package.json`, 'utf8'));
  expect(scripts.start).toBe('node scripts/start.js serve');
});
