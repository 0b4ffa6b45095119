import { expect, test } from '@jest/globals';
import { deathOf, oomKills } from '../../src/runner/death.js';

test('a signal or an exit code tells how the runner ended; what it ran may be to blame', () => {
  expect(deathOf(null, 'SIGSEGV', 0)).toEqual({ how: 'died of SIGSEGV', isFromOutside: false });
  expect(deathOf(7, null, 0)).toEqual({ how: 'ended with exit code 7', isFromOutside: false });
});

test('of a SIGKILL the kernel’s own count tells whether it was sent for want of memory', () => {
  const now = oomKills();
  if (now === undefined) {
    expect(deathOf(null, 'SIGKILL', undefined)).toEqual({ how: 'died of SIGKILL', isFromOutside: false });
    return;
  }
  expect(deathOf(null, 'SIGKILL', now)).toEqual({ how: 'died of SIGKILL', isFromOutside: true });
  expect(deathOf(null, 'SIGKILL', now - 1)).toEqual({
    how: 'died of SIGKILL, for want of memory,',
    isFromOutside: false,
  });
});
