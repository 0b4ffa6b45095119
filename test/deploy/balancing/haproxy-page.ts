// What HAProxy says about itself on its operators' page, as CSV.

import { until } from '../../support/until.js';
import type { Balancer } from './balancers.js';

export interface ServerRow {
  readonly status: string;
  /** Requests that it has now, and the most that it ever had at once. */
  readonly present: number;
  readonly most: number;
}

type Row = Readonly<Record<string, string>>;

export class HaproxyPage {
  constructor(readonly balancer: Balancer) {}

  /** Requests that wait in the one queue. */
  async queued(): Promise<number> {
    const rows = await this.#rows();
    return Number(rows.find(({ svname }) => svname === 'BACKEND')!.qcur);
  }

  /** Resolves when this many wait. */
  async waits(count: number): Promise<void> {
    await until(async () => (await this.queued()) === count);
  }

  async servers(): Promise<readonly ServerRow[]> {
    const servers = (await this.#rows()).filter(({ svname }) => svname !== 'BACKEND');
    return servers.map(({ status, scur, smax }) => ({
      status: status!,
      present: Number(scur),
      most: Number(smax),
    }));
  }

  /** Resolves when every replica is up. */
  async allUp(): Promise<void> {
    await until(async () => (await this.servers()).every(({ status }) => status === 'UP'));
  }

  async #rows(): Promise<readonly Row[]> {
    const text = await (await fetch(`${this.balancer.operatorsUrl}/;csv`)).text();
    const [head, ...lines] = text.trimEnd().split('\n');
    const names = head!.replace('# ', '').split(',');
    const rows = lines.map((line) => {
      const values = line.split(',');
      return Object.fromEntries(names.map((name, index) => [name, values[index] ?? '']));
    });
    return rows.filter(({ pxname }) => pxname === 'oneslot');
  }
}
