// ECS task scale-in protection, against an agent that speaks as documented.

import { describe, expect, test } from '@jest/globals';
import { TaskProtection } from '../../src/scaling/task-protection.js';
import { ManualClock } from '../support/manual-clock.js';
import { deadUrl, type Heard, PlatformServer, type Reply, recordedCalls } from '../support/platform.js';

const PATH = '/api/1/task-protection/v1/state';
const ARN = 'arn:aws:ecs:eu-west-1:111122223333:task/prod/abc';

interface State {
  readonly ProtectionEnabled: boolean;
  readonly ExpiresInMinutes?: number;
}

function granted({ text }: Heard): Reply {
  const { ProtectionEnabled } = JSON.parse(text) as State;
  const until = ProtectionEnabled ? { ExpirationDate: '2026-01-01T00:00:00Z' } : {};
  return { body: { protection: { TaskArn: ARN, ProtectionEnabled, ...until } } };
}

const failure = (Reason: string): Reply => ({ body: { failure: { Arn: ARN, Reason, Detail: 'why' } } });
const error = (status: number, Code: string): Reply => ({
  status,
  body: { requestID: '1', error: { Arn: ARN, Code, Message: 'why' } },
});

async function setUp(server?: PlatformServer) {
  const clock = new ManualClock();
  const recorded = recordedCalls(clock);
  if (server !== undefined) server.reply = granted;
  const load = { demand: 0, backlogSeconds: 0 };
  const agentUri = `${server?.url ?? (await deadUrl())}/api/1`;
  const protection = new TaskProtection({
    clock,
    calls: recorded.calls,
    agentUri,
    demand: () => load.demand,
    backlogSeconds: () => load.backlogSeconds,
  });
  /** Lets so many seconds pass, with a look at each. */
  const pass = async (seconds: number): Promise<void> => {
    for (let k = 0; k < seconds; k++) {
      await protection.tick();
      clock.advance(1_000);
    }
  };
  const states = (): unknown[] => server?.bodiesTo(PATH) ?? [];
  return { clock, load, protection, pass, states, ...recorded };
}

const on = (ExpiresInMinutes: number): State => ({ ProtectionEnabled: true, ExpiresInMinutes });
const OFF: State = { ProtectionEnabled: false };

describe('protection', () => {
  test('is asked for when work has been there for more than five seconds', async () => {
    await using server = await PlatformServer.start();
    const { load, pass, states } = await setUp(server);
    await pass(100);
    load.demand = 1;
    load.backlogSeconds = 661;
    await pass(6);
    expect(states()).toEqual([]);
    await pass(1);
    expect(states()).toEqual([on(14)]);
    expect(server.heard[0]).toMatchObject({ method: 'PUT', headers: { 'content-type': 'application/json' } });
  });

  test.each([
    [0, 2],
    [0.5, 3],
    [60, 3],
    [60.1, 4],
    [1e9, 2880],
  ])('with a backlog of %d s lasts %d minutes', async (backlogSeconds, minutes) => {
    await using server = await PlatformServer.start();
    const { load, pass, states } = await setUp(server);
    Object.assign(load, { demand: 1, backlogSeconds });
    await pass(7);
    expect(states()).toEqual([on(minutes)]);
  });

  test('of one 11-minute run is renewed at half of its time and given up after 30 quiet seconds', async () => {
    await using server = await PlatformServer.start();
    const { load, pass, states, counted } = await setUp(server);
    Object.assign(load, { demand: 1, backlogSeconds: 660 });
    for (let second = 0; second < 660; second++) {
      load.backlogSeconds = 660 - second;
      await pass(1);
    }
    expect(states()).toEqual([on(13), on(7), on(3)]);
    Object.assign(load, { demand: 0, backlogSeconds: 0 });
    await pass(30);
    expect(states()).toHaveLength(3);
    await pass(1);
    expect(states().at(-1)).toEqual(OFF);
    await pass(3_600);
    expect(states()).toHaveLength(4);
    expect(counted).toEqual(Array(4).fill('task_protection ok'));
  });

  test('is one call, however many requests come and go', async () => {
    await using server = await PlatformServer.start();
    const { load, pass, states } = await setUp(server);
    load.backlogSeconds = 3_480;
    for (let second = 0; second < 1_700; second++) {
      load.demand = second < 10 || second % 30 < 2 ? 1 + (second % 7) : 0;
      await pass(1);
    }
    expect(states()).toEqual([on(60)]);
  });

  test('is not asked for by short work with pauses', async () => {
    await using server = await PlatformServer.start();
    const { load, pass, states } = await setUp(server);
    for (let second = 0; second < 600; second++) {
      load.demand = second % 6 < 5 ? 1 : 0;
      await pass(1);
    }
    expect(states()).toEqual([]);
  });

  test('is kept without a gap by work without an end', async () => {
    await using server = await PlatformServer.start();
    const { clock, load, pass } = await setUp(server);
    let protectedUntilMs = Number.POSITIVE_INFINITY;
    let gaps = 0;
    server.reply = (heard) => {
      const { ExpiresInMinutes = 0 } = JSON.parse(heard.text) as State;
      gaps += clock.nowMs() >= protectedUntilMs ? 1 : 0;
      protectedUntilMs = clock.nowMs() + ExpiresInMinutes * 60_000;
      return granted(heard);
    };
    load.demand = 1;
    await pass(3_600);
    expect(gaps).toBe(0);
    expect(protectedUntilMs).toBeGreaterThan(clock.nowMs());
    expect(server.heard.length).toBeLessThan(70);
  });
});

const FAILURES: readonly (readonly [string, Reply, string, string])[] = [
  ['a failure with status 200: outside a service', failure('TASK_NOT_VALID'), 'refused', 'TASK_NOT_VALID'],
  ['a failure with status 200: deployment', failure('DEPLOYMENT_BLOCKED'), 'refused', 'DEPLOYMENT_BLOCKED'],
  ['throttling', error(400, 'ThrottlingException'), 'throttled', 'ThrottlingException'],
  ['the limiter before the agent', { status: 429, body: {} }, 'throttled', 'status 429'],
  ['no task role', error(403, 'AccessDeniedException'), 'forbidden', 'AccessDeniedException'],
  ['a wrong parameter', error(400, 'InvalidParameterException'), 'refused', 'InvalidParameterException'],
  ["the agent's own time-out", error(504, 'RequestCanceled'), 'refused', 'RequestCanceled'],
  ['a server exception', error(500, 'ServerException'), 'refused', 'ServerException'],
  ['a page', { status: 502, body: '<html>' }, 'invalid', 'status 502'],
  ['nothing', { body: '' }, 'invalid', 'status 200'],
  ['another state', { body: { protection: { ProtectionEnabled: false } } }, 'invalid', 'another protection'],
  ['a protection that is none', { body: { protection: 'yes' } }, 'invalid', 'another protection'],
  ['what is no HTTP', 'garbage', 'invalid', 'HPE_'],
  ['a connection that ends', 'reset', 'unreachable', 'ECONNRESET'],
];

describe('where the agent fails', () => {
  test.each(FAILURES)(
    'with %s, it is logged once, counted, and tried ever later',
    async (_what, reply, ...said) => {
      await using server = await PlatformServer.start();
      const { load, pass, states, counted, warnings } = await setUp(server);
      const [result, reason] = said;
      server.reply = () => reply;
      load.demand = 1;
      await pass(3_600);
      expect(warnings).toEqual([
        expect.objectContaining({ result, reason: expect.stringContaining(reason) }),
      ]);
      expect(new Set(counted)).toEqual(new Set([`task_protection ${result}`]));
      expect(states().length).toBeGreaterThan(10);
      expect(states().length).toBeLessThan(20);
      server.reply = granted;
      await pass(301);
      expect(counted.filter((each) => each.endsWith(' ok'))).not.toEqual([]);
    },
  );

  test('as nobody listens, nothing else happens', async () => {
    const { load, pass, counted, warnings } = await setUp();
    load.demand = 1;
    await pass(60);
    expect(new Set(counted)).toEqual(new Set(['task_protection unreachable']));
    expect(warnings).toHaveLength(1);
  });

  test('to answer in time, the protection that it may have set is taken back', async () => {
    await using server = await PlatformServer.start();
    const { clock, load, protection, pass, states, counted } = await setUp(server);
    load.demand = 1;
    await pass(6);
    server.reply = () => {
      setImmediate(() => clock.advance(5_000));
      return 'hang';
    };
    await protection.tick();
    expect(counted).toEqual(['task_protection timeout']);
    server.reply = granted;
    load.demand = 0;
    await pass(50);
    expect(states()).toEqual([on(2), OFF]);
  });

  test('to renew, it is tried again before the protection ends', async () => {
    await using server = await PlatformServer.start();
    const { clock, load, pass, states } = await setUp(server);
    Object.assign(load, { demand: 1, backlogSeconds: 480 });
    await pass(7);
    server.reply = () => error(400, 'ThrottlingException');
    const grantedMs = clock.nowMs();
    await pass(320);
    const tries = states().length;
    server.reply = granted;
    await pass(200);
    expect(states().length).toBeGreaterThan(tries);
    expect(tries).toBeGreaterThanOrEqual(2);
    expect(clock.nowMs() - grantedMs).toBeLessThan(600_000);
  });

  test('to take it back, that is left to its end', async () => {
    await using server = await PlatformServer.start();
    const { load, pass, states } = await setUp(server);
    load.demand = 1;
    await pass(7);
    load.demand = 0;
    server.reply = () => error(500, 'ServerException');
    await pass(3_600);
    expect(states().filter((state) => (state as State).ProtectionEnabled)).toHaveLength(1);
    expect(states().length).toBeLessThan(6);
  });
});

test('while a call is under way there is no second one', async () => {
  await using server = await PlatformServer.start();
  const { clock, load, protection, pass, calls } = await setUp(server);
  load.demand = 1;
  await pass(6);
  server.reply = () => 'hang';
  const first = protection.tick();
  for (let k = 0; k < 3; k++) {
    clock.advance(1_000);
    await protection.tick();
  }
  calls.stop();
  await first;
  expect(server.heard.length).toBeLessThanOrEqual(1);
});
