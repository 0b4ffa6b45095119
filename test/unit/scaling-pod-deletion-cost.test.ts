// Kubernetes' pod-deletion-cost, against an API server with a certificate of its own authority.

import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import type { Snapshot } from '../../src/observer.js';
import { deletionCost, PodDeletionCost } from '../../src/scaling/pod-deletion-cost.js';
import { ManualClock } from '../support/manual-clock.js';
import { makeCertificate, PlatformServer, type Reply, recordedCalls } from '../support/platform.js';
import { snapshotOf } from '../support/snapshots.js';
import { tempFolders } from '../support/temp-folders.js';

const makeFolder = tempFolders();
const PATH = '/api/v1/namespaces/models/pods/oneslot-7d9f-x2x';
const IDLE = snapshotOf();

/** Of a pod that has had work for the last minute, unless it says otherwise. */
const busy = (runningSeconds: number, backlogSeconds: number, busyRatio = 1): Snapshot =>
  snapshotOf({ running: 1, runningSeconds, backlogSeconds, busyRatio });
const idleAfter = (busyRatio: number): Snapshot => snapshotOf({ busyRatio });

async function setUp(changes: { namespace?: string; trusts?: string } = {}) {
  const folder = await makeFolder({ 'server/': {}, 'other/': {} });
  const certificate = await makeCertificate(join(folder, 'server'));
  const server = await PlatformServer.start(certificate);
  server.reply = () => ({ body: { kind: 'Pod', apiVersion: 'v1' } });
  await writeFile(join(folder, 'token'), 'token-1\n');
  await writeFile(join(folder, 'namespace'), 'models');
  await writeFile(join(folder, 'ca.crt'), changes.trusts ?? certificate.cert);
  const clock = new ManualClock();
  const recorded = recordedCalls(clock);
  const load = { snapshot: IDLE };
  const cost = new PodDeletionCost({
    clock,
    calls: recorded.calls,
    apiServer: `127.0.0.1:${server.port}`,
    podName: 'oneslot-7d9f-x2x',
    namespace: changes.namespace,
    accountFolder: folder,
    snapshot: () => load.snapshot,
  });
  const pass = async (seconds: number): Promise<void> => {
    for (let k = 0; k < seconds; k += 10) {
      await cost.tick();
      clock.advance(10_000);
    }
  };
  const costs = (): string[] =>
    server.heard.map(
      ({ text }) => JSON.parse(text).metadata.annotations['controller.kubernetes.io/pod-deletion-cost'],
    );
  return { server, folder, load, pass, costs, ...recorded };
}

test('the cost is a merge patch of the own pod, by the own service account', async () => {
  const { server, load, pass } = await setUp();
  await using _ = server;
  load.snapshot = busy(100, 20.4);
  await pass(10);
  expect(server.heard).toMatchObject([
    {
      method: 'PATCH',
      path: PATH,
      headers: { authorization: 'Bearer token-1', 'content-type': 'application/merge-patch+json' },
      text: '{"metadata":{"annotations":{"controller.kubernetes.io/pod-deletion-cost":"220"}}}',
    },
  ]);
});

test('an idle pod says 0 once, for what a container before it may have left', async () => {
  const { server, pass, costs, counted } = await setUp();
  await using _ = server;
  await pass(3_600);
  expect(costs()).toEqual(['0']);
  expect(counted).toEqual(['pod_deletion_cost ok']);
});

test('it follows the share of the last minute in which there was work', async () => {
  const { server, load, pass, costs } = await setUp();
  await using _ = server;
  for (const share of [0, 0.1, 0.3, 0.35, 0.45, 0.6, 0.9, 0.8, 0.65, 0.3, 0.02]) {
    load.snapshot = idleAfter(share);
    await pass(10);
  }
  expect(costs()).toEqual(['0', '30', '50', '90', '30', '0']);
});

test('and the work at risk, of which small changes are not worth a patch', async () => {
  const { server, load, pass, costs } = await setUp();
  await using _ = server;
  await pass(10);
  for (const [runningSeconds, backlogSeconds, share] of [
    // A run of eleven minutes has just begun.
    [1, 659, 0.02],
    [200, 460, 1],
    [650, 10, 1],
    // It has ended, and one of three seconds runs.
    [1, 2, 1],
    [2, 1, 1],
  ]) {
    load.snapshot = busy(runningSeconds!, backlogSeconds!, share);
    await pass(10);
  }
  expect(costs()).toEqual(['0', '760', '100']);
});

test('a pod that has a short run now and then writes nothing for each', async () => {
  const { server, load, pass, costs } = await setUp();
  await using _ = server;
  for (let k = 0; k < 360; k++) {
    load.snapshot = k % 3 === 0 ? busy(1, 2, 0.1) : idleAfter(0.1);
    await pass(10);
  }
  expect(costs().length).toBeLessThanOrEqual(2);
});

test('a run that lasts beyond the next look counts as work for certain, whatever came before it', () => {
  expect(deletionCost(busy(2, 18, 0.03))).toBeGreaterThan(deletionCost(idleAfter(0.8)));
  expect(deletionCost(busy(1, 2, 0.1))).toBeLessThan(deletionCost(idleAfter(0.5)));
});

test('however the load dances, there is at most a patch in ten seconds', async () => {
  const { server, load, pass, costs } = await setUp();
  await using _ = server;
  for (let k = 0; k < 30; k++) {
    load.snapshot = busy(1, (k % 5) * 100_000_000_000);
    await pass(10);
  }
  expect(costs().length).toBeLessThanOrEqual(30);
  for (const cost of costs()) {
    expect(cost).toMatch(/^\d+$/);
    expect(Number(cost)).toBeLessThanOrEqual(2 ** 31 - 1);
  }
});

test('a token that has been replaced is used, and the namespace may be told', async () => {
  const { server, folder, load, pass } = await setUp({ namespace: 'team-a' });
  await using _ = server;
  await pass(10);
  await writeFile(join(folder, 'token'), 'token-2');
  load.snapshot = busy(0, 0);
  await pass(10);
  expect(server.heard.map(({ headers }) => headers.authorization)).toEqual([
    'Bearer token-1',
    'Bearer token-2',
  ]);
  expect(server.heard[0]!.path).toBe(PATH.replace('models', 'team-a'));
});

const status = (code: number, reason: string): Reply => ({
  status: code,
  body: { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason, code, message: 'why' },
});

const FAILURES: readonly (readonly [string, Reply, string, string])[] = [
  ['Forbidden', status(403, 'Forbidden'), 'forbidden', 'Forbidden'],
  ['Unauthorized', status(401, 'Unauthorized'), 'forbidden', 'Unauthorized'],
  ['NotFound', status(404, 'NotFound'), 'refused', 'NotFound'],
  ['Conflict', status(409, 'Conflict'), 'refused', 'Conflict'],
  ['TooManyRequests', status(429, 'TooManyRequests'), 'throttled', 'TooManyRequests'],
  ['InternalError', status(500, 'InternalError'), 'refused', 'InternalError'],
  ['a page of a proxy', { status: 503, body: '<html>' }, 'refused', 'status 503'],
  ['a page with status 200', { body: '<html>' }, 'invalid', 'status 200'],
  ['what is no HTTP', 'garbage', 'invalid', 'HPE_'],
  ['a connection that ends', 'reset', 'unreachable', 'ECONNRESET'],
];

test.each(FAILURES)(
  '%s is logged once, counted, and tried ever later until it works',
  async (_what, reply, ...said) => {
    const { server, pass, costs, counted, warnings } = await setUp();
    await using _ = server;
    const [result, reason] = said;
    server.reply = () => reply;
    await pass(3_600);
    expect(warnings).toEqual([expect.objectContaining({ result, reason: expect.stringContaining(reason) })]);
    expect(new Set(counted)).toEqual(new Set([`pod_deletion_cost ${result}`]));
    expect(costs().length).toBeLessThan(20);
    server.reply = () => ({ body: { kind: 'Pod' } });
    await pass(310);
    expect(counted.at(-1)).toBe('pod_deletion_cost ok');
  },
);

test('a server that the cluster authority has not signed is told nothing', async () => {
  const folder = await makeFolder();
  const { cert } = await makeCertificate(folder);
  const { server, pass, counted } = await setUp({ trusts: cert });
  await using _ = server;
  await pass(10);
  expect(counted).toEqual(['pod_deletion_cost unreachable']);
  expect(server.heard).toEqual([]);
});

test('an account that is gone is a failure like another', async () => {
  const { server, folder, pass, warnings } = await setUp();
  await using _ = server;
  await rm(join(folder, 'token'));
  await pass(60);
  expect(warnings).toMatchObject([{ result: 'unreachable', reason: 'ENOENT' }]);
});
