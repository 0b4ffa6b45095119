// `oneslot plan` as a user meets it: the worked example of docs/planning.md, its files, and what it refuses.

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { PROJECT } from '../support/oneslot.js';

const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url));
const DOCS = readFileSync(`${PROJECT}docs/planning.md`, 'utf8');
const QUICK = ['--rate', '1/s', '--run', '2s', '--duration', '10m'];

function plan(args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, 'plan', ...args], {
    encoding: 'utf8',
    cwd: PROJECT,
  });
  return { status, stdout, stderr };
}

const unfolded = (text: string): string => text.replace(/\s+/g, ' ');

describe('docs/planning.md', () => {
  const [, command, output] = /```sh\n(oneslot plan [^`]*?)\n```\n\n```text\n([^`]*?)\n```/.exec(DOCS)!;

  test('shows what its command prints', () => {
    const own = command!.replace('oneslot', `"${process.execPath}" "${MAIN}"`);
    const printed = execFileSync('sh', ['-c', own], { cwd: PROJECT, encoding: 'utf8' });
    expect(printed.trimEnd()).toBe(output);
  });

  test('shows the picture of the same plan', () => {
    const file = join(tmpdir(), `oneslot-plan-${process.pid}.svg`);
    expect(plan([...command!.split(' ').slice(2), '--svg', file]).status).toBe(0);
    expect(readFileSync(file, 'utf8')).toBe(readFileSync(`${PROJECT}docs/planning.svg`, 'utf8'));
  });
});

test('--json prints a plan that keeps the goal, the same each time', () => {
  const first = plan([...QUICK, '--json', '--price', '2']);
  const report = JSON.parse(first.stdout);
  expect(report.steady).toHaveLength(1);
  expect(report.steady[0]).toMatchObject({ rate: 1, load: 2, replicas: 3, closedForm: { replicas: 3 } });
  expect(report.day.isTargetKept).toBe(true);
  expect(report.day.cost).toBeCloseTo(2 * report.day.replicaHours, 9);
  expect(Number(report.settings.keda.thresholds.oneslot_demand)).toBeGreaterThan(0);
  expect(report.settings.ecs).toMatchObject({ MaxWaitSeconds: 30, isTargetKept: true, days: 8 });
  expect(plan([...QUICK, '--json', '--price', '2']).stdout).toBe(first.stdout);
});

test('targets and policies that are given are kept', () => {
  const given = [
    '--hpa-target',
    '0.5',
    '--scale-up-policy',
    '1/5m',
    '--ecs-target',
    '7',
    '--ecs-busy-target',
    '0.4',
    '--scale-down-window',
    '10m',
  ];
  const { settings } = JSON.parse(plan([...QUICK, '--json', ...given]).stdout);
  expect(settings.hpa).toMatchObject({ isSearched: false, averageValues: { oneslot_demand: '500m' } });
  expect(settings.ecs).toMatchObject({ isSearched: false, MaxWaitSeconds: 7, TargetBusyRatio: 0.4 });
});

test('run times come from a metrics page, by file and by URL', async () => {
  const page = [
    'oneslot_run_seconds_bucket{le="1",model="burn"} 0',
    'oneslot_run_seconds_bucket{le="5",model="burn"} 10',
    'oneslot_run_seconds_bucket{le="+Inf",model="burn"} 10',
    'oneslot_run_seconds_sum{model="burn"} 30',
    '',
  ].join('\n');
  const file = join(tmpdir(), `oneslot-page-${process.pid}.txt`);
  writeFileSync(file, page);
  const server = createServer((_request, response) => response.end(page)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const args = (source: string) => [
    'plan',
    '--rate',
    '0.5',
    '--duration',
    '5m',
    '--json',
    '--run-histogram',
    source,
  ];
  const loads = await Promise.all(
    [file, `http://127.0.0.1:${port}/metrics`].map((source) => loadOf(args(source))),
  );
  await new Promise((resolve) => server.close(resolve));
  expect(loads[0].runMean).toBeCloseTo(3, 6);
  expect(loads[1]).toEqual(loads[0]);
});

/** Not spawnSync, which would stop the server that it asks. */
async function loadOf(args: readonly string[]) {
  const child = spawn(process.execPath, [MAIN, ...args]);
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  await once(child, 'close');
  return JSON.parse(stdout).load;
}

describe('a wrong value', () => {
  test.each([
    [
      ['--rate', '5/x', '--run', '1s'],
      "--rate <rate>' argument '5/x' is invalid. It takes arrivals from 0 to 1000000/s",
    ],
    [['--rate', '5', '--run', '2 days'], "argument '2 days' is invalid. It takes a time from 0.1ms to 1d"],
    [
      ['--rate', '5', '--run', '1s', '--quantile', '95'],
      "argument '95' is invalid. It takes a number from 0.01 to 0.9999",
    ],
    [['--rate', '5', '--run', '1s', '--max-replicas', '20000'], 'It takes a whole number from 1 to 10000'],
    [['--rate', '5', '--run', '1s', '--burst', 'noon'], 'It takes start+length=rate'],
    [['--rate', '5', '--run', '1s', '--scaler', 'hpaa'], 'It takes hpa, ecs, none'],
    [['--run', '1s'], 'say how many requests come, with --rate or --profile'],
    [['--rate', '5'], 'say how long runs take, with --run or --run-histogram'],
    [
      ['--rate', '5', '--profile', 'x', '--run', '1s'],
      '--rate and --profile both say how many requests come',
    ],
    [['--rate', '0', '--run', '1s'], 'nothing ever arrives'],
    [['--profile', '/nowhere.csv', '--run', '1s'], '--profile /nowhere.csv: there is no such file'],
    [
      ['--rate', '5', '--run-histogram', 'package.json'],
      'package.json: there is no oneslot_run_seconds_bucket',
    ],
    [
      ['--rate', '5', '--run-histogram', 'http://127.0.0.1:1/metrics'],
      '--run-histogram http://127.0.0.1:1/metrics: fetch failed',
    ],
    [
      ['--rate', '5', '--run', '1s', '--min-replicas', '9', '--max-replicas', '8'],
      '--min-replicas 9 is more than --max-replicas 8',
    ],
    [
      ['--rate', '2000/s', '--run', '10s'],
      "2000 arrivals/s are 20000 replicas' worth of work; --max-replicas is 10000",
    ],
    [['--rate', '5', '--run', '1s', '--burst', '9h+1m=1/s'], '--burst at 32400 s begins after the end'],
  ])('%j is refused with %s', (args, message) => {
    const { status, stderr } = plan(args);
    expect(status).toBe(1);
    expect(unfolded(stderr)).toContain(message);
    expect(stderr).not.toContain('    at ');
  });
});

test('the help groups the options and shows how to begin', () => {
  const { status, stdout } = plan(['--help']);
  expect(status).toBe(0);
  for (const heading of ['Load:', 'Goal:', 'Fleet:', 'Scaling:', 'Output:', 'Examples:'])
    expect(stdout).toContain(heading);
  expect(unfolded(stdout)).toContain('The same options and seed give the same plan');
});
