// A real Prometheus with the shipped recording rules, every interval and window of which is as much shorter as the day.

import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cleanup } from '../../support/programs/cleanup.js';
import { type Prometheus, startPrometheus } from '../../support/programs/prometheus.js';
import { withWindows } from '../../support/programs/rule-windows.js';
import type { DayClock } from './day-clock.js';

/** As prometheus.yml has it, in seconds of the day. */
const INTERVAL = 15;
const TARGETS = 'targets.json';

export interface Scraper {
  readonly prometheus: Prometheus;
  /** From now on these are scraped, and no others. */
  scrape(addresses: readonly string[]): void;
}

interface Options {
  readonly project: string;
  readonly folder: string;
  readonly cleanup: Cleanup;
  /** HAProxy's operators' port, `host:port`. */
  readonly balancer?: string;
}

export async function startScraper(options: Options, clock: DayClock): Promise<Scraper> {
  const { project, folder, cleanup, balancer } = options;
  const shipped = await readFile(join(project, 'deploy/prometheus/oneslot.rules.yml'), 'utf8');
  const rules = withWindows(shipped, 1 / clock.speed);
  const interval = `${Math.round(clock.toMs(INTERVAL))}ms`;
  const prometheus = await startPrometheus({
    folder,
    cleanup,
    config: {
      global: { scrape_interval: interval, scrape_timeout: interval, evaluation_interval: interval },
      rule_files: ['oneslot.rules.yml'],
      scrape_configs: [
        { job_name: 'oneslot', file_sd_configs: [{ files: [TARGETS] }] },
        {
          job_name: 'oneslot-haproxy',
          static_configs: balancer === undefined ? [] : [{ targets: [balancer] }],
        },
      ],
    },
    files: { 'oneslot.rules.yml': rules, [TARGETS]: '[]' },
  });
  const file = join(folder, TARGETS);
  let written = Promise.resolve();
  return {
    prometheus,
    scrape(addresses) {
      written = written.then(() => writeTargets(file, addresses));
    },
  };
}

/** In one step: Prometheus reads the file as soon as it changes. */
async function writeTargets(file: string, addresses: readonly string[]): Promise<void> {
  await writeFile(`${file}.new`, JSON.stringify([{ targets: addresses }]));
  await rename(`${file}.new`, file);
}
