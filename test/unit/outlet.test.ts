// The way out of the runner: by which of two ways a frame goes, and that they never cross.

import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import { describe, expect, test } from '@jest/globals';
import { noneUnwritten, Outlet } from '../../src/runner/outlet.js';
import { tempFolders } from '../support/temp-folders.js';

const makeFolder = tempFolders();

async function outletTo(mode: 'r' | 'w') {
  const file = join(await makeFolder({ out: '' }), 'out');
  const fd = openSync(file, mode);
  const { port1, port2 } = new MessageChannel();
  const unwritten = noneUnwritten();
  const outlet = new Outlet(port1, unwritten, fd);
  const posted = (): number | undefined => {
    const pieces: Uint8Array[] | undefined = receiveMessageOnPort(port2)?.message;
    return pieces?.reduce((sum, { length }) => sum + length, 0);
  };
  return {
    send: (...sizes: number[]) => outlet.send(sizes.map((size) => new Uint8Array(size))),
    unwritten,
    posted,
    written: () => readFileSync(file).length,
    close() {
      closeSync(fd);
      port1.close();
    },
  };
}

describe('a frame', () => {
  test('that is small is written at once', async () => {
    const { send, posted, written, unwritten, close } = await outletTo('w');
    send(100);
    expect([written(), posted(), unwritten[0]]).toEqual([100, undefined, 0]);
    close();
  });

  test('that is large, or of several pieces, goes by way of the I/O thread', async () => {
    const { send, posted, written, unwritten, close } = await outletTo('w');
    send(65_537);
    send(8, 8);
    expect([written(), posted(), posted(), unwritten[0]]).toEqual([0, 65_537, 16, 2]);
    close();
  });

  test('does not overtake what the I/O thread has yet to write', async () => {
    const { send, posted, written, unwritten, close } = await outletTo('w');
    unwritten[0] = 1;
    send(100);
    expect([written(), posted(), unwritten[0]]).toEqual([0, 100, 2]);
    unwritten[0] = 0;
    send(50);
    expect([written(), posted()]).toEqual([50, undefined]);
    close();
  });

  test('that can not be written now goes by way of the I/O thread, whole', async () => {
    const { send, posted, written, unwritten, close } = await outletTo('r');
    send(100);
    expect([written(), posted(), unwritten[0]]).toEqual([0, 100, 1]);
    close();
  });
});
