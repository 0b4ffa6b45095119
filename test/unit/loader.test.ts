// When the loader tries a model that has failed again, and what it lets that cost the others.

import { beforeEach, describe, expect, test } from '@jest/globals';
import type { BadModel, FoundModel, LoadFailure, LoadReport } from '../../src/model-repository/model.js';
import { Models, type Requirement } from '../../src/model-repository/models.js';
import { Loader } from '../../src/runner/loader.js';
import type { RunnerState } from '../../src/runner/runner.js';
import { ManualClock } from '../support/manual-clock.js';
import { turn } from '../support/rooms.js';

const PASSING: LoadFailure = { reason: 'out of memory', told: 'out of memory', isPermanent: false };
const LASTING: LoadFailure = { reason: 'no model', told: 'no model', isPermanent: true };

function found(name: string, stamp = 'first'): FoundModel {
  const settings = { sessionOptions: {}, labels: {}, dimensions: {}, emptyInputs: [], defaults: {} };
  return { name, version: '1', folder: `/m/${name}`, path: `/m/${name}/1/model.onnx`, stamp, settings };
}

function reportOf({ name, version, stamp }: FoundModel): LoadReport {
  const signature = { inputs: [], outputs: [] };
  return { name, version, stamp, signature, provider: 'cpu', nodes: {}, loadMs: 1, warnings: [] };
}

class Bench {
  readonly clock = new ManualClock();
  readonly onDisk = new Map<string, FoundModel | BadModel>();
  readonly models: Models;
  readonly loader: Loader;
  /** What the runner was told, in order. */
  readonly told: string[] = [];
  state: RunnerState = { kind: 'starting', sinceMs: 0, attempts: 0 };
  isIdle = true;

  constructor(names: readonly string[], required: Requirement = 'any') {
    const models = names.map((name) => found(name));
    for (const model of models) this.onDisk.set(model.name, model);
    this.models = new Models({ models, bad: [] }, { required, defaultModel: undefined, provider: 'cpu' });
    const bench = this;
    this.loader = new Loader({
      models: this.models,
      runner: () => ({
        get state() {
          return bench.state;
        },
        loadMs: 100,
        load: (wanted) => this.told.push(`load ${wanted.map(({ name }) => name)}`),
        endLoad: (reason) => this.told.push(`end: ${reason}`),
      }),
      lookAt: async ({ name }) => this.onDisk.get(name),
      clock: this.clock,
      log: { warn() {}, error() {} },
      isIdle: () => this.isIdle,
      onFailed() {},
    });
  }

  /** A new runner loads what it is told; gives the names in their order. */
  async start(failures: Readonly<Record<string, LoadFailure>> = {}): Promise<string[]> {
    this.state = { kind: 'starting', sinceMs: 0, attempts: 0 };
    const wanted = await this.loader.forNewRunner();
    for (const model of wanted) this.load(model.name, failures[model.name]);
    this.up();
    return wanted.map(({ name }) => name);
  }

  up(): void {
    this.state = { kind: 'up' };
    this.loader.settled();
    this.models.settle();
  }

  load(name: string, failure?: LoadFailure): void {
    this.loader.began(name);
    this.end(name, failure);
  }

  end(name: string, failure?: LoadFailure): void {
    if (failure !== undefined) this.loader.failed(name, failure, { endedRunner: false });
    else this.loader.loaded(reportOf(this.onDisk.get(name) as FoundModel));
  }

  /** The runner dies as it loads this one. */
  die(name: string): void {
    this.loader.began(name);
    this.loader.failed(name, PASSING, { endedRunner: true });
    this.state = { kind: 'starting', sinceMs: 0, attempts: 1 };
  }

  async pass(ms: number): Promise<void> {
    this.clock.advance(ms);
    await turn();
  }

  stateOf(name: string): string {
    return this.models.entry(name).state.kind;
  }
}

let bench: Bench;

beforeEach(() => {
  bench = new Bench(['a', 'b']);
});

describe('what time may mend', () => {
  test('is tried again after 1 s, 2 s, 4 s, beside those that serve', async () => {
    expect(await bench.start({ b: PASSING })).toEqual(['a', 'b']);
    expect([bench.stateOf('a'), bench.stateOf('b')]).toEqual(['ready', 'failed']);
    for (const ms of [1000, 2000, 4000]) {
      await bench.pass(ms - 1);
      expect(bench.told).toEqual([]);
      await bench.pass(250);
      expect(bench.told.splice(0)).toEqual(['load b']);
      bench.load('b', PASSING);
      bench.up();
    }
    await bench.pass(8250);
    bench.load('b');
    bench.up();
    expect(bench.stateOf('b')).toBe('ready');
    expect(bench.clock.pending).toBe(0);
  });

  test('is tried again at most every 5 min, and every 30 s before the server serves', async () => {
    const waits = async (open: Bench, loads: number): Promise<number> => {
      await open.start({ b: PASSING });
      for (let count = 0; count < loads; count++) {
        await open.pass(400_000);
        open.load('b', PASSING);
        open.up();
      }
      const { state } = open.models.entry('b');
      return (state.kind === 'failed' ? state.retryAtMs! : 0) - open.clock.nowMs();
    };
    expect(await waits(bench, 12)).toBe(300_000);
    expect(await waits(new Bench(['a', 'b'], 'all'), 12)).toBe(30_000);
  });

  test('waits while anything is queued or runs; after a minute it takes its turn all the same', async () => {
    await bench.start({ b: PASSING });
    bench.isIdle = false;
    await bench.pass(60_900);
    expect(bench.told).toEqual([]);
    await bench.pass(400);
    expect(bench.told).toEqual(['load b']);
  });

  test('is given up for this time when others have waited 10 s for it, and has twice as long the next time', async () => {
    await bench.start({ b: PASSING });
    await bench.pass(1250);
    bench.loader.began('b');
    await bench.pass(60_000);
    expect(bench.told).toEqual(['load b']);
    bench.isIdle = false;
    await bench.pass(250);
    expect(bench.told[1]).toMatch(/^end: its load was given up after 10 s/);
    bench.loader.failed('b', PASSING, { endedRunner: true });
    expect(await bench.start()).toEqual(['a']);
    bench.isIdle = true;
    bench.told.splice(0);
    await bench.pass(2250);
    expect(bench.told.splice(0)).toEqual(['load b']);
    bench.loader.began('b');
    bench.isIdle = false;
    await bench.pass(100_000);
    expect(bench.told).toEqual([]);
    await bench.pass(30_000);
    expect(bench.told[0]).toMatch(/^end: its load was given up after 12\d s/);
  });

  test('is not sent twice while it is on its way', async () => {
    await bench.start({ b: PASSING });
    await bench.pass(1250);
    await bench.pass(5000);
    expect(bench.told).toEqual(['load b']);
  });
});

describe('what no time can mend', () => {
  test('is not tried again, with the next runner neither', async () => {
    await bench.start({ b: LASTING });
    await bench.pass(600_000);
    expect(bench.told).toEqual([]);
    expect(await bench.start()).toEqual(['a']);
  });

  test('is loaded by the next runner where its files are others, and at once when they are noticed', async () => {
    await bench.start({ b: LASTING });
    bench.onDisk.set('b', found('b', 'second'));
    expect(await bench.start({ b: LASTING })).toEqual(['a', 'b']);
    bench.loader.mended('b');
    await turn();
    expect(bench.told).toEqual(['load b']);
  });

  test('is not said of files that may still be about to be written: they are tried again first', async () => {
    bench.onDisk.set('b', { ...found('b'), changedAtMs: Date.now() });
    await bench.start({ b: LASTING });
    bench.onDisk.set('b', { ...found('b'), changedAtMs: Date.now() - 3600e3 });
    await bench.pass(1250);
    expect(bench.told).toEqual(['load b']);
    bench.load('b', LASTING);
    bench.up();
    await bench.pass(600_000);
    expect(bench.told).toEqual(['load b']);
  });

  test('may be its files alone: then no runner hears of it', async () => {
    bench.onDisk.set('b', { name: 'b', folder: '/m/b', failure: LASTING, stamp: 'second' });
    expect(await bench.start()).toEqual(['a']);
    expect(bench.models.entry('b').state).toMatchObject({ kind: 'failed', failure: LASTING });
  });
});

describe('a runner that dies as it loads a model', () => {
  test('that has never been ready is followed by one without it, until nobody waits', async () => {
    await bench.loader.forNewRunner();
    bench.load('a');
    bench.die('b');
    expect(bench.stateOf('b')).toBe('failed');
    expect(await bench.start()).toEqual(['a']);
    bench.isIdle = false;
    await bench.pass(200_000);
    expect(await bench.start()).toEqual(['a']);
    expect(bench.told).toEqual([]);
    bench.isIdle = true;
    await bench.pass(250);
    expect(bench.told).toEqual(['load b']);
  });

  test('that was ready is followed by two that load it last; the third death sets it apart', async () => {
    await bench.start();
    for (const deaths of [1, 2]) {
      bench.die('a');
      expect([deaths, bench.stateOf('a')]).toEqual([deaths, 'ready']);
      expect((await bench.loader.forNewRunner()).map(({ name }) => name)).toEqual(['b', 'a']);
    }
    bench.die('a');
    expect(bench.stateOf('a')).toBe('failed');
    expect(await bench.start()).toEqual(['b']);
  });

  test('that was ready and loads the next time has no deaths to its name', async () => {
    await bench.start();
    bench.die('a');
    expect(await bench.start()).toEqual(['b', 'a']);
    bench.die('a');
    bench.die('a');
    expect(bench.stateOf('a')).toBe('ready');
  });
});

describe('the start', () => {
  const cases = [
    ['all', { b: LASTING }, true],
    ['all', { b: PASSING }, false],
    ['any', { b: LASTING }, false],
    ['any', { a: LASTING, b: LASTING }, true],
    ['any', { a: PASSING, b: LASTING }, false],
    [['a'], { b: LASTING }, false],
    [['b'], { b: LASTING }, true],
  ] as const;
  test.each(cases)('that requires %j, with %j, is hopeless: %j', async (required, failures, isHopeless) => {
    const open = new Bench(['a', 'b'], required);
    await open.start(failures);
    expect(open.models.isHopeless).toBe(isHopeless);
  });

  test('once made is not undone', async () => {
    const open = new Bench(['a', 'b'], 'all');
    await open.start();
    open.onDisk.set('b', { name: 'b', folder: '/m/b', failure: LASTING, stamp: 'second' });
    await open.start();
    expect([open.models.isServing, open.models.isHopeless, open.models.missing]).toEqual([true, false, []]);
  });
});
