// The real command in a process of its own, on a free port of the loopback, as the service ring tests it.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type MetricsPage, readMetricsPage, sampleValue, sumOf } from './prometheus-text.js';
import { until } from './until.js';

const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url));
/** From dist/test/support to the top of the repository. */
export const PROJECT = fileURLToPath(new URL('../../../', import.meta.url));

export type LogLine = Readonly<Record<string, unknown>> & { readonly msg: string };

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface StartOptions {
  /** @default the shipped models */
  readonly models?: string;
  readonly args?: readonly string[];
  /** Another copy of the program. @default the one in dist */
  readonly main?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** `undefined`: the server's own default. @default 127.0.0.1 */
  readonly host?: string | undefined;
  /** Wait until the models are loaded. @default true */
  readonly ready?: boolean;
  /** File descriptors that the process may have (`ulimit -n`). @default as many as this process */
  readonly maxDescriptors?: number;
  /** The program that runs it. @default the Node that runs the tests */
  readonly node?: string;
}

/** A prediction's answer, its body parsed. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: whatever JSON the server gave; the tests say what they expect.
  readonly body: any;
}

export class Oneslot implements AsyncDisposable {
  readonly log: LogLine[] = [];
  stderr = '';
  url = '';
  adminUrl = '';
  readonly exited: Promise<Exit>;
  hasEnded = false;

  constructor(readonly child: ChildProcess) {
    createInterface({ input: child.stdout! }).on('line', (line) =>
      this.log.push(JSON.parse(line) as LogLine),
    );
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.exited = once(child, 'close').then(([code, signal]) => {
      this.hasEnded = true;
      return { code, signal };
    });
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** The present runner's process id. */
  get runnerPid(): number | undefined {
    return this.logged('runner up').at(-1)?.pid as number | undefined;
  }

  logged(msg: string): readonly LogLine[] {
    return this.log.filter((line) => line.msg === msg);
  }

  /** Waits for such a line: an answer may be here before what was logged earlier. */
  async logs(isIt: (line: LogLine) => boolean): Promise<LogLine> {
    return await until(() => this.log.find(isIt));
  }

  async isReady(): Promise<boolean> {
    return (await fetch(`${this.adminUrl}/readyz`)).status === 200;
  }

  async predict(model: string, inputs: unknown, init: RequestInit = {}): Promise<Answer> {
    return await this.post(`/predict/${model}`, JSON.stringify({ inputs }), init);
  }

  async post(path: string, body: string | Uint8Array, init: RequestInit = {}): Promise<Answer> {
    const headers = { 'content-type': 'application/json', ...(init.headers as Record<string, string>) };
    const response = await fetch(this.url + path, { method: 'POST', body, ...init, headers });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: parse(text) };
  }

  async get(path: string): Promise<Answer> {
    const response = await fetch(this.adminUrl + path);
    return { status: response.status, headers: response.headers, body: parse(await response.text()) };
  }

  async metrics(): Promise<MetricsPage> {
    return readMetricsPage(await (await fetch(`${this.adminUrl}/metrics`)).text());
  }

  /** One value of the metrics page; 0 where the series is not there. */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    return sumOf(await this.metrics(), name, labels);
  }

  /** Resolves when this many predictions wait for the slot. */
  async queued(count: number): Promise<void> {
    await until(async () => (await this.metric('oneslot_queue_depth')) === count);
  }

  /** Resolves when a run is in progress. */
  async running(): Promise<void> {
    await until(async () => (await this.metric('oneslot_running')) > 0);
  }

  async signal(signal: NodeJS.Signals): Promise<Exit> {
    this.child.kill(signal);
    return await this.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGKILL');
    await this.exited;
  }
}

/** Where tests run on a platform, servers under test must not find it. */
const NO_PLATFORM = {
  KUBERNETES_SERVICE_HOST: undefined,
  ECS_CONTAINER_METADATA_URI_V4: undefined,
  ECS_AGENT_URI: undefined,
};

/** Starts `oneslot serve`; resolves when it listens and, unless told otherwise, is ready. */
export async function startOneslot({
  models,
  args = [],
  env = {},
  ready = true,
  maxDescriptors,
  node = process.execPath,
  main = MAIN,
  ...others
}: StartOptions = {}): Promise<Oneslot> {
  const host = 'host' in others ? others.host : '127.0.0.1';
  const defaults = [
    ...(host === undefined ? [] : ['--host', host]),
    '--port',
    '0',
    '--models',
    models ?? `${PROJECT}models`,
  ];
  const limit = maxDescriptors === undefined ? '' : `ulimit -n ${maxDescriptors}; `;
  const command = [node, main, 'serve', ...defaults, ...args];
  const child = spawn('/bin/sh', ['-c', `${limit}exec "$0" "$@"`, ...command], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...NO_PLATFORM, ...env },
  });
  const oneslot = new Oneslot(child);
  const [line] = await until(() => {
    const lines = oneslot.logged('listening');
    return (lines.length > 0 || oneslot.hasEnded) && lines;
  });
  if (line === undefined) throw new Error(`oneslot ended before it listened: ${oneslot.stderr}`);
  const { url, adminUrl } = line;
  oneslot.url = url as string;
  oneslot.adminUrl = adminUrl as string;
  // The page and the log come by ways of their own: either can be the first to say that the runner is up.
  if (ready) await until(async () => oneslot.runnerPid !== undefined && (await oneslot.isReady()));
  return oneslot;
}

/**
 * Law 3: whatever happened, the books close. Holds the page's parts against each other, and the reasons against the
 * outcomes that they explain.
 */
export function openBooks(page: MetricsPage): number {
  const unexplained = REASONS.map(([name, outcome]) =>
    Math.abs(sumOf(page, name) - sumOf(page, 'oneslot_predictions_total', { outcome })),
  );
  return openPredictions(page) + unexplained.reduce((sum, each) => sum + each, 0);
}

const REASONS = [
  ['oneslot_refusals_total', 'refused'],
  ['oneslot_invalid_total', 'invalid'],
] as const;

function openPredictions(page: MetricsPage): number {
  const parts = ['oneslot_receiving', 'oneslot_queue_depth', 'oneslot_running', 'oneslot_sending'];
  const open = parts.reduce((sum, name) => sum + (sampleValue(page, name) ?? Number.NaN), 0);
  const received = sampleValue(page, 'oneslot_predictions_received_total') ?? Number.NaN;
  return received - sumOf(page, 'oneslot_predictions_total') - open;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Starts one that ends by itself: with which exit code, and what it says. */
export async function failedStart(
  options: Omit<StartOptions, 'ready'>,
): Promise<{ readonly code: number | null; readonly stderr: string }> {
  await using oneslot = await startOneslot({ ...options, ready: false });
  const { code } = await oneslot.exited;
  return { code, stderr: oneslot.stderr };
}
