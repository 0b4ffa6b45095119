// What control groups leave a process of the processors, read from files as the kernel shows them.

import { availableParallelism, cpus } from 'node:os';
import { describe, expect, test } from '@jest/globals';
import { cpuLimit, cpuQuota } from '../../src/cpu-limit.js';
import { type Tree, tempFolders } from '../support/temp-folders.js';

const makeFolder = tempFolders();

const V2 = '31 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n';
const V1 = [
  '30 24 0:25 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro,mode=755',
  '33 30 0:28 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset',
  '34 30 0:29 ROOT /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct',
  '',
].join('\n');

const v2 = (path: string, files: Tree): Tree => {
  return { 'proc/self/cgroup': `0::${path}\n`, 'proc/self/mountinfo': V2, ...files };
};

const v1 = (path: string, root: string, files: Tree): Tree => {
  const groups = `12:cpuset:/\n4:cpu,cpuacct:${path}\n1:name=systemd:/\n`;
  return { 'proc/self/cgroup': groups, 'proc/self/mountinfo': V1.replace('ROOT', root), ...files };
};

describe('the quota', () => {
  const cases: readonly (readonly [string, Tree, number | undefined])[] = [
    ['version 2', v2('/', { 'sys/fs/cgroup/cpu.max': '150000 100000\n' }), 1.5],
    ['version 2 without a limit', v2('/', { 'sys/fs/cgroup/cpu.max': 'max 100000\n' }), undefined],
    [
      'version 2, nested: the least of all',
      v2('/pods/pod/box', {
        'sys/fs/cgroup/pods/cpu.max': '800000 100000\n',
        'sys/fs/cgroup/pods/pod/cpu.max': '50000 25000\n',
        'sys/fs/cgroup/pods/pod/box/cpu.max': 'max 100000\n',
      }),
      2,
    ],
    [
      'version 2, of a group outside of what is mounted here',
      v2('/../..', { 'sys/fs/cgroup/cpu.max': '300000 100000\n' }),
      3,
    ],
    [
      'version 1',
      v1('/', '/', {
        'sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '400000\n',
        'sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us': '100000\n',
      }),
      4,
    ],
    [
      'version 1 without a limit',
      v1('/', '/', {
        'sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '-1\n',
        'sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us': '100000\n',
      }),
      undefined,
    ],
    [
      'version 1 in a container that shares its host’s names',
      v1('/docker/1f/inner', '/docker/1f', {
        'sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '250000\n',
        'sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us': '100000\n',
        'sys/fs/cgroup/cpu,cpuacct/inner/cpu.cfs_quota_us': '100000\n',
        'sys/fs/cgroup/cpu,cpuacct/inner/cpu.cfs_period_us': '100000\n',
      }),
      1,
    ],
    ['no control groups', {}, undefined],
    [
      'files that say something else',
      { 'proc/self/cgroup': 'x\n\n', 'proc/self/mountinfo': 'y - z\n' },
      undefined,
    ],
  ];
  test.each(cases)('of %s', async (_, tree, quota) => {
    expect(cpuQuota(await makeFolder(tree))).toBe(quota);
  });
});

describe('the limit', () => {
  const limitOf = async (max: string) =>
    cpuLimit(await makeFolder(v2('/', { 'sys/fs/cgroup/cpu.max': `${max}\n` })));

  test('is the quota, rounded up and one at least', async () => {
    expect(await limitOf('10000 100000')).toBe(cpus().length === 1 ? undefined : 1);
    expect(await limitOf('100000 100000')).toBe(cpus().length === 1 ? undefined : 1);
  });

  test('is none where all processors may be used', async () => {
    const all = availableParallelism() < cpus().length ? availableParallelism() : undefined;
    expect(await limitOf('max 100000')).toBe(all);
    expect(await limitOf(`${cpus().length}00000 100000`)).toBe(all);
  });
});
