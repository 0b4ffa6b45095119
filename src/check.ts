// `oneslot check`: loads the models as `oneslot serve` would, and says what came of each. Nothing is served.

import { systemClock } from './clock.js';
import type { Config } from './config.js';
import type { Logger } from './log.js';
import type { LoadReport } from './model-repository/model.js';
import { type ModelEntry, Models } from './model-repository/models.js';
import { findModels } from './model-repository/repository.js';
import { ModelHost } from './runner/host.js';

export interface CheckedModel {
  readonly name: string;
  readonly version?: string | undefined;
  readonly provider: string;
  readonly ok: boolean;
  /** Why it does not load. */
  readonly reason?: string;
  readonly loadMs?: number;
  /** Nodes that ran on each execution provider. */
  readonly nodes?: Readonly<Record<string, number>>;
  readonly warnings: readonly string[];
}

export interface CheckReport {
  /** Whether all that are required have loaded. */
  readonly ok: boolean;
  readonly models: readonly CheckedModel[];
  /** Of the folder as a whole. */
  readonly warnings: readonly string[];
}

/** Runners that may end one after the other before they begin to load anything. */
const IDLE_DEATHS_AT_MOST = 3;

/** Rejects with an Error where the folder as a whole is wrong, or no runner can be started. */
export async function checkModels(config: Config, log: Logger): Promise<CheckReport> {
  const warnings: string[] = [];
  const repository = await findModels(config.modelsDir, (message) => warnings.push(message));
  const { requireModels: required, provider } = config;
  const models = new Models(repository, { required, defaultModel: undefined, provider });
  const reports = await loadOnce(config, models, log);
  const ok = models.settle();
  return { ok, models: models.entries.map((entry) => checked(entry, reports.get(entry.name))), warnings };
}

/** Resolves when each model has been tried: a runner that ends with one of them is followed by one for the others. */
async function loadOnce(
  config: Config,
  models: Models,
  log: Logger,
): Promise<ReadonlyMap<string, LoadReport>> {
  const reports = new Map<string, LoadReport>();
  const { promise: loaded, resolve, reject } = withResolvers();
  let idleDeaths = 0;
  const host: ModelHost = new ModelHost({
    config,
    models,
    clock: systemClock,
    log,
    isIdle: () => false,
    listener: {
      loading() {},
      started() {},
      answered() {},
      ended() {},
      modelLoaded(report) {
        idleDeaths = 0;
        reports.set(report.name, report);
      },
      modelFailed() {
        idleDeaths = 0;
      },
      lost(_reason, death) {
        idleDeaths += 1;
        if (idleDeaths > IDLE_DEATHS_AT_MOST) reject(new Error(`no runner can be started: it ${death}`));
      },
      loaded: resolve,
    },
  });
  host.start();
  try {
    await loaded;
  } finally {
    await host.stop();
  }
  return reports;
}

function withResolvers() {
  let resolve!: () => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<void>((resolved, rejected) => {
    resolve = resolved;
    reject = rejected;
  });
  return { promise, resolve, reject };
}

function checked(entry: ModelEntry, report: LoadReport | undefined): CheckedModel {
  const { name, version, provider, state } = entry;
  if (state.kind !== 'ready' || report === undefined) {
    const reason = state.kind === 'failed' ? state.failure.reason : 'it was not tried';
    return { name, version, provider, ok: false, reason, warnings: [] };
  }
  const { nodes, loadMs, warnings } = report;
  return { name, version, provider, ok: true, loadMs: Math.round(loadMs), nodes, warnings };
}

/** For people: a line a model, and its warnings below. */
export function checkText({ models, warnings }: CheckReport): string {
  const width = Math.max(...models.map(({ name }) => name.length));
  const lines = models.flatMap((model) => [lineOf(model, width), ...model.warnings.map(indented)]);
  const good = models.filter(({ ok }) => ok).length;
  const sum = `${good} of ${models.length} models load`;
  return `${[...warnings.map((text) => `warning: ${text}`), ...lines, sum].join('\n')}\n`;
}

function lineOf({ name, version, provider, ok, reason, loadMs, nodes }: CheckedModel, width: number): string {
  const head = `${ok ? 'ok    ' : 'FAILED'}  ${name.padEnd(width)}  version ${version ?? '?'}  ${provider}`;
  if (!ok) return `${head}  ${reason}`;
  const work = Object.entries(nodes!).map(([key, count]) => `${count} nodes on ${key}`);
  return [head, `loaded in ${loadMs} ms`, ...work].join('  ');
}

const indented = (text: string): string => `        warning: ${text}`;
