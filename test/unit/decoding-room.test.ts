// Pictures that are decoded at once are bounded, in memory and in number.

import { expect, test } from '@jest/globals';
import { DecodingRoom } from '../../src/codecs/decoding-room.js';
import { turn } from '../support/rooms.js';

function decodings() {
  const room = new DecodingRoom(100);
  const inside: string[] = [];
  const ends = new Map<string, (error?: Error) => void>();
  const decode = (name: string, bytes: number) =>
    room.decode(bytes, async () => {
      inside.push(name);
      await new Promise<void>((resolve, reject) => {
        ends.set(name, (error) => (error === undefined ? resolve() : reject(error)));
      });
      inside.splice(inside.indexOf(name), 1);
      return name;
    });
  const end = async (name: string, error?: Error): Promise<void> => {
    ends.get(name)!(error);
    await turn();
  };
  return { room, inside, decode, end };
}

test('wait for memory, in their order', async () => {
  const { room, inside, decode, end } = decodings();
  const all = [decode('a', 90), decode('b', 20), decode('c', 5)];
  await turn();
  expect([inside, room.bytes]).toEqual([['a'], 90]);
  await end('a');
  expect(inside.slice(0, 1)).toEqual(['b']);
  await end('b');
  await end('c');
  expect(await Promise.all(all)).toEqual(['a', 'b', 'c']);
  expect(room.bytes).toBe(0);
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
  const { room, inside, decode, end } = decodings();
  const failing = decode('a', 100);
  void decode('b', 100);
  failing.catch(() => {});
  await turn();
  await end('a', new Error('broken'));
  await expect(failing).rejects.toThrow('broken');
  expect(inside).toContain('b');
  await end('b');
  expect(room.bytes).toBe(0);
});
