// The command line as a user meets it: help, wrong values, variables, signals, and a disk that is full.

import { spawn, spawnSync } from 'node:child_process';
import { openSync } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { optionRows } from '../../src/config.js';
import { PROJECT, startOneslot } from '../support/oneslot.js';
import { until } from '../support/until.js';

const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url));

function run(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  return { status, stdout, stderr };
}

/** commander folds lines to the terminal's width. */
const unfolded = (text: string): string => text.replace(/\s+/g, ' ');

describe('the help', () => {
  test('of serve is the manual: each option with its variable, default and bounds', () => {
    const { status, stdout } = run(['serve', '--help']);
    expect(status).toBe(0);
    for (const { flag, variable, fallback, help } of optionRows()) {
      expect(unfolded(stdout)).toContain(`${flag} ${help}`);
      expect(unfolded(stdout)).toContain(`env: ${variable}`);
      if (fallback !== undefined) expect(unfolded(stdout)).toContain(`default: ${fallback}`);
    }
    expect(stdout).toContain('SIGTERM');
  });

  test('without a subcommand says how to begin, and ends with an error', () => {
    const { status, stderr } = run([]);
    expect(status).toBe(1);
    expect(stderr).toContain('oneslot serve --models ./models');
  });
});

describe('a wrong value', () => {
  test.each([
    ['--port', '99999', 'a whole number from 0 to 65535'],
    ['--port', '8o8o', 'a whole number from 0 to 65535'],
    ['--queue-bytes', '12 parsecs', 'a size from 1KiB to 1024GiB'],
    ['--queue-bytes', '5M', '5M may be 5MB, of 1000s, or 5MiB, of 1024s: write which'],
    ['--run-timeout', '-1', 'seconds from 0.001 to 604800'],
    ['--run-timeout', '5 minutes', 'as 250ms, 30s, 5m, 2h or 1d (seconds without a unit)'],
    ['--provider', 'tpu', 'cpu, cuda, webgpu, auto'],
    ['--log-level', 'loud', 'trace, debug, info'],
    ['--margin', '0.5', 'a number from 1 to 10'],
    ['--require-gpu', 'perhaps', 'true or false'],
  ])('of %s is refused with the value %s and what it takes', (flag, value, bounds) => {
    const { status, stderr } = run(['serve', flag, value]);
    expect(status).toBe(1);
    expect(stderr).toContain(flag);
    expect(stderr).toContain(`'${value}'`);
    expect(stderr).toContain(bounds);
  });

  test('in a variable is refused with the name of the variable', () => {
    const { status, stderr } = run(['serve'], { ONESLOT_QUEUE_LIMIT: 'many' });
    expect(status).toBe(1);
    expect(stderr).toContain('ONESLOT_QUEUE_LIMIT');
    expect(stderr).toContain("'many'");
    expect(stderr).toContain('a whole number from 1 to 1000000');
  });

  test('an unknown option names the nearest right one', () => {
    const { status, stderr } = run(['serve', '--queue-limt', '3']);
    expect(status).toBe(1);
    expect(stderr).toContain('--queue-limit');
  });

  test('a models folder that is not there is named', () => {
    const { status, stderr } = run(['serve', '--models', '/nowhere/models', '--port', '0']);
    expect(status).toBe(1);
    expect(stderr).toContain('/nowhere/models');
    expect(stderr).not.toContain('    at ');
  });

  test('a port that is taken is named', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await until(() => other.listening);
    const { port } = other.address() as { port: number };
    const { status, stderr } = run([
      'serve',
      '--host',
      '127.0.0.1',
      '--port',
      String(port),
      '--models',
      `${PROJECT}models`,
    ]);
    other.close();
    expect(status).toBe(1);
    expect(stderr).toContain(String(port));
  });
});

describe('variables', () => {
  test('set an option, and a flag wins over them', async () => {
    await using oneslot = await startOneslot({
      args: ['--queue-limit', '7'],
      env: { ONESLOT_QUEUE_LIMIT: '9', ONESLOT_DEFAULT_MODEL: 'digits' },
      ready: false,
    });
    expect(await oneslot.metric('oneslot_queue_limit')).toBe(7);
    await until(() => oneslot.isReady());
    expect((await oneslot.post('/predict', JSON.stringify({ inputs: {} }))).body.detail).toContain('image');
  });

  test('that are empty, or that Kubernetes makes for a Service called oneslot, are not read', async () => {
    const env = {
      ONESLOT_PORT: 'tcp://10.0.0.7:80',
      ONESLOT_SERVICE_HOST: '10.0.0.7',
      ONESLOT_ADMIN_PORT: '',
    };
    await using oneslot = await startOneslot({ env, ready: false });
    expect(oneslot.adminUrl).toBe(oneslot.url);
    expect(oneslot.logged('unknown variables are ignored')).toEqual([]);
  });

  test('that begin like ours and are none are told of in the log', async () => {
    await using oneslot = await startOneslot({ env: { ONESLOT_QEUE_LIMIT: '3' }, ready: false });
    expect(oneslot.logged('unknown variables are ignored')[0]).toMatchObject({
      variables: ['ONESLOT_QEUE_LIMIT'],
    });
  });
});

test('a log that can not be written, as on a full disk, stops nobody', async () => {
  const full = openSync('/dev/full', 'w');
  // Its log can't tell the port, so it gets one.
  const port = await freePort();
  const args = ['--host', '127.0.0.1', '--port', String(port), '--models', `${PROJECT}models`];
  const child = spawn(process.execPath, [MAIN, 'serve', ...args], { stdio: ['ignore', full, 'pipe'] });
  const url = `http://127.0.0.1:${port}`;
  const body = JSON.stringify({ inputs: { image: [Array.from({ length: 8 }, () => Array(8).fill(0))] } });
  const headers = { 'content-type': 'application/json' };
  await until(async () => {
    const answer = await fetch(`${url}/predict/digits`, { method: 'POST', headers, body }).catch(
      () => undefined,
    );
    return answer?.status === 200;
  });
  const ended = new Promise((resolve) => child.once('close', (code) => resolve(code)));
  child.kill('SIGINT');
  expect(await ended).toBe(0);
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await until(() => server.listening);
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test('oneslot key prints a new key and its entry for the keys file', () => {
  const first = run(['key', 'ci']);
  const second = run(['key', 'ci']);
  expect(first.status).toBe(0);
  const [, key] = /^key: +(\S+)$/m.exec(first.stdout) ?? [];
  const entry = JSON.parse(/^entry: (.*)$/m.exec(first.stdout)![1]!);
  expect(entry).toMatchObject({ name: 'ci', sha256: expect.stringMatching(/^[0-9a-f]{64}$/) });
  expect(first.stdout).not.toBe(second.stdout);
  expect(JSON.stringify(entry)).not.toContain(key);
});
