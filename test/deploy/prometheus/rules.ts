// promtool on what deploy/prometheus/ ships; and that its tests miss no rule, and its alerts tell what to do.

import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../support/programs/command.js';
import type { Context } from '../part.js';

const RULES = 'oneslot.rules.yml';
const ALERTS = 'oneslot.alerts.yml';

/** Where the links of the alerts lead to, when OWNER is set. */
const RUNBOOKS = 'https://github.com/OWNER/oneslot/blob/main/docs/runbooks.md#';

/** An alert of the file, with what is written in it. */
interface Alert {
  readonly name: string;
  readonly text: string;
}

export async function checkRules({ report, project }: Context): Promise<void> {
  const shipped = join(project, 'deploy/prometheus');
  const tests = await testFiles(shipped);
  const alerts = readAlerts(await readFile(join(shipped, ALERTS), 'utf8'));
  await report.check('promtool accepts the rules and the alerts', () =>
    run('promtool', ['check', 'rules', '--lint-fatal', join(shipped, RULES), join(shipped, ALERTS)]).then(
      inShort,
    ),
  );
  await report.check('promtool accepts the scrape configurations', () => checkConfigurations(shipped));
  await report.check('promtool’s tests of the rules and alerts pass', () =>
    run('promtool', ['test', 'rules', ...tests]).then(() => `${tests.length} files`),
  );
  await report.check(
    'every alert has a severity, a summary, a description and its own page in the runbooks',
    () => checkWords(alerts, join(project, 'docs/runbooks.md')),
  );
  await report.check('every recording rule has a case that holds its result', async () =>
    checkResults(await readFile(join(shipped, RULES), 'utf8'), tests),
  );
  await report.check('every alert has a case that fires and one that stays silent', () =>
    checkCases(alerts, tests),
  );
}

const inShort = (output: string): string => output.match(/\d+ rules found/g)!.join(', ');

async function testFiles(shipped: string): Promise<string[]> {
  const names = (await readdir(join(shipped, 'tests'))).filter((name) => name.endsWith('.test.yml'));
  return names.map((name) => join(shipped, 'tests', name));
}

async function checkConfigurations(shipped: string): Promise<string> {
  const names = ['prometheus.yml', 'prometheus-ecs.yml'];
  for (const name of names) await run('promtool', ['check', 'config', '--lint-fatal', join(shipped, name)]);
  return names.join(', ');
}

/** Each begins with its name and ends where the next one does. */
function readAlerts(file: string): readonly Alert[] {
  const parts = file.split(/^ +- alert: /m).slice(1);
  return parts.map((text) => ({ name: text.split('\n', 1)[0]!, text }));
}

async function checkWords(alerts: readonly Alert[], page: string): Promise<string> {
  const headings = [...(await readFile(page, 'utf8')).matchAll(/^## (.+)$/gm)].map(([, heading]) => heading!);
  const anchors = headings.map((heading) => heading.toLowerCase().replaceAll(' ', '-'));
  for (const { name, text } of alerts) {
    for (const word of ['summary', 'description']) assert.match(text, new RegExp(`${word}: .{10,}`), name);
    assert.match(text, /severity: (critical|warning)\n/, name);
    const link = /runbook_url: (\S+)/.exec(text)?.[1] ?? '';
    assert.ok(link.startsWith(RUNBOOKS), `${name}: ${link}`);
    assert.ok(anchors.includes(link.slice(RUNBOOKS.length)), `${name}: ${page} has no ${link}`);
  }
  return `${alerts.length} alerts`;
}

async function checkResults(rules: string, files: readonly string[]): Promise<string> {
  const tests = await readAll(files);
  const names = [...rules.matchAll(/ - record: (\S+)/g)].map(([, name]) => name!);
  const asked = [...tests.matchAll(/ - expr: (.+)$/gm)].map(([, expr]) => expr!);
  const unproved = names.filter((name) => !asked.some((expr) => expr.includes(name)));
  assert.deepEqual(unproved, []);
  return `${names.length} rules`;
}

async function checkCases(alerts: readonly Alert[], files: readonly string[]): Promise<void> {
  const tests = await readAll(files);
  const cases = [...tests.matchAll(/alertname: (\w+),?\s+exp_alerts:( \[\])?/g)];
  const of = (name: string) =>
    cases.filter(([, alert]) => alert === name).map(([, , silent]) => silent !== undefined);
  const unproved = alerts.filter(({ name }) => !of(name).includes(true) || !of(name).includes(false));
  assert.deepEqual(
    unproved.map(({ name }) => name),
    [],
  );
}

async function readAll(files: readonly string[]): Promise<string> {
  return (await Promise.all(files.map((file) => readFile(file, 'utf8')))).join('\n');
}
