// What nvidia-smi says of the GPUs, read in the background, so that a scrape never waits for a driver.
//
// One nvidia-smi runs on and speaks every five seconds, instead of one a question: starting a process stops the event
// loop for as long as the kernel takes to copy the server's page tables, 36 ms for each GiB that it holds (measured).

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { Clock } from '../clock.js';
import { type GpuReading, type GpuSource, parseReading, QUERY } from './gpu-reading.js';
import type { WarnLog } from './warn-log.js';

export interface NvidiaSmiOptions {
  readonly clock: Pick<Clock, 'nowMs'>;
  /** Told once when nvidia-smi is not there, and once whenever it stops speaking. */
  readonly log: WarnLog;
  /** Where PATH is looked up. @default process.env */
  readonly env?: NodeJS.ProcessEnv;
}

interface Heard {
  readonly reading: GpuReading;
  readonly atMs: number;
}

type SmiProcess = ChildProcessByStdio<null, Readable, null>;

const SPEAK_EVERY_S = 5;
/** Three times its turn; a reading older than that is no longer "now", and an nvidia-smi that silent hangs. */
const MAX_SILENCE_MS = 15_000;
const RETRY_MS = 60_000;
/** Two scrapes at Prometheus' default interval of a minute. */
const MAX_UNREAD_MS = 120_000;
const MAX_LINE_LENGTH = 4096;

/**
 * Readings from `nvidia-smi --query-gpu`. The first call of `latest` starts it; its first word is there for a later
 * call. When nobody has called for two minutes it is ended, until somebody does.
 */
export class NvidiaSmi implements GpuSource {
  readonly #options: NvidiaSmiOptions;
  readonly #heard = new Map<string, Heard>();
  /** Stays until it is gone: one that can't be killed, deep in a broken driver, is not followed by another. */
  #child: SmiProcess | undefined;
  #isGivenUp = false;
  #isFailing = false;
  #partialLine = '';
  /** The last line that was no reading: mostly the reason why it ends. */
  #lastWords = '';
  #heardMs = 0;
  #readMs = 0;
  #retryMs = Number.NEGATIVE_INFINITY;

  constructor(options: NvidiaSmiOptions) {
    this.#options = options;
  }

  latest(): readonly GpuReading[] {
    const nowMs = this.#nowMs();
    this.#readMs = nowMs;
    if (this.#child !== undefined) this.#checkSilence(nowMs);
    else if (nowMs >= this.#retryMs) this.#start(nowMs);
    const fresh = [...this.#heard.values()].filter(({ atMs }) => nowMs - atMs <= MAX_SILENCE_MS);
    return fresh.map(({ reading }) => reading);
  }

  /** Ends nvidia-smi for good. */
  stop(): void {
    this.#retryMs = Number.POSITIVE_INFINITY;
    this.#giveUp();
  }

  #start(nowMs: number): void {
    this.#heardMs = nowMs;
    this.#isGivenUp = false;
    this.#partialLine = '';
    this.#lastWords = '';
    try {
      this.#watch(this.#spawn());
    } catch (error) {
      this.#fail((error as Error).message);
    }
  }

  #spawn(): SmiProcess {
    const { env = process.env } = this.#options;
    return spawn('nvidia-smi', [...QUERY, `--loop=${SPEAK_EVERY_S}`], {
      stdio: ['ignore', 'pipe', 'ignore'],
      env,
    });
  }

  #watch(child: SmiProcess): void {
    this.#child = child;
    child.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') this.#over('nvidia-smi is not on the PATH', Number.POSITIVE_INFINITY);
      else this.#over(error.message);
    });
    child.once('close', (code, signal) => {
      this.#over(`nvidia-smi ended with ${code ?? signal}: ${JSON.stringify(this.#lastWords.slice(0, 200))}`);
    });
    // The system did not start it, and may have had no pipes for it either: the error follows.
    if (child.pid === undefined) return;
    child.unref();
    (child.stdout as Socket).unref();
    child.stdout.setEncoding('utf8').on('data', (text: string) => this.#hear(text));
  }

  #hear(text: string): void {
    if (this.#isGivenUp) return;
    const lines = (this.#partialLine + text).split('\n');
    this.#partialLine = lines.pop()!;
    for (const line of lines) this.#hearLine(line);
    if (this.#partialLine.length > MAX_LINE_LENGTH)
      this.#failAndGiveUp('nvidia-smi writes a line without end');
    if (this.#nowMs() - this.#readMs > MAX_UNREAD_MS) this.#giveUp();
  }

  #hearLine(line: string): void {
    const reading = parseReading(line);
    if (reading === undefined) {
      this.#lastWords = line.trim() || this.#lastWords;
      return;
    }
    this.#heardMs = this.#nowMs();
    this.#heard.set(reading.gpu, { reading, atMs: this.#heardMs });
    this.#isFailing = false;
  }

  #checkSilence(nowMs: number): void {
    if (this.#isGivenUp || nowMs - this.#heardMs <= MAX_SILENCE_MS) return;
    this.#failAndGiveUp(`nvidia-smi gave no reading for ${MAX_SILENCE_MS / 1000} s`);
  }

  #failAndGiveUp(reason: string): void {
    this.#fail(reason);
    this.#giveUp();
  }

  #giveUp(): void {
    this.#isGivenUp = true;
    this.#heard.clear();
    this.#child?.stdout?.destroy();
    this.#child?.kill('SIGKILL');
  }

  /** It is gone. */
  #over(reason: string, retryMs?: number): void {
    if (this.#child !== undefined && !this.#isGivenUp) this.#fail(reason, retryMs);
    this.#child = undefined;
  }

  #fail(reason: string, retryMs = this.#nowMs() + RETRY_MS): void {
    this.#heard.clear();
    this.#retryMs = retryMs;
    if (!this.#isFailing) this.#options.log.warn({}, `no GPU metrics: ${reason}`);
    this.#isFailing = true;
  }

  #nowMs(): number {
    return this.#options.clock.nowMs();
  }
}
