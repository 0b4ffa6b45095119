// Writes what was found: raw JSON for those who reckon themselves, and docs/benchmarks.md for those who read.
//
// Each experiment has a section of its own, between two markers, so that running one leaves the others as they were.

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Described, Goal, Outcome, Picture, Table } from './experiment.js';
import type { Machine, Quiet } from './machine.js';
import { PROJECT } from './servers.js';
import { percent, time } from './statistics.js';

export interface Report {
  readonly experiment: Described;
  readonly outcome: Outcome;
  readonly quick: boolean;
  readonly seconds: number;
  readonly finishedAt: Date;
  readonly machine: Machine;
  readonly before: Quiet;
  readonly after: Quiet;
}

const RESULTS = `${PROJECT}bench/results`;

const HEAD = `# Benchmarks

Written by \`npm run bench\` and \`npm run bench:peers\`; each section says when it was last run. The figures are those
of one machine, whose only purpose is to hold them against each other: ratios within one run carry over to other
machines, times do not. Where a goal is missed it says so. All that is measured runs on one machine, the load included,
over loopback.

Run it yourself: \`npm run bench\` for all, \`npm run bench -- --only turns,gap\` for some, \`--quick\` for a short look.
\`npm run bench:peers\` holds oneslot against what people use instead (\`-- --help\` says how); it installs the others.
With \`--provider cuda\` or \`webgpu\` both run on a GPU, in sections of their own; without, the processor stands in for it.
`;

export async function saveRaw(report: Report): Promise<void> {
  const { experiment, ...rest } = report;
  await mkdir(RESULTS, { recursive: true });
  const json = JSON.stringify({ experiment: experiment.name, ...rest }, undefined, 1);
  await writeFile(join(RESULTS, `${experiment.name}.json`), `${json}\n`);
}

/** Replaces the sections of these experiments; all others stay. */
export async function writeReport(
  file: string,
  { all, reports }: { all: readonly Described[]; reports: readonly Report[] },
): Promise<void> {
  const old = await readFile(file, 'utf8').catch(() => '');
  const sections = all.map(({ name }) => {
    const report = reports.find(({ experiment }) => experiment.name === name);
    return report === undefined ? sectionOf(old, name) : marked(name, section(report));
  });
  await mkdir(dirname(file), { recursive: true });
  await writePictures(
    join(dirname(file), PICTURES),
    reports.flatMap(({ outcome }) => outcome.pictures ?? []),
  );
  await writeFile(file, `${[HEAD, ...sections.filter((text) => text !== '')].join('\n')}`);
}

/** Beside the report. */
const PICTURES = 'pictures';

async function writePictures(folder: string, pictures: readonly Picture[]): Promise<void> {
  if (pictures.length === 0) return;
  await mkdir(folder, { recursive: true });
  for (const { name, svg } of pictures) await writeFile(join(folder, `${name}.svg`), svg);
}

const begin = (name: string): string => `<!-- begin ${name} -->`;
const end = (name: string): string => `<!-- end ${name} -->`;

const marked = (name: string, text: string): string => `${begin(name)}\n${text}\n${end(name)}\n`;

function sectionOf(text: string, name: string): string {
  const from = text.indexOf(begin(name));
  const to = text.indexOf(end(name));
  return from < 0 || to < 0 ? '' : `${text.slice(from, to)}${end(name)}\n`;
}

function section(report: Report): string {
  const { experiment, outcome } = report;
  return [
    `## ${experiment.title}`,
    wrapped(experiment.method),
    ...(outcome.goals.length === 0 ? [] : [table(goalTable(outcome.goals))]),
    ...(outcome.pictures ?? []).map(({ name, alt }) => `![${alt}](${PICTURES}/${name}.svg)`),
    ...outcome.tables.map(table),
    ...(outcome.notes.length === 0
      ? []
      : [outcome.notes.map((note) => wrapped(`- ${note}`, '  ')).join('\n')]),
    provenance(report),
  ].join('\n\n');
}

function goalTable(goals: readonly Goal[]): Table {
  return {
    caption: 'Goals',
    head: ['goal', 'limit', 'measured', ''],
    rows: goals.map(({ what, limit, measured, met }) => [what, limit, measured, met ? 'met' : '**missed**']),
  };
}

function table({ caption, head, rows }: Table): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [`**${caption}**`, '', line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function provenance({ quick, seconds, finishedAt, machine, before, after, outcome }: Report): string {
  const versions = Object.entries(machine.versions).map(([name, version]) => `${name} ${version}`);
  const quiet = ({ medianMs, p90Share, loadAverage }: Quiet): string =>
    `${time(medianMs)} (slowest tenth +${percent(p90Share, 0)}, load average ${loadAverage.toFixed(1)})`;
  const text = [
    `${quick ? 'Quick run' : 'Full run'} of ${finishedAt.toISOString().slice(0, 10)}, ${Math.round(seconds)} s.`,
    `${machine.gpu === undefined ? '' : `${machine.gpu}; `}${machine.processor}, ${machine.cores} cores, ${machine.memory}, ${machine.system}; ${versions.join(', ')}.`,
    `Noise of the machine: the same short computation took ${quiet(before)} before and ${quiet(after)} after.`,
  ].join(' ');
  const commands = outcome.commands.map((command) => `    ${command}`).join('\n');
  return commands === '' ? wrapped(text) : `${wrapped(text)}\n\n${commands}`;
}

const WIDTH = 120;

function wrapped(text: string, indent = ''): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = indent + word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].join('\n');
}
