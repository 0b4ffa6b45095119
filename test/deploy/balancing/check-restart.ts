// Restarts and reloads under load lose nothing.

import { strict as assert } from 'node:assert';
import type { Report } from '../../support/programs/report.js';
import { until } from '../../support/until.js';
import type { Balancer } from './balancers.js';
import { callsRightly, LARGE_BYTES, type Reply, SHORT } from './calls.js';
import { HaproxyPage } from './haproxy-page.js';
import type { Replicas } from './replicas.js';

/** More than there are replicas, so that some wait always. */
const CALLERS = 4;

export async function checkRestart(
  report: Report,
  { haproxy, nginx, replicas }: { haproxy: Balancer; nginx: Balancer; replicas: Replicas },
): Promise<void> {
  await replicas.idle();
  await new HaproxyPage(haproxy).allUp();
  await report.check('a rolling restart of all replicas under load loses nothing', async () => {
    const loads = [haproxy, nginx].map((balancer) => new Load(balancer));
    await replicas.rollingRestart();
    return (await Promise.all(loads.map((load) => load.end()))).join(', ');
  });
  for (const balancer of [haproxy, nginx]) {
    await report.check(`${balancer.name}: reloads under load lose nothing`, () => reloads(balancer));
  }
}

async function reloads(balancer: Balancer): Promise<string> {
  const load = new Load(balancer);
  for (let reload = 1; reload <= 3; reload++) {
    balancer.reload();
    await load.answers(load.answered + 2 * CALLERS);
  }
  return await load.end();
}

/** Callers who send a request after the other; small and large ones take turns. */
class Load {
  answered = 0;
  #isEnding = false;
  readonly #balancer: Balancer;
  readonly #callers: Promise<PromiseSettledResult<void>[]>;
  readonly #problems: string[] = [];

  constructor(balancer: Balancer) {
    this.#balancer = balancer;
    const callers = Array.from({ length: CALLERS }, (_, caller) => this.#call(caller));
    this.#callers = Promise.allSettled(callers);
  }

  /** Resolves when as many are answered, wrongly or rightly. */
  async answers(count: number): Promise<void> {
    await until(() => this.answered >= count);
  }

  /** @throws AssertionError where one was not answered, or wrongly */
  async end(): Promise<string> {
    this.#isEnding = true;
    await this.#callers;
    assert.deepEqual(this.#problems, []);
    return `${this.answered} answered through ${this.#balancer.name}`;
  }

  async #call(caller: number): Promise<void> {
    for (let turn = 0; !this.#isEnding; turn++) {
      const bytes = turn % 2 === 0 ? 0 : LARGE_BYTES;
      const seed = caller * 1000 + turn;
      await callsRightly(this.#balancer.url, { seed, bytes, iterations: SHORT / 2 }).catch(this.#note);
      this.answered += 1;
    }
  }

  readonly #note = (error: Error): Reply | undefined => {
    this.#problems.push(`${new Date().toISOString()} ${error.message} ${error.cause ?? ''}`);
    return undefined;
  };
}
