// HAProxy before replicas that come and go: as many servers as there may be, whose addresses are set while it runs.

import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type Balancer, startHaproxy } from '../balancing/balancers.js';
import type { Context } from '../part.js';

const SERVERS = /^ {4}server oneslot-\d \S+$/gm;
/** Of the machine's: the shipped seconds would be minutes of the day. */
const CHECKS = 'inter 200ms fastinter 200ms downinter 200ms';

export class Slots {
  readonly #socket: string;
  /** Of each server the address that it has now. */
  readonly #addresses: (string | undefined)[];
  #changing = Promise.resolve();

  private constructor(
    readonly balancer: Balancer,
    socket: string,
    addresses: readonly (string | undefined)[],
  ) {
    this.#socket = socket;
    this.#addresses = [...addresses];
  }

  static async start(context: Context, first: readonly string[], count: number): Promise<Slots> {
    const socket = join(context.folder, 'haproxy', 'socket');
    const addresses = Array.from({ length: count }, (_, index) => first[index]);
    const servers = addresses.map((address, index) => {
      return `    server oneslot-${index + 1} ${address ?? '127.0.0.1:9'}${address === undefined ? ' disabled' : ''}`;
    });
    // Those of `descriptions`, which nobody asks here.
    const three = Array.from({ length: 3 }, (_, index) => first[index % first.length]!);
    const balancer = await startHaproxy(context, three, {
      edit: (config) => editOf(config, socket, servers),
    });
    return new Slots(balancer, socket, addresses);
  }

  /** From now on these get requests, and no others. */
  serve(addresses: readonly string[]): void {
    this.#changing = this.#changing.then(() => this.#change(addresses));
  }

  async #change(addresses: readonly string[]): Promise<void> {
    const commands: string[] = [];
    this.#addresses.forEach((address, index) => {
      if (address === undefined || addresses.includes(address)) return;
      commands.push(`set server oneslot/oneslot-${index + 1} state maint`);
      this.#addresses[index] = undefined;
    });
    for (const address of addresses) {
      if (this.#addresses.includes(address)) continue;
      const index = this.#addresses.indexOf(undefined);
      if (index < 0) throw new Error('more replicas than servers');
      const name = `oneslot/oneslot-${index + 1}`;
      const [host, port] = address.split(':');
      commands.push(`set server ${name} addr ${host} port ${port}`, `set server ${name} state ready`);
      this.#addresses[index] = address;
    }
    if (commands.length > 0) await this.#say(commands);
  }

  async #say(commands: readonly string[]): Promise<void> {
    const socket = connect(this.#socket);
    await once(socket, 'connect');
    socket.end(`${commands.join('; ')}\n`);
    await text(socket);
  }
}

/** The backend `descriptions` follows servers that need not be there. */
function editOf(config: string, socket: string, servers: readonly string[]): string {
  const [before, after] = config.split('# What models there are');
  const isFirst = { value: true };
  const own = before!.replaceAll(SERVERS, () => {
    const lines = isFirst.value ? servers.join('\n') : '';
    isFirst.value = false;
    return lines;
  });
  return `${own}# What models there are${after!}`
    .replace('global\n', `global\n    stats socket ${socket} mode 600 level admin\n`)
    .replace('timeout connect 3s\n', 'timeout connect 3s\n    timeout check 5s\n')
    .replace('inter 1s fastinter 500ms downinter 1s', CHECKS);
}
