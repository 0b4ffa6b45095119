// Which signals there are, and that a broken one stays its own trouble.

import { describe, expect, test } from '@jest/globals';
import { defaultConfig } from '../../src/config.js';
import type { CallName, CallResult } from '../../src/observer.js';
import { Signals, type SignalsOptions } from '../../src/scaling/signals.js';
import { ManualClock } from '../support/manual-clock.js';
import { PlatformServer, type Reply } from '../support/platform.js';
import { turn } from '../support/rooms.js';
import { snapshotOf } from '../support/snapshots.js';
import { tempFolders } from '../support/temp-folders.js';
import { until } from '../support/until.js';

const makeFolder = tempFolders();
const TASK = {
  Cluster: 'arn:aws:ecs:eu-west-1:111122223333:cluster/prod',
  TaskARN: 'arn:aws:ecs:eu-west-1:111122223333:task/prod/abc',
  Family: 'oneslot',
  Revision: '3',
  ServiceName: 'oneslot',
  LaunchType: 'EC2',
};

type Bindings = Readonly<Record<string, unknown>>;

function start(changes: Partial<SignalsOptions> = {}) {
  const clock = new ManualClock();
  const infos: Bindings[] = [];
  const warnings: Bindings[] = [];
  const errors: Bindings[] = [];
  const lines: string[] = [];
  const counted: `${CallName} ${CallResult}`[] = [];
  const signals = new Signals({
    config: defaultConfig(),
    clock,
    log: {
      info: (bindings) => void infos.push(bindings as Bindings),
      warn: (bindings) => void warnings.push(bindings as Bindings),
      error: (bindings) => void errors.push(bindings as Bindings),
    },
    snapshot: () => snapshotOf(),
    demand: () => 0,
    totals: () => ({ refused: 0, failed: 0 }),
    count: (call, result) => void counted.push(`${call} ${result}`),
    addCalls: () => {},
    writeLine: (line) => void lines.push(line),
    onSpotNotice: () => {},
    env: {},
    wallMs: () => clock.nowMs(),
    accountFolder: '/nowhere',
    ...changes,
  });
  const names = () => infos.flatMap(({ signals }) => signals);
  return { clock, signals, names, infos, warnings, errors, lines, counted };
}

describe('signals', () => {
  test('are none where no platform is found', () => {
    const { clock, infos, warnings } = start();
    expect([clock.pending, infos, warnings]).toEqual([0, [], []]);
  });

  test('are found by what ECS sets', async () => {
    await using server = await PlatformServer.start();
    server.reply = () => ({ body: TASK });
    const env = { ECS_CONTAINER_METADATA_URI_V4: `${server.url}/v4/1`, ECS_AGENT_URI: `${server.url}/api/1` };
    const { signals, names } = start({ env });
    expect(names()).toEqual(['cloudwatch metrics', 'task protection', 'spot notices']);
    signals.stop();
  });

  test('are found by what Kubernetes sets, where the pod has a token', async () => {
    const accountFolder = await makeFolder({ token: 't', 'ca.crt': '', namespace: 'n' });
    const env = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: '1', HOSTNAME: 'pod' };
    const { signals, names } = start({ env, accountFolder });
    expect(names()).toEqual(['pod deletion cost']);
    signals.stop();
    expect(start({ env }).infos).toEqual([]);
  });

  test('that are switched off stay off', () => {
    const config = defaultConfig({
      cloudwatchMetrics: 'off',
      taskProtection: 'off',
      podDeletionCost: 'off',
      spotNotices: 'off',
    });
    const env = { ECS_CONTAINER_METADATA_URI_V4: 'http://127.0.0.1:1', ECS_AGENT_URI: 'http://127.0.0.1:1' };
    const { clock, infos, warnings } = start({ config, env });
    expect([clock.pending, infos, warnings]).toEqual([0, [], []]);
  });

  test('that are asked for without their platform say what is missing', () => {
    const config = defaultConfig({ cloudwatchMetrics: 'on', taskProtection: 'on', podDeletionCost: 'on' });
    const { warnings, infos } = start({ config });
    expect(warnings.map(({ option }) => option)).toEqual([
      '--cloudwatch-metrics',
      '--task-protection',
      '--pod-deletion-cost',
    ]);
    expect(warnings[0]).toMatchObject({ missing: 'ECS_CONTAINER_METADATA_URI_V4' });
    expect(infos).toEqual([]);
  });

  test('once stopped leave no timer and write nothing', async () => {
    await using server = await PlatformServer.start();
    server.reply = () => 'hang';
    const env = { ECS_CONTAINER_METADATA_URI_V4: server.url, ECS_AGENT_URI: server.url };
    const { clock, signals, counted, lines } = start({ env });
    await until(() => server.heard.length === 1);
    signals.stop();
    await until(() => clock.pending === 0);
    clock.advance(600_000);
    await turn();
    expect([counted, lines]).toEqual([[], []]);
  });
});

describe('Spot notices', () => {
  test.each([
    ['EC2', true],
    ['FARGATE', false],
    ['EXTERNAL', false],
    [undefined, false],
  ])('of a task whose launch type is %s: asked for is %s', async (LaunchType, isAsked) => {
    await using server = await PlatformServer.start();
    server.reply = ({ path }): Reply =>
      path.endsWith('/task') ? { body: { ...TASK, LaunchType } } : { status: 404 };
    const env = {
      ECS_CONTAINER_METADATA_URI_V4: server.url,
      AWS_EC2_METADATA_SERVICE_ENDPOINT: `${server.url}/`,
    };
    const { clock, signals, counted } = start({ env });
    await until(() => counted.includes('task_metadata ok'));
    clock.advance(5_000);
    if (isAsked) await until(() => server.heard.some(({ path }) => path === '/latest/api/token'));
    await turn();
    expect(server.heard.some(({ path }) => path.startsWith('/latest'))).toBe(isAsked);
    signals.stop();
  });

  test('are asked for anywhere where the option says so', async () => {
    await using server = await PlatformServer.start();
    server.reply = () => ({ status: 403 });
    const config = defaultConfig({ spotNotices: 'on' });
    const { signals, counted } = start({ config, env: { AWS_EC2_METADATA_SERVICE_ENDPOINT: server.url } });
    await until(() => counted.includes('spot_token forbidden'));
    signals.stop();
  });
});

describe('task metadata', () => {
  test.each([
    ['status 500', { status: 500 }, 'refused'],
    ['a page', { body: '<html>' }, 'invalid'],
    ['no cluster', { body: { ...TASK, Cluster: '' } }, 'invalid'],
    ['no task', { body: { ...TASK, TaskARN: 7 } }, 'invalid'],
  ] as const)('%s keeps lines back until it is mended', async (_what, reply, result) => {
    await using server = await PlatformServer.start();
    server.reply = () => reply;
    const { clock, signals, counted, lines, warnings } = start({
      env: { ECS_CONTAINER_METADATA_URI_V4: server.url },
    });
    for (let tries = 1; tries <= 3; tries++) {
      await until(() => counted.length === tries);
      clock.advance(60_000);
    }
    expect([lines, warnings.length]).toEqual([[], 1]);
    expect(warnings[0]).toMatchObject({ call: 'task_metadata', result });
    await until(() => counted.length === 4);
    server.reply = () => ({ body: TASK });
    clock.advance(60_000);
    await until(() => counted.at(-1) === 'task_metadata ok');
    clock.advance(60_000);
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0]!)).toMatchObject({
      ClusterName: 'prod',
      ServiceName: 'oneslot',
      TaskId: 'abc',
    });
    signals.stop();
  });
});

test('a signal that breaks is logged once, and the others go on', async () => {
  await using server = await PlatformServer.start();
  server.reply = ({ path }): Reply => (path.endsWith('/task') ? { body: TASK } : { status: 404 });
  const accountFolder = await makeFolder({ token: 't', 'ca.crt': '', namespace: 'n' });
  const { url } = server;
  const { clock, signals, errors, counted } = start({
    env: {
      ECS_CONTAINER_METADATA_URI_V4: url,
      ECS_AGENT_URI: url,
      AWS_EC2_METADATA_SERVICE_ENDPOINT: url,
      KUBERNETES_SERVICE_HOST: '127.0.0.1',
    },
    accountFolder,
    demand: () => 1,
    snapshot: () => {
      throw new Error('broken');
    },
  });
  await until(() => counted.includes('task_metadata ok'));
  for (let k = 0; k < 300; k++) {
    clock.advance(1_000);
    await turn();
  }
  expect(errors.map(({ signal }) => signal).sort()).toEqual([
    'cloudwatch metrics',
    'pod deletion cost',
    'task protection',
  ]);
  await until(() => counted.includes('spot_token refused'));
  signals.stop();
});
