// What is expected of the running image, each a sentence.

import { strict as assert } from 'node:assert';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Report } from '../support/programs/report.js';
import type { ImageConfig } from './buildah.js';
import type { Container } from './container.js';
import { allOf, drawn, processTree } from './processes.js';

/** Far more than a start takes; only a service that never gets there meets it. */
const PATIENCE_MS = 120_000;
const POLL_MS = 50;

/** Long enough, on any machine, to be met while it runs. */
const BURN_ITERATIONS = 20_000;

export interface Running {
  readonly container: Container;
  readonly image: ImageConfig;
  readonly url: string;
  /** The digit classifier's samples, one a class, each with its label. */
  readonly samplesFile: string;
}

export async function checkRunning(report: Report, running: Running): Promise<void> {
  await report.check('becomes ready', () => becomesReady(running));
  await report.check('its own health check says healthy', () => isHealthy(running));
  await report.check('its health check says unhealthy where nothing answers', () =>
    isUnhealthyElsewhere(running),
  );
  await report.check('answers a real prediction', () => answersPrediction(running));
  await report.check('tini is its first process, the service and its runner follow', () =>
    showsProcesses(running),
  );
  await report.check('nothing runs as root or with a capability', () => runsUnprivileged(running));
  await report.check('its root file system is read-only', () => cannotWrite(running));
  await report.check('drains on its stop signal: the run ends, its answer comes, exit 0', () =>
    drains(running),
  );
}

async function until(what: string, { container }: Running, condition: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + PATIENCE_MS;
  while (!(await condition().catch(() => false))) {
    if (container.hasEnded) throw new Error(`the container ended before it ${what}`);
    if (performance.now() > endMs) throw new Error(`the container never ${what}`);
    await delay(POLL_MS);
  }
}

async function becomesReady(running: Running): Promise<void> {
  await until('became ready', running, async () => (await fetch(`${running.url}/readyz`)).status === 200);
}

async function isHealthy({ container, image }: Running): Promise<string> {
  const { code, output } = await container.checkHealth();
  assert.equal(code, 0, output);
  return image.Healthcheck.Test.slice(0, 3).join(' ');
}

/** The port comes from the variables: on another one nobody listens. */
async function isUnhealthyElsewhere({ container }: Running): Promise<void> {
  for (const variable of ['ONESLOT_PORT', 'ONESLOT_ADMIN_PORT']) {
    const { code } = await container.checkHealth(['--env', `${variable}=1`]);
    assert.equal(code, 1, `with ${variable}=1`);
  }
}

interface Sample {
  readonly label: number;
  readonly image: readonly (readonly number[])[];
}

interface Answer {
  readonly outputs: Readonly<Record<string, readonly number[]>>;
}

async function answersPrediction({ url, samplesFile }: Running): Promise<string> {
  const samples = JSON.parse(await readFile(samplesFile, 'utf8')) as readonly Sample[];
  const answered = samples.map(async ({ image }) => {
    const response = await predict(`${url}/predict/digits`, { image: [image] });
    return ((await response.json()) as Answer).outputs.label![0];
  });
  const labels = await Promise.all(answered);
  assert.deepEqual(
    labels,
    samples.map(({ label }) => label),
  );
  return `the digits ${labels.join(', ')}`;
}

async function predict(url: string, inputs: object): Promise<Response> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ inputs }) });
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
  return response;
}

async function showsProcesses({ container }: Running): Promise<string> {
  const first = await processTree(await container.pid());
  const [service] = first.children;
  const [runner] = service!.children;
  assert.deepEqual([first.innerPid, first.program], [1, '/usr/bin/tini']);
  assert.equal(service!.program, '/usr/local/bin/node');
  assert.match(runner!.arguments.join(' '), /runner-main\.js/);
  return `\n${drawn(first)}\n`;
}

async function runsUnprivileged({ container, image }: Running): Promise<string> {
  const processes = allOf(await processTree(await container.pid()));
  const uid = Number(image.User.split(':')[0]);
  assert.notEqual(uid, 0);
  for (const process of processes) assert.deepEqual([process.uid, process.capabilities], [uid, 0n]);
  return `user ${image.User}`;
}

/** Even for root: it is the mount that forbids it, not the files' owner. */
async function cannotWrite({ container }: Running): Promise<void> {
  for (const folder of ['/', '/app', '/app/models', '/var/tmp']) {
    const { code, output } = await container.exec(['touch', `${folder}/written`], ['--user', '0:0']);
    assert.notEqual(code, 0, folder);
    assert.match(output, /Read-only file system/);
  }
  assert.equal((await container.exec(['touch', '/tmp/written'])).code, 0, '/tmp');
}

async function drains(running: Running): Promise<string> {
  const { container, image, url } = running;
  const burn = predict(`${url}/predict/burn`, { iterations: [BURN_ITERATIONS], seed: [1] });
  const ran = burn.then(async (response) => ((await response.json()) as Answer).outputs);
  await until('ran the burn', running, async () => {
    const { running: count } = (await (await fetch(`${url}/scaling`)).json()) as { running: number };
    return count === 1;
  });
  await container.stop();
  const outputs = await ran;
  const code = await container.ended;
  assert.equal(code, 0);
  return `${image.StopSignal}, burn's checksum ${outputs.checksum}`;
}
