// EC2's Spot interruption notice, against a metadata service of version 2.

import { expect, test } from '@jest/globals';
import { type SpotNotice, SpotNotices } from '../../src/scaling/spot-notice.js';
import { ManualClock } from '../support/manual-clock.js';
import { deadUrl, type Heard, PlatformServer, type Reply, recordedCalls } from '../support/platform.js';

const TOKEN_PATH = '/latest/api/token';
const ACTION_PATH = '/latest/meta-data/spot/instance-action';
const WALL_MS = Date.parse('2026-01-01T08:00:00Z');

/** Tokens as IMDSv2 gives them; what it says of the instance is up to the test. */
class MetadataService {
  tokens = 0;
  expired = 0;
  action: Reply = { status: 404, body: 'Not Found' };

  reply = ({ method, path, headers }: Heard): Reply => {
    if (path === TOKEN_PATH) {
      if (method !== 'PUT' || headers['x-aws-ec2-metadata-token-ttl-seconds'] === undefined)
        return { status: 400 };
      this.tokens += 1;
      return { body: `token-${this.tokens}==` };
    }
    const given = /^token-(\d+)==$/.exec(String(headers['x-aws-ec2-metadata-token']));
    if (given === null || Number(given[1]) <= this.expired) return { status: 401 };
    return path === ACTION_PATH && method === 'GET' ? this.action : { status: 404 };
  };
}

async function setUp(server?: PlatformServer) {
  const clock = new ManualClock();
  const service = new MetadataService();
  if (server !== undefined) server.reply = service.reply;
  const recorded = recordedCalls(clock);
  const notices: SpotNotice[] = [];
  const startMs = clock.nowMs();
  const spot = new SpotNotices({
    clock,
    wallMs: () => WALL_MS + clock.nowMs() - startMs,
    calls: recorded.calls,
    endpoint: server?.url ?? (await deadUrl()),
    onNotice: (notice) => void notices.push(notice),
  });
  const pass = async (seconds: number): Promise<void> => {
    for (let k = 0; k < seconds; k += 5) {
      await spot.tick();
      clock.advance(5_000);
    }
  };
  return { clock, service, notices, pass, ...recorded };
}

const action = (time: unknown): Reply => ({ body: { action: 'terminate', time } });

test('as long as nothing is planned, one token serves and nothing is logged', async () => {
  await using server = await PlatformServer.start();
  const { service, notices, pass, counted, warnings } = await setUp(server);
  await pass(600);
  expect(service.tokens).toBe(1);
  expect(server.heard).toHaveLength(121);
  expect(counted.filter((each) => each !== 'spot_notice ok')).toEqual(['spot_token ok']);
  expect([notices, warnings]).toEqual([[], []]);
});

test('a notice is passed on once, with the time that is left, and nobody asks any more', async () => {
  await using server = await PlatformServer.start();
  const { service, notices, pass } = await setUp(server);
  await pass(20);
  service.action = action('2026-01-01T08:02:15Z');
  await pass(5);
  expect(notices).toEqual([{ action: 'terminate', leftMs: 115_000 }]);
  const asked = server.heard.length;
  await pass(60);
  expect([notices.length, server.heard.length]).toEqual([1, asked]);
});

test.each([
  ['in the past', '2025-12-31T00:00:00Z', 0],
  ['that is none', 'soon', 120_000],
  ['that is missing', undefined, 120_000],
])('a time %s', async (_what, time, leftMs) => {
  await using server = await PlatformServer.start();
  const { service, notices, pass } = await setUp(server);
  service.action = action(time);
  await pass(5);
  expect(notices).toEqual([{ action: 'terminate', leftMs }]);
});

test('a token that has expired is replaced, and so is one before its end', async () => {
  await using server = await PlatformServer.start();
  const { clock, service, notices, pass } = await setUp(server);
  await pass(10);
  service.expired = 1;
  await pass(20);
  expect(service.tokens).toBe(2);
  clock.advance(21_000_000);
  await pass(5);
  expect(service.tokens).toBe(3);
  service.action = action('2026-01-01T20:00:00Z');
  await pass(5);
  expect(notices).toHaveLength(1);
});

const FAILURES: readonly (readonly [string, Reply, string])[] = [
  ['status 500', { status: 500 }, 'refused'],
  ['a page', { body: '<html>' }, 'invalid'],
  ['no action', { body: { time: '2026-01-01T08:02:15Z' } }, 'invalid'],
  ['what is no HTTP', 'garbage', 'invalid'],
  ['a connection that ends', 'reset', 'unreachable'],
];

test.each(FAILURES)(
  '%s is no notice: logged once, counted, and asked again each minute',
  async (_what, reply, result) => {
    await using server = await PlatformServer.start();
    const { service, notices, pass, counted, warnings } = await setUp(server);
    service.action = reply;
    await pass(3_600);
    expect(notices).toEqual([]);
    expect(warnings).toMatchObject([{ call: 'spot_notice', result }]);
    const tries = counted.filter((each) => each === `spot_notice ${result}`).length;
    expect(tries).toBeGreaterThan(55);
    expect(tries).toBeLessThan(70);
    service.action = action('2026-01-01T10:00:00Z');
    await pass(65);
    expect(notices).toHaveLength(1);
  },
);

test.each([
  ['forbidden', { status: 403 }],
  ['no token', { body: 'two\nlines' }],
  ['empty', { body: '' }],
] as const)('where the token is %s nobody asks for the notice', async (_what, reply) => {
  await using server = await PlatformServer.start();
  const { pass, warnings } = await setUp(server);
  server.reply = () => reply;
  await pass(600);
  expect(new Set(server.heard.map(({ path }) => path))).toEqual(new Set([TOKEN_PATH]));
  expect(warnings).toMatchObject([{ call: 'spot_token' }]);
});

test('without a metadata service nothing happens but a count and a line', async () => {
  const { pass, counted, warnings, notices } = await setUp();
  await pass(600);
  expect(new Set(counted)).toEqual(new Set(['spot_token unreachable']));
  expect(warnings).toHaveLength(1);
  expect(notices).toEqual([]);
});
