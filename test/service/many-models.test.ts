// A server of many models: what each of them costs.

import { readdirSync } from 'node:fs';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type Oneslot, PROJECT, startOneslot } from '../support/oneslot.js';
import { withoutKoffi } from '../support/without-koffi.js';

let models: string;

beforeEach(async () => {
  models = await mkdtemp(join(tmpdir(), 'oneslot-many-'));
});

afterEach(async () => {
  await rm(models, { recursive: true });
});

async function ship(count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    await cp(`${PROJECT}models/digits`, join(models, `digits-${index}`), { recursive: true });
    await rm(join(models, `digits-${index}`, 'model.json'));
  }
}

const threadsOf = ({ runnerPid }: Oneslot): number => readdirSync(`/proc/${runnerPid}/task`).length;

const ZEROS = { image: [Array.from({ length: 8 }, () => new Array(8).fill(0))] };

test('the models share one pool of threads', async () => {
  await ship(40);
  await using oneslot = await startOneslot({ models, args: ['--intra-op-threads', '8'] });
  // Node's own, and seven that work for whichever model runs.
  expect(threadsOf(oneslot)).toBeLessThan(40);
  const answers = await Promise.all([0, 39].map((index) => oneslot.predict(`digits-${index}`, ZEROS)));
  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  expect(answers[0]!.body.outputs).toEqual(answers[1]!.body.outputs);
});

test('each model has threads of its own where koffi is not there, and the log says so', async () => {
  await ship(3);
  await using oneslot = await startOneslot({ models, env: withoutKoffi });
  await oneslot.logs(({ runner }) => String(runner).includes('koffi is not there'));
  expect((await oneslot.predict('digits-2', ZEROS)).status).toBe(200);
});

test('the metrics page is compressed for those who take it so, and the same', async () => {
  await ship(1);
  await using oneslot = await startOneslot({ models });
  // Not by fetch, which decompresses unasked.
  const { body, headers } = await raw(oneslot, { 'accept-encoding': 'gzip' });
  expect(headers['content-encoding']).toBe('gzip');
  expect(gunzipSync(body).toString()).toContain('oneslot_predictions_received_total 0\n');
  const plain = await raw(oneslot, {});
  expect(plain.headers['content-encoding']).toBeUndefined();
  expect(plain.body.toString()).toContain('oneslot_predictions_received_total 0\n');
});

async function raw({ adminUrl }: Oneslot, headers: Readonly<Record<string, string>>) {
  const { get } = await import('node:http');
  return await new Promise<{ body: Buffer; headers: NodeJS.Dict<string | string[]> }>((resolve, reject) => {
    get(`${adminUrl}/metrics`, { headers }, (response) => {
      const chunks: Buffer[] = [];
      response
        .on('data', (chunk: Buffer) => chunks.push(chunk))
        .on('end', () => resolve({ body: Buffer.concat(chunks), headers: response.headers }));
    }).on('error', reject);
  });
}
