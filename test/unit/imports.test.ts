// The structure, held: imports go down the rooms, never up, and each heavy package has one importer.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';

/** From dist/test/unit to the sources. */
const SOURCES = fileURLToPath(new URL('../../../src', import.meta.url));

/**
 * Rooms from the top to the bottom, those of one row as neighbours that may know each other. What many rooms speak of
 * (a prediction, a tensor, an error) lies at the bottom and imports nothing above it.
 */
const FLOORS: readonly (readonly string[])[] = [
  ['main.ts'],
  ['service.ts', 'check.ts', 'plan'],
  ['http', 'drain.ts'],
  ['codecs'],
  ['admission'],
  ['slot'],
  ['queue'],
  ['estimator'],
  ['scaling', 'metrics'],
  ['runner'],
  ['config.ts', 'log.ts', 'ledger.ts'],
  ['option-kinds.ts'],
  ['prediction.ts', 'observer.ts'],
  ['model-repository'],
  ['tensor-json.ts'],
  ['json'],
  ['workload.ts', 'nearest.ts'],
  ['errors.ts', 'files.ts'],
  [
    'tensor.ts',
    'clock.ts',
    'memory.ts',
    'shared-memory.ts',
    'process-end.ts',
    'descriptors.ts',
    'cpu-limit.ts',
    'own-files.ts',
  ],
];

/** Package → the only place that imports it at run time. */
const IMPORTERS: Readonly<Record<string, RegExp>> = {
  express: /^http\//,
  'p-queue': /^queue\//,
  'onnxruntime-node': /^runner\/session-thread\.ts$/,
  'prom-client': /^metrics\//,
  sharp: /^codecs\//,
  piscina: /^codecs\//,
  pino: /^log\.ts$/,
  koffi: /^(shared-memory|process-end|runner\/shared-threads)\.ts$/,
  commander: /^(main|config|option-kinds|plan\/options)\.ts$/,
};

interface Import {
  readonly from: string;
  readonly to: string;
  readonly isType: boolean;
}

function importsOf(file: string): readonly Import[] {
  const source = readFileSync(join(SOURCES, file), 'utf8');
  const statements = source.matchAll(/^(?:import|export) (type )?[^'"]*?from '([^']+)'/gm);
  return [...statements].map(([, type, to]) => ({ from: file, to: to!, isType: type !== undefined }));
}

const files = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' }).filter((file) =>
  file.endsWith('.ts'),
);
const imports = files.flatMap(importsOf);

const roomOf = (file: string): string => file.split('/', 1)[0]!;
const floorOf = (file: string): number => FLOORS.findIndex((rooms) => rooms.includes(roomOf(file)));
const targetOf = ({ from, to }: Import): string =>
  relative(SOURCES, join(SOURCES, dirname(from), to)).replace(/\.js$/, '.ts');

test('every file stands in a room of the picture', () => {
  expect(files.filter((file) => floorOf(file) === -1)).toEqual([]);
});

test('imports go down the rooms, never up', () => {
  const own = imports.filter(({ to }) => to.startsWith('.'));
  const upward = own.filter((each) => floorOf(targetOf(each)) < floorOf(each.from));
  expect(upward.map((each) => `${each.from} imports ${targetOf(each)}`)).toEqual([]);
  expect(own.length).toBeGreaterThan(100);
});

test('each heavy package is imported in one place', () => {
  const astray = imports.filter(({ from, to, isType }) => !isType && IMPORTERS[to]?.test(from) === false);
  expect(astray.map(({ from, to }) => `${from} imports ${to}`)).toEqual([]);
  for (const name of Object.keys(IMPORTERS)) expect(imports.map(({ to }) => to)).toContain(name);
});

test('only main.ts ends the process', () => {
  const enders = files.filter((file) => /process\.exit\(/.test(readFileSync(join(SOURCES, file), 'utf8')));
  expect(enders).toEqual(['main.ts']);
});
