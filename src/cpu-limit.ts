// How many processors this process may keep busy: those that it may run on, and what its control groups leave it of them.
// A container that may use two of 64 processors sees all 64; 64 threads would be stopped most of the time.

import { readFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { dirname, join } from 'node:path';

/**
 * Threads that this process can keep busy; undefined where that is all processors of the machine.
 *
 * @param root a folder that stands for `/`, for tests
 */
export function cpuLimit(root = ''): number | undefined {
  const processors = cpus().length;
  const quota = cpuQuota(root) ?? Number.POSITIVE_INFINITY;
  // Half a processor more is a thread more: it is stopped for a while, where one less would waste that half.
  const limit = Math.min(availableParallelism(), Math.max(1, Math.ceil(quota)));
  return limit < processors ? limit : undefined;
}

/**
 * Processors' worth of time that the control groups of this process allow, versions 1 and 2: the least along the way from
 * its own group up to the root of the hierarchy. Undefined where none of them sets a limit, and where there are none.
 */
export function cpuQuota(root = ''): number | undefined {
  const groups = groupsOf(textOf(join(root, '/proc/self/cgroup')));
  const quotas = mountsOf(textOf(join(root, '/proc/self/mountinfo'))).flatMap((mount) => {
    const group = groups.find(({ isVersion2 }) => isVersion2 === mount.isVersion2);
    if (group === undefined) return [];
    return folders(mount, group.path).map((folder) => quotaOf(join(root, folder), mount.isVersion2));
  });
  const set = quotas.filter((quota) => quota !== undefined);
  return set.length === 0 ? undefined : Math.min(...set);
}

interface Group {
  readonly isVersion2: boolean;
  readonly path: string;
}

/** Lines such as `4:cpu,cpuacct:/docker/1f` and, of version 2, `0::/kubepods/pod7`. */
function groupsOf(text: string): Group[] {
  return text.split('\n').flatMap((line): Group[] => {
    const [, id, controllers, path] = /^(\d+):([^:]*):(.*)$/.exec(line) ?? [];
    if (path === undefined) return [];
    if (id === '0' && controllers === '') return [{ isVersion2: true, path }];
    return controllers!.split(',').includes('cpu') ? [{ isVersion2: false, path }] : [];
  });
}

interface Mount {
  readonly isVersion2: boolean;
  /** The group that is seen at `folder`; in a container often not the hierarchy's root. */
  readonly root: string;
  readonly folder: string;
}

/** Lines such as `33 24 0:28 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct`. */
function mountsOf(text: string): Mount[] {
  return text.split('\n').flatMap((line): Mount[] => {
    const [left = '', right = ''] = line.split(' - ');
    const [, , , root, folder] = left.split(' ');
    const [type, , options = ''] = right.split(' ');
    if (root === undefined || folder === undefined) return [];
    const isVersion2 = type === 'cgroup2';
    if (!isVersion2 && !(type === 'cgroup' && options.split(',').includes('cpu'))) return [];
    return [{ isVersion2, root, folder }];
  });
}

/** From the process's own group up to the mount. A path that does not lie below the mount's root is not to be seen here. */
function folders({ root, folder }: Mount, path: string): string[] {
  const base = root === '/' ? '' : root;
  const isBelow = path === base || path.startsWith(`${base}/`);
  const way: string[] = [];
  let at = isBelow ? path.slice(base.length) : '/';
  for (; at !== '/' && at !== '' && at !== '.'; at = dirname(at)) way.push(join(folder, at));
  return [...way, folder];
}

function quotaOf(folder: string, isVersion2: boolean): number | undefined {
  const [quota, period] = isVersion2
    ? textOf(join(folder, 'cpu.max')).split(/\s+/).map(Number)
    : ['cpu.cfs_quota_us', 'cpu.cfs_period_us'].map((file) => Number(textOf(join(folder, file))));
  // `max` is no number; version 1 says -1.
  return quota! > 0 && period! > 0 ? quota! / period! : undefined;
}

/** Empty where it can't be read: not on Linux, or not this version. */
function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
