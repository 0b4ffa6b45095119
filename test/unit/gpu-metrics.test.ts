// GPU metrics from nvidia-smi: a script of that name on the PATH speaks its CSV, or misbehaves.

import { chmodSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { NvidiaSmi, type NvidiaSmiOptions } from '../../src/metrics/gpu.js';
import { ManualClock } from '../support/manual-clock.js';

const FIELDS = 'index,memory.used,memory.total,utilization.gpu,power.draw,temperature.gpu';
const H100 = '0, 1024, 81559, 57, 350.12, 64';
const READING = {
  gpu: '0',
  memoryUsedBytes: 1024 * 2 ** 20,
  memoryTotalBytes: 81559 * 2 ** 20,
  utilizationRatio: 0.57,
  powerWatts: 350.12,
  temperatureCelsius: 64,
};

let folder: string;
let clock: ManualClock;
let warnings: string[];
let started: NvidiaSmi[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'oneslot-gpu-'));
  clock = new ManualClock();
  warnings = [];
  started = [];
});

afterEach(async () => {
  for (const smi of started) smi.stop();
  await until(() => pids().every((pid) => !isAlive(pid)));
  rmSync(folder, { recursive: true });
});

/** Puts an nvidia-smi on the PATH that notes its process id, refuses all but the documented question, and speaks. */
function install(...speaks: readonly string[]): void {
  const script = `#!/bin/sh
cd '${folder}'
echo $$ >> pids
[ "$*" = '--query-gpu=${FIELDS} --format=csv,noheader,nounits --loop=5' ] || { echo 'Invalid combination'; exit 1; }
${speaks.join('\n')}
`;
  // In one step: a shell that still runs the old script reads on in the old file.
  writeFileSync(join(folder, 'next'), script);
  chmodSync(join(folder, 'next'), 0o755);
  renameSync(join(folder, 'next'), join(folder, 'nvidia-smi'));
}

function say(...lines: readonly string[]): string {
  return `cat <<'END'\n${lines.join('\n')}\nEND`;
}

const STAY = 'exec sleep 600';
/** What follows is said once the test has written the file `cue`. */
const AWAIT_CUE = 'while ! [ -e cue ]; do sleep 0.01; done; rm cue';

function cue(): void {
  writeFileSync(join(folder, 'cue'), '');
}

function nvidiaSmi(options: Partial<NvidiaSmiOptions> = {}): NvidiaSmi {
  const env = { PATH: `${folder}${delimiter}${process.env.PATH}` };
  const log = { warn: (_bindings: object, message: string) => warnings.push(message) };
  const smi = new NvidiaSmi({ clock, log, env, ...options });
  started.push(smi);
  return smi;
}

/** Of all that were started and have said so, in order. The file is there before its first line. */
function pids(): readonly number[] {
  const path = join(folder, 'pids');
  const lines = existsSync(path) ? readFileSync(path, 'utf8').match(/^\d+\n/gm) : null;
  return (lines ?? []).map(Number);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await delay(2);
}

async function speaks(smi: NvidiaSmi): Promise<ReturnType<NvidiaSmi['latest']>> {
  await until(() => smi.latest().length > 0);
  return smi.latest();
}

async function warned(smi: NvidiaSmi, times = 1): Promise<void> {
  smi.latest();
  await until(() => warnings.length >= times);
}

test('what it says is there for a later scrape, in base units', async () => {
  install(say(H100), STAY);
  const smi = nvidiaSmi();
  expect(smi.latest()).toEqual([]);
  expect(await speaks(smi)).toEqual([READING]);
  expect(warnings).toEqual([]);
});

test('every GPU has its own line', async () => {
  install(say(H100, '1, 0, 24576, 0, 12.5, 30'), STAY);
  const smi = nvidiaSmi();
  await until(() => smi.latest().length === 2);
  expect(smi.latest().map(({ gpu, powerWatts }) => [gpu, powerWatts])).toEqual([
    ['0', 350.12],
    ['1', 12.5],
  ]);
});

test('what the driver does not tell is left out', async () => {
  install(say('0, 512, [N/A], [Not Supported], [GPU requires reset], 40'), STAY);
  const [reading] = await speaks(nvidiaSmi());
  expect(reading).toEqual({ gpu: '0', memoryUsedBytes: 512 * 2 ** 20, temperatureCelsius: 40 });
});

test('events that the driver reports in between are passed over', async () => {
  install(say('Timestamp: now', 'XID error 31, on GPU 0', H100), STAY);
  expect(await speaks(nvidiaSmi())).toEqual([READING]);
});

test('one process serves all scrapes, and its newest word counts', async () => {
  install(say(H100), AWAIT_CUE, say('0, 2048, 81559, 57, 350.12, 64'), STAY);
  const smi = nvidiaSmi();
  await speaks(smi);
  clock.advance(5_000);
  cue();
  await until(() => smi.latest()[0]?.memoryUsedBytes === 2048 * 2 ** 20);
  expect(pids()).toHaveLength(1);
});

test('a GPU that is no longer spoken of is left out', async () => {
  install(say(H100, '1, 0, 24576, 0, 12.5, 30'), AWAIT_CUE, say('0, 2048, 81559, 57, 350.12, 64'), STAY);
  const smi = nvidiaSmi();
  await until(() => smi.latest().length === 2);
  clock.advance(15_000);
  cue();
  await until(() => smi.latest()[0]?.memoryUsedBytes === 2048 * 2 ** 20);
  clock.advance(1);
  expect(smi.latest().map(({ gpu }) => gpu)).toEqual(['0']);
});

test('a line may come in pieces', async () => {
  install("printf '0, 1024, 8155'", AWAIT_CUE, "printf '9, 57, 350.12, 64\\n'", STAY);
  const smi = nvidiaSmi();
  smi.latest();
  cue();
  expect(await speaks(smi)).toEqual([READING]);
});

describe('when nobody looks', () => {
  test('for two minutes it is ended without a word, and started again when somebody does', async () => {
    install(`while :; do ${say(H100)}\nsleep 0.01; done`);
    const smi = nvidiaSmi();
    await speaks(smi);
    clock.advance(120_001);
    await until(() => pids().every((pid) => !isAlive(pid)));
    await speaks(smi);
    expect(pids()).toHaveLength(2);
    expect(warnings).toEqual([]);
  });

  test('at all, nothing is started', async () => {
    install(say(H100), STAY);
    nvidiaSmi();
    await speaks(nvidiaSmi());
    expect(pids()).toHaveLength(1);
  });
});

describe('without nvidia-smi', () => {
  test('it says so once and never looks again', async () => {
    const smi = nvidiaSmi({ env: { PATH: folder } });
    await warned(smi);
    expect(warnings).toEqual(['no GPU metrics: nvidia-smi is not on the PATH']);
    install(say(H100), STAY);
    clock.advance(3_600_000);
    smi.latest();
    await speaks(nvidiaSmi());
    expect(pids()).toHaveLength(1);
    expect(smi.latest()).toEqual([]);
    expect(warnings).toHaveLength(1);
  });

  test('but a file that may not be run, it says so', async () => {
    install(say(H100), STAY);
    chmodSync(join(folder, 'nvidia-smi'), 0o644);
    await warned(nvidiaSmi({ env: { PATH: folder } }));
    expect(warnings).toEqual([expect.stringContaining('EACCES')]);
  });
});

describe('an nvidia-smi that falls silent', () => {
  test('is ended, its readings are gone, and a minute later there is another', async () => {
    install(say(H100), STAY);
    const smi = nvidiaSmi();
    await speaks(smi);
    clock.advance(15_000);
    expect(smi.latest()).toEqual([READING]);
    clock.advance(1);
    expect(smi.latest()).toEqual([]);
    expect(warnings).toEqual(['no GPU metrics: nvidia-smi gave no reading for 15 s']);
    await until(() => pids().every((pid) => !isAlive(pid)));
    clock.advance(59_999);
    expect(smi.latest()).toEqual([]);
    clock.advance(1);
    expect(await speaks(smi)).toEqual([READING]);
    expect(pids()).toHaveLength(2);
    expect(warnings).toHaveLength(1);
  });

  test('from the start holds no scrape up and is told once', async () => {
    install(STAY);
    const smi = nvidiaSmi();
    smi.latest();
    await until(() => pids().length === 1);
    for (let scrape = 0; scrape < 5; scrape++) {
      clock.advance(15_000);
      expect(smi.latest()).toEqual([]);
    }
    expect(warnings).toEqual(['no GPU metrics: nvidia-smi gave no reading for 15 s']);
  });

  test('and has a child that holds its output is given up all the same', async () => {
    install('sleep 2; echo late');
    const smi = nvidiaSmi();
    smi.latest();
    await until(() => pids().length === 1);
    clock.advance(15_001);
    await warned(smi);
    await until(() => pids().every((pid) => !isAlive(pid)));
  });
});

describe('an nvidia-smi that misbehaves', () => {
  test.each([
    ['with an error', ['echo "NVIDIA-SMI has failed"', 'exit 9'], '9: "NVIDIA-SMI has failed"'],
    ['without a GPU', ['echo "No devices were found"', 'exit 6'], '6: "No devices were found"'],
    ['with too few fields', ['echo "0, 1, 2"'], '0: "0, 1, 2"'],
    ['without a word', ['true'], '0: ""'],
    ['with bytes of any kind', ["printf '\\377\\000,,,,,\\n'"], '0: "\ufffd\\u0000,,,,,"'],
    ['by a signal', ['kill -SEGV $$'], 'SIGSEGV: ""'],
  ])(
    'and ends %s takes its readings away, is told once, and is tried again each minute',
    async (_how, ends, words) => {
      install(say(H100), AWAIT_CUE, ...ends);
      const smi = nvidiaSmi();
      await speaks(smi);
      cue();
      await until(() => smi.latest().length === 0);
      expect(warnings).toEqual([`no GPU metrics: nvidia-smi ended with ${words}`]);
      install(...ends);
      clock.advance(60_000);
      smi.latest();
      await until(() => pids().length === 2 && !isAlive(pids()[1]!));
      install(say(H100), STAY);
      // Its end may not be known yet at the first minute, and the next one may be given up before it could speak.
      let polls = 0;
      await until(() => {
        if (polls++ % 200 === 0) clock.advance(60_000);
        return smi.latest().length > 0;
      });
      expect(smi.latest()).toEqual([READING]);
      expect(warnings).toHaveLength(1);
    },
  );

  test('and writes a line without end is ended', async () => {
    install('yes | tr -d "\\n"');
    const smi = nvidiaSmi();
    await warned(smi);
    expect(warnings).toEqual(['no GPU metrics: nvidia-smi writes a line without end']);
    await until(() => pids().every((pid) => !isAlive(pid)));
  });
});

test('once stopped, its process is gone and no other is started', async () => {
  install(say(H100), STAY);
  const smi = nvidiaSmi();
  await speaks(smi);
  smi.stop();
  await until(() => pids().every((pid) => !isAlive(pid)));
  clock.advance(3_600_000);
  expect(smi.latest()).toEqual([]);
  await speaks(nvidiaSmi());
  expect(pids()).toHaveLength(2);
  expect(warnings).toEqual([]);
});
