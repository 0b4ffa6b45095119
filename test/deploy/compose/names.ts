// In the place of an engine's DNS: A records of names that come and go, for programs that are started behind it.

import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cleanup } from '../../support/programs/cleanup.js';

/** resolv.conf can name no port: it is 53, on an address that nobody else has. */
const ADDRESS = '127.0.0.40';
const PORT = 53;

const HEAD_BYTES = 12;
const TYPE_A = 1;
const NO_SUCH_NAME = 3;

/** Response, authoritative; the last four bits are the code. */
const ANSWERS = 0x8400;

/** Each record speaks of the name at this place of the message: of the question's. */
const SAME_NAME = 0xc000 | HEAD_BYTES;

export class Names {
  /** Of each name, as long as it is there. */
  readonly addresses = new Map<string, string>();
  readonly #resolvConf: string;

  private constructor(resolvConf: string) {
    this.#resolvConf = resolvConf;
  }

  /** @param folder for its resolv.conf, which looks as Docker's does */
  static async start(folder: string, cleanup: Cleanup): Promise<Names> {
    const names = new Names(join(folder, 'resolv.conf'));
    await writeFile(names.#resolvConf, `nameserver ${ADDRESS}\noptions ndots:0\n`);
    const socket = createSocket('udp4');
    socket.on('message', (query, { address, port }) => socket.send(names.#answer(query), port, address));
    socket.bind(PORT, ADDRESS);
    await once(socket, 'listening');
    cleanup.add(() => close(socket));
    return names;
  }

  /** A command that runs the one put behind it with this DNS, in a mount namespace of its own; needs root. */
  get through(): readonly string[] {
    const script = 'mount --bind "$0" /etc/resolv.conf && exec "$@"';
    return ['unshare', '--mount', 'sh', '-c', script, this.#resolvConf];
  }

  /** The first question is answered, as everybody does; what follows it (EDNS) is left out. */
  #answer(query: Buffer): Buffer {
    const { name, end } = nameAt(query, HEAD_BYTES);
    const address = this.addresses.get(name);
    const isAsked = query.readUInt16BE(end) === TYPE_A;
    const records = address !== undefined && isAsked ? [recordOf(address)] : [];
    const head = Buffer.alloc(HEAD_BYTES);
    query.copy(head, 0, 0, 2);
    head.writeUInt16BE(ANSWERS | (address === undefined ? NO_SUCH_NAME : 0), 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt16BE(records.length, 6);
    return Buffer.concat([head, query.subarray(HEAD_BYTES, end + 4), ...records]);
  }
}

function nameAt(query: Buffer, start: number): { readonly name: string; readonly end: number } {
  const labels: string[] = [];
  let at = start;
  for (let length = query[at]!; length > 0; length = query[at]!) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length).toLowerCase());
    at += 1 + length;
  }
  return { name: labels.join('.'), end: at + 1 };
}

/** To be kept for 0 s: Docker says 600 s, which neither Prometheus nor HAProxy heeds. */
function recordOf(address: string): Buffer {
  const record = Buffer.alloc(16);
  record.writeUInt16BE(SAME_NAME, 0);
  record.writeUInt16BE(TYPE_A, 2);
  record.writeUInt16BE(1, 4);
  record.writeUInt16BE(4, 10);
  record.set(address.split('.').map(Number), 12);
  return record;
}

async function close(socket: Socket): Promise<void> {
  socket.close();
  await once(socket, 'close');
}
