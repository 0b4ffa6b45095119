// The real command in made-up surroundings: an ECS task on a Spot instance, whose endpoints are on the loopback.

import { expect, test } from '@jest/globals';
import { burnReference } from '../support/burn-reference.js';
import { burn, burnAnswerOf, ENDLESS, leavableBurn } from '../support/burns.js';
import { type LogLine, type Oneslot, startOneslot } from '../support/oneslot.js';
import { type Heard, PlatformServer, type Reply } from '../support/platform.js';
import { until } from '../support/until.js';

const TASK = {
  Cluster: 'arn:aws:ecs:eu-west-1:111122223333:cluster/prod',
  TaskARN: 'arn:aws:ecs:eu-west-1:111122223333:task/prod/0123abcd',
  ServiceName: 'oneslot',
  LaunchType: 'EC2',
};
const WAITING_DEVICE = new URL('../support/waiting-device.js', import.meta.url).href;

const PROTECTION = '/agent/task-protection/v1/state';

/** All three endpoints at one address; `action` is what the instance is told. */
class Ecs implements AsyncDisposable {
  action: Reply = { status: 404 };
  protection: ((heard: Heard) => Reply) | undefined;

  private constructor(readonly server: PlatformServer) {
    server.reply = (heard) => this.#reply(heard);
  }

  static async start(): Promise<Ecs> {
    return new Ecs(await PlatformServer.start());
  }

  get env(): NodeJS.ProcessEnv {
    const { url } = this.server;
    return {
      ECS_CONTAINER_METADATA_URI_V4: `${url}/v4`,
      ECS_AGENT_URI: `${url}/agent`,
      AWS_EC2_METADATA_SERVICE_ENDPOINT: url,
    };
  }

  /** What the agent was told, in order. */
  get protections(): unknown[] {
    return this.server.bodiesTo(PROTECTION);
  }

  interrupt(inSeconds: number): void {
    const time = new Date(Date.now() + inSeconds * 1000).toISOString().replace(/\.\d+Z/, 'Z');
    this.action = { body: { action: 'terminate', time } };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
  }

  #reply(heard: Heard): Reply {
    switch (heard.path) {
      case '/v4/task':
        return { body: TASK };
      case PROTECTION:
        return this.protection?.(heard) ?? granted(heard);
      case '/latest/api/token':
        return { body: 'token==' };
      case '/latest/meta-data/spot/instance-action':
        return this.action;
      default:
        return { status: 404 };
    }
  }
}

function granted({ text }: Heard): Reply {
  return { body: { protection: { ...JSON.parse(text), TaskArn: TASK.TaskARN } } };
}

/** The lines that CloudWatch Logs would make metrics of. */
// biome-ignore lint/suspicious/noExplicitAny: lines of another form than the log's; the tests say what they expect.
const metricLines = (oneslot: Oneslot): readonly any[] =>
  oneslot.log.filter(({ _aws }) => _aws !== undefined);

test('metrics for CloudWatch stand on lines of their own, once a period, beside a log under load', async () => {
  await using ecs = await Ecs.start();
  const args = ['--cloudwatch-period', '1', '--queue-limit', '1'];
  await using oneslot = await startOneslot({ args, env: ecs.env });
  const running = leavableBurn(oneslot, ENDLESS);
  await oneslot.running();
  const waiting = leavableBurn(oneslot, 1);
  await oneslot.queued(1);
  let refused = 0;
  await until(async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => burn(oneslot, 1)));
    refused += answers.filter(({ status }) => status === 503).length;
    return metricLines(oneslot).length >= 4;
  });
  await until(() => sumOfRefusals(oneslot) === refused);
  // Each line was parsed as JSON as it came: none was torn.
  const lines = metricLines(oneslot);
  expect(lines.at(-1)).toMatchObject({
    ClusterName: 'prod',
    ServiceName: 'oneslot',
    TaskId: '0123abcd',
    Demand: 2,
    BusyRatio: expect.any(Number),
    BacklogSeconds: expect.any(Number),
  });
  expect(lines.at(-1)._aws.CloudWatchMetrics[0].Dimensions).toEqual([['ClusterName', 'ServiceName']]);
  const seconds = lines.map(({ _aws }) => Math.floor(_aws.Timestamp / 1000));
  expect(new Set(seconds).size).toBe(seconds.length);
  running.leave();
  waiting.leave();
});

const sumOfRefusals = (oneslot: Oneslot): number =>
  metricLines(oneslot).reduce((sum, { Refusals }) => sum + Refusals, 0);

// They wait for what takes its time by nature, so they wait together.
test.concurrent('a long run is protected from scale-in, and when it is over the protection is taken back', async () => {
  await using ecs = await Ecs.start();
  await using oneslot = await startOneslot({ env: ecs.env });
  await burn(oneslot, 1);
  const running = leavableBurn(oneslot, ENDLESS);
  await until(() => ecs.protections.length > 0);
  expect(ecs.protections).toEqual([{ ProtectionEnabled: true, ExpiresInMinutes: expect.any(Number) }]);
  expect(
    await oneslot.metric('oneslot_platform_calls_total', { call: 'task_protection', result: 'ok' }),
  ).toBe(1);
  running.leave();
  await until(() => ecs.protections.length > 1);
  expect(ecs.protections.slice(1)).toEqual([{ ProtectionEnabled: false }]);
}, 120_000);

test.concurrent('an agent that refuses is logged once and costs no prediction', async () => {
  await using ecs = await Ecs.start();
  ecs.protection = () => ({
    body: { failure: { Arn: TASK.TaskARN, Reason: 'TASK_NOT_VALID', Detail: 'no service' } },
  });
  await using oneslot = await startOneslot({ env: ecs.env });
  const running = leavableBurn(oneslot, ENDLESS);
  await until(() => ecs.protections.length > 1);
  const refused = { call: 'task_protection', result: 'refused' };
  await until(async () => (await oneslot.metric('oneslot_platform_calls_total', refused)) === 2);
  const isWarning = ({ call }: LogLine): boolean => call === 'task_protection';
  expect(await oneslot.logs(isWarning)).toMatchObject({
    level: 'warn',
    result: 'refused',
    reason: 'TASK_NOT_VALID',
    detail: 'no service',
  });
  running.leave();
  expect((await burn(oneslot, 1, { headers: { 'x-request-id': 'last' } })).status).toBe(200);
  await oneslot.logs(({ requestId }) => requestId === 'last');
  expect(oneslot.log.filter(isWarning)).toHaveLength(1);
});

test('an instance that is taken away drains at once, and SIGTERM then ends the process without a delay', async () => {
  await using ecs = await Ecs.start();
  await using oneslot = await startOneslot({ args: ['--drain-delay', '3600'], env: ecs.env });
  ecs.interrupt(120);
  await oneslot.logs(({ msg }) => msg === 'drained: refuses until it is ended');
  expect((await oneslot.get('/readyz')).body.reasons).toContain('draining');
  expect(await burn(oneslot, 1)).toMatchObject({ status: 503, body: { code: 'draining', retryable: true } });
  expect(oneslot.hasEnded).toBe(false);
  expect(await oneslot.signal('SIGTERM')).toEqual({ code: 0, signal: null });
});

test.concurrent('a run that can end before the instance does is kept, and who comes after it too', async () => {
  await using ecs = await Ecs.start();
  // Runs that only wait take as long on a busy machine as on a quiet one.
  const env = { ...ecs.env, NODE_OPTIONS: `--import ${WAITING_DEVICE}` };
  await using oneslot = await startOneslot({ env });
  await burn(oneslot, 1000);
  let hasEnded = false;
  const running = burn(oneslot, 20_000).finally(() => {
    hasEnded = true;
  });
  await oneslot.running();
  const waiting = burn(oneslot, 5, { seed: 42 });
  await oneslot.queued(1);
  ecs.interrupt(120);
  await until(async () => (await oneslot.metric('oneslot_draining')) === 1);
  expect(hasEnded).toBe(false);
  const { status, body } = await running;
  expect({ status, detail: body.detail }).toEqual({ status: 200 });
  expect(burnAnswerOf(await waiting)).toEqual(burnReference({ iterations: 1, seed: 42 }));
}, 120_000);

test('a run that can not end before the instance does is failed at once, for its caller to begin anew', async () => {
  await using ecs = await Ecs.start();
  await using oneslot = await startOneslot({ env: ecs.env });
  await burn(oneslot, 5000);
  const running = burn(oneslot, ENDLESS);
  await oneslot.running();
  ecs.interrupt(30);
  const answer = await running;
  expect(answer).toMatchObject({ status: 500, body: { code: 'runner_crashed', retryable: true } });
  expect(answer.body.detail).toBe('this replica shuts down before the run would end');
  await oneslot.logs(({ msg }) => msg === 'drained: refuses until it is ended');
});

test('with --orca-report every answer says how loaded the replica is', async () => {
  await using oneslot = await startOneslot({ args: ['--orca-report', '--target-backlog', '10'] });
  const report = (headers: Headers) =>
    JSON.parse(/^JSON (.+)$/.exec(headers.get('endpoint-load-metrics')!)![1]!);
  const idle = report((await oneslot.get('/healthz')).headers);
  expect(idle).toMatchObject({ application_utilization: expect.any(Number), named_metrics: { demand: 0 } });
  const running = leavableBurn(oneslot, ENDLESS);
  await oneslot.running();
  const busy = await until(async () => {
    const seen = report((await oneslot.get('/healthz')).headers);
    return seen.named_metrics.demand === 1 && seen.rps_fractional > 0 && seen;
  });
  expect(busy.application_utilization).toBeGreaterThan(0);
  const refused = await oneslot.predict('nobody', {});
  expect(report(refused.headers).named_metrics).toHaveProperty('backlog_seconds');
  running.leave();
});

test('without a platform nothing is written but the log, and no answer carries a report', async () => {
  await using oneslot = await startOneslot({ args: ['--cloudwatch-metrics', 'on'] });
  const answer = await burn(oneslot, 1);
  expect(answer.headers.has('endpoint-load-metrics')).toBe(false);
  expect(await oneslot.logs(({ option }) => option === '--cloudwatch-metrics')).toMatchObject({
    level: 'warn',
    missing: 'ECS_CONTAINER_METADATA_URI_V4',
  });
  expect(metricLines(oneslot)).toEqual([]);
});

test('GET /scaling is one flat object of finite numbers and booleans, as KEDA and balancers read it', async () => {
  await using oneslot = await startOneslot();
  const running = leavableBurn(oneslot, ENDLESS);
  await oneslot.running();
  const { headers, body } = await oneslot.get('/scaling');
  expect(headers.get('content-type')).toMatch(/^application\/json/);
  expect(body).toMatchObject({ demand: 1, running: 1, queued: 0, ready: true, draining: false });
  for (const [name, value] of Object.entries(body)) {
    expect(['ready', 'draining'].includes(name) ? typeof value === 'boolean' : Number.isFinite(value)).toBe(
      true,
    );
  }
  running.leave();
});
