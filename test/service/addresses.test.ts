// Where the server listens when it is not told where.

import { networkInterfaces } from 'node:os';
import { expect, test } from '@jest/globals';
import { startOneslot } from '../support/oneslot.js';

const hasIpv6 = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === '::1'),
);

test('the server listens on all addresses, of IPv6 and IPv4 where both exist', async () => {
  await using oneslot = await startOneslot({ host: undefined, ready: false });
  const { port } = new URL(oneslot.url);
  expect(oneslot.url).toBe(`http://${hasIpv6 ? '[::]' : '0.0.0.0'}:${port}`);
  for (const host of hasIpv6 ? ['127.0.0.1', '[::1]'] : ['127.0.0.1'])
    expect((await fetch(`http://${host}:${port}/healthz`)).status).toBe(200);
});

test('an address of one family is taken as it is', async () => {
  await using oneslot = await startOneslot({ host: '127.0.0.1', ready: false });
  const { port } = new URL(oneslot.url);
  expect(oneslot.url).toBe(`http://127.0.0.1:${port}`);
  await expect(fetch(`http://[::1]:${port}/healthz`)).rejects.toThrow();
});
