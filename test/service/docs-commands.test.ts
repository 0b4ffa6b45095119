// Commands of the documentation, run as they stand there: those of docs/bodies.md against a real server, and the command
// `oneslot` itself.

import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Oneslot, PROJECT, startOneslot } from '../support/oneslot.js';

const BODIES = readFileSync(`${PROJECT}docs/bodies.md`, 'utf8');

interface Example {
  readonly command: string;
  /** Undefined where the page shows none. */
  readonly output: string | undefined;
}

const EXAMPLES: readonly Example[] = [
  ...BODIES.matchAll(/```sh\n([^`]*?)\n```\n(?:\n```json\n([^`]*?)\n```)?/g),
].map(([, command, output]) => ({ command: command!, output }));

/** Processors round differently in the last digits. */
function rounded(text: string): string {
  return text.replace(/-?\d+\.?\d*e-?\d+|-?\d+\.\d+/g, (number) => Number(number).toFixed(3));
}

describe('docs/bodies.md', () => {
  let oneslot: Oneslot;
  let folder: string;

  beforeAll(async () => {
    oneslot = await startOneslot();
    folder = mkdtempSync(join(tmpdir(), 'oneslot-test-'));
    symlinkSync(`${PROJECT}models`, join(folder, 'models'));
  });

  afterAll(async () => {
    await oneslot[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  test('shows every form of body', () => {
    for (const type of ['application/json', 'image/png', 'text/plain', 'application/octet-stream']) {
      expect(EXAMPLES.some(({ command }) => command.includes(`Content-Type: ${type}`))).toBe(true);
    }
  });

  test.each(EXAMPLES)('$command', ({ command, output }) => {
    const own = command
      .replaceAll(/(?:http:\/\/)?localhost:8080/g, oneslot.url)
      .replaceAll('curl ', 'curl -sS --fail-with-body ');
    const printed = execFileSync('sh', ['-ec', own], { cwd: folder, encoding: 'utf8' });
    if (output !== undefined) expect(rounded(printed.trim())).toBe(rounded(output));
    else expect(printed).not.toBe('');
  });
});

describe('the command `oneslot`', () => {
  const { bin } = JSON.parse(readFileSync(`${PROJECT}package.json`, 'utf8')) as { bin: { oneslot: string } };

  test('is a file of the clone that may be executed, as npx and npm link want it', () => {
    const { status, stdout } = spawnSync(`${PROJECT}${bin.oneslot}`, ['key', 'ci'], { encoding: 'utf8' });
    expect(status).toBe(0);
    expect(stdout).toMatch(/^key: /);
  });

  test('says what to do in a clone that is not built', () => {
    const clone = mkdtempSync(join(tmpdir(), 'oneslot-test-'));
    mkdirSync(join(clone, 'bin'));
    copyFileSync(`${PROJECT}${bin.oneslot}`, join(clone, 'bin', 'oneslot.js'));
    copyFileSync(`${PROJECT}package.json`, join(clone, 'package.json'));
    const { status, stderr } = spawnSync(process.execPath, [join(clone, 'bin', 'oneslot.js')], {
      encoding: 'utf8',
    });
    rmSync(clone, { recursive: true, force: true });
    expect(status).toBe(1);
    expect(stderr).toContain('npm run build');
  });
});
