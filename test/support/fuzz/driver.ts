// Sends generated cases to a server over a few connections and gathers what is wrong with the answers.

import { Agent } from 'node:http';
import type { FuzzAnswer, FuzzRequest, Wire } from './case.js';
import { type Asked, checkAnswer } from './checks.js';
import { exchange, type Server, wireExchange } from './exchange.js';
import { caseAt } from './generators.js';
import type { Material } from './material.js';

/** Connections that are kept alive, and cases in progress. */
const CONNECTIONS = 16;

/** Whoever has no answer by then will not get one. */
const PATIENCE_MS = 60_000;

/** More would say no more. */
const PROBLEMS_AT_MOST = 10;

export interface DriverOptions {
  readonly url: string;
  readonly seed: number;
  readonly material: Material;
}

export class Driver implements Disposable {
  /** What was wrong, each with the seed and the index that make the same case again. */
  readonly problems: string[] = [];
  /** Answers by status and code. */
  readonly answers = new Map<string, number>();
  sent = 0;
  /** Good predictions that were answered, and whose answers were right. */
  right = 0;
  readonly #options: DriverOptions;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  readonly #server: Server;
  #nextIndex = 0;

  constructor(options: DriverOptions) {
    this.#options = options;
    this.#server = { url: options.url, agent: this.#agent };
  }

  /** Goes on with the cases until so many requests are sent in all, or too much is wrong. */
  async sendUntil(sent: number): Promise<void> {
    const work = async (): Promise<void> => {
      while (this.sent < sent && this.problems.length < PROBLEMS_AT_MOST) await this.#case(this.#nextIndex++);
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, work));
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }

  async #case(index: number): Promise<void> {
    const { seed, material } = this.#options;
    const { name, content } = caseAt(seed, index, material);
    try {
      if (content.kind === 'wire') await this.#wire(content.wire);
      else await Promise.all(content.requests.map((request) => this.#request(request)));
    } catch (error) {
      this.problems.push(`FUZZ_SEED=${seed}, index ${index}, ${name}: ${(error as Error).message}`);
    }
  }

  async #request(request: FuzzRequest): Promise<void> {
    this.sent += 1;
    const { method, path, headers, body } = request;
    const told = (): string => `${method} ${path} ${JSON.stringify(headers)} ${shown(body)}`;
    const answer = await inTime(exchange(request, this.#server), told);
    if (answer !== undefined) this.#check(request, answer, told);
  }

  async #wire(wire: Wire): Promise<void> {
    const { requests, statuses, bytes } = wire;
    this.sent += requests?.length ?? 1;
    const told = (): string => shown(bytes);
    const answers = await inTime(wireExchange(wire, this.#server), told);
    for (const [index, answer] of answers.entries()) {
      this.#check(requests?.[index] ?? { method: 'POST', path: '/predict/wide', statuses }, answer, told);
    }
  }

  #check(asked: Asked, answer: FuzzAnswer, told: () => string): void {
    this.#count(answer);
    try {
      checkAnswer(asked, answer);
    } catch (error) {
      const answered = `${answer.status} ${shown(answer.body)}`;
      throw new Error(`${(error as Error).message}\n  asked: ${told()}\n  answered: ${answered}`);
    }
    if (asked.problemOf !== undefined && answer.status === 200) this.right += 1;
  }

  #count({ status, body }: FuzzAnswer): void {
    const code = /"code":"(\w+)"/.exec(body.toString('latin1'))?.[1] ?? '';
    const key = `${status} ${code}`.trim();
    this.answers.set(key, (this.answers.get(key) ?? 0) + 1);
  }
}

const SHOWN_BYTES = 400;

const shown = (bytes: Uint8Array): string =>
  JSON.stringify(Buffer.from(bytes.subarray(0, SHOWN_BYTES)).toString('latin1'));

/** Rejects too where there is no answer within the patience, and tells what was asked. */
async function inTime<Value>(exchanged: Promise<Value>, told: () => string): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${PATIENCE_MS} ms`)), PATIENCE_MS);
  });
  try {
    return await Promise.race([exchanged, late]);
  } catch (error) {
    throw new Error(`${(error as Error).message}\n  asked: ${told()}`);
  } finally {
    clearTimeout(timer);
  }
}
