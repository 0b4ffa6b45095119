// Work for few at once, bounded in memory and in number.

import { expect, test } from '@jest/globals';
import { Gate } from '../../src/codecs/gate.js';
import { turn } from '../support/rooms.js';

function decodings() {
  const gate = new Gate({ atOnce: 2, maxBytes: 100 });
  const inside: string[] = [];
  const ends = new Map<string, (error?: Error) => void>();
  const decode = (name: string, bytes: number, unwanted?: Promise<never>) =>
    gate.pass({
      bytes,
      unwanted,
      task: async () => {
        inside.push(name);
        await new Promise<void>((resolve, reject) => {
          ends.set(name, (error) => (error === undefined ? resolve() : reject(error)));
        });
        inside.splice(inside.indexOf(name), 1);
        return name;
      },
    });
  const end = async (name: string, error?: Error): Promise<void> => {
    ends.get(name)!(error);
    await turn();
  };
  return { gate, inside, decode, end };
}

test('wait for memory, in their order', async () => {
  const { gate, inside, decode, end } = decodings();
  const all = [decode('a', 90), decode('b', 20), decode('c', 5)];
  await turn();
  expect([inside, gate.bytes]).toEqual([['a'], 90]);
  await end('a');
  expect(inside.slice(0, 1)).toEqual(['b']);
  await end('b');
  await end('c');
  expect(await Promise.all(all)).toEqual(['a', 'b', 'c']);
  expect(gate.bytes).toBe(0);
});

test('one that needs more than there is has the room for itself', async () => {
  const { inside, decode, end } = decodings();
  void decode('small', 10);
  void decode('huge', 1000);
  await turn();
  expect(inside).toEqual(['small']);
  await end('small');
  expect(inside).toEqual(['huge']);
  void decode('next', 1);
  await turn();
  expect(inside).toEqual(['huge']);
  await end('huge');
  expect(inside).toEqual(['next']);
});

test('one that fails makes room', async () => {
  const { gate, inside, decode, end } = decodings();
  const failing = decode('a', 100);
  void decode('b', 100);
  failing.catch(() => {});
  await turn();
  await end('a', new Error('broken'));
  await expect(failing).rejects.toThrow('broken');
  expect(inside).toContain('b');
  await end('b');
  expect(gate.bytes).toBe(0);
});

test('no more are inside than may be, however little they take', async () => {
  const { inside, decode, end } = decodings();
  for (const name of ['a', 'b', 'c']) void decode(name, 1);
  await turn();
  expect(inside).toEqual(['a', 'b']);
  await end('b');
  expect(inside).toEqual(['a', 'c']);
});

test('one who leaves while it waits is never begun, and holds up nobody', async () => {
  const { gate, inside, decode, end } = decodings();
  let leave: () => void = () => {};
  const unwanted = new Promise<never>((_, reject) => {
    leave = () => reject(new Error('left'));
  });
  unwanted.catch(() => {});
  void decode('a', 60);
  const leaving = decode('b', 60, unwanted);
  void decode('c', 40);
  await turn();
  expect([inside, gate.waiting]).toEqual([['a'], 2]);
  leave();
  await expect(leaving).rejects.toThrow('left');
  await turn();
  expect([inside, gate.waiting]).toEqual([['a', 'c'], 0]);
  await end('a');
  await end('c');
  expect([inside, gate.bytes]).toEqual([[], 0]);
});
