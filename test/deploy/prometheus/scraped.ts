// A real oneslot, scraped by a real Prometheus with the shipped files, whose intervals and windows are made shorter.

import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Oneslot, startOneslot } from '../../support/oneslot.js';
import { type Prometheus, startPrometheus } from '../../support/programs/prometheus.js';
import { withWindows } from '../../support/programs/rule-windows.js';
import type { Context } from '../part.js';

/** Seconds; the shipped rules look back over 300. */
export const WINDOW = 10;

/** One runs and these wait. */
export const QUEUE_LIMIT = 3;

const GIVE_UP_MS = 90_000;
const POLL_MS = 200;

export interface Scraped {
  readonly oneslot: Oneslot;
  readonly prometheus: Prometheus;
}

export async function startScraped({ project, folder, cleanup }: Context): Promise<Scraped> {
  const models = join(folder, 'prometheus-models');
  await cp(join(project, 'models/burn'), join(models, 'burn'), { recursive: true });
  // A run on one thread leaves a processor for those who watch.
  const args = ['--queue-limit', String(QUEUE_LIMIT), '--intra-op-threads', '1'];
  const oneslot = await startOneslot({ models, args });
  cleanup.add(() => oneslot[Symbol.asyncDispose]());
  const files = await shippedFiles(join(project, 'deploy/prometheus'), new URL(oneslot.url).host);
  const { 'prometheus.yml': config, ...others } = files;
  const prometheus = await startPrometheus({
    folder: join(folder, 'prometheus'),
    config: config!,
    files: others,
    cleanup,
  });
  return { oneslot, prometheus };
}

/**
 * As shipped but for three things: the replica's address, scrapes and evaluations each second, and windows of
 * `WINDOW` seconds in place of five minutes.
 */
async function shippedFiles(shipped: string, address: string): Promise<Record<string, string>> {
  const read = (name: string) => readFile(join(shipped, name), 'utf8');
  const shorten = (text: string) => withWindows(text, WINDOW / 300);
  const config = replaceAll(await read('prometheus.yml'), /: \d+s$/gm, ': 1s');
  return {
    'prometheus.yml': config,
    'oneslot.rules.yml': shorten(await read('oneslot.rules.yml')),
    'oneslot.alerts.yml': shorten(await read('oneslot.alerts.yml')),
    'targets/oneslot.yml': replaceAll(await read('targets/oneslot.yml'), 'oneslot:8080', address),
  };
}

/** @throws where there is nothing to replace: the shipped file has become another, and the test would test nothing */
function replaceAll(text: string, what: string | RegExp, by: string): string {
  const replaced = text.replaceAll(what, by);
  if (replaced === text) throw new Error(`nothing to replace: ${what}`);
  return replaced;
}

/** Resolves with the first value that holds. @throws with the last one when it never does */
export async function eventually<Value>(
  what: string,
  read: () => Promise<Value>,
  holds: (value: Value) => boolean,
): Promise<Value> {
  const untilMs = performance.now() + GIVE_UP_MS;
  for (;;) {
    const value = await read();
    if (holds(value)) return value;
    if (performance.now() > untilMs) throw new Error(`${what}: still ${JSON.stringify(value)}`);
    await delay(POLL_MS);
  }
}

/** Unix seconds at which the rules were evaluated last. */
export async function evaluatedAt(prometheus: Prometheus): Promise<number> {
  return (await prometheus.value('timestamp(oneslot:demand:sum)')) ?? 0;
}

/** Resolves when each of these alerts is pending or fires: how long an alert has to hold is promtool's to check. */
export async function raised({ prometheus }: Scraped, names: readonly string[]): Promise<void> {
  const read = async () => (await prometheus.alerts()).map(({ labels }) => labels.alertname);
  await eventually(`the alerts ${names.join(', ')}`, read, (present) =>
    names.every((name) => present.includes(name)),
  );
}
