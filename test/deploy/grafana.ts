// deploy/grafana: what the dashboards hold is right by Grafana's own schema, and every query of theirs is answered by
// a real Prometheus that scrapes real replicas at work.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { burn } from '../support/burns.js';
import { run } from '../support/programs/command.js';
import { BUILD } from '../support/programs/packages.js';
import { until } from '../support/until.js';
import { type Answer, answersOf, hasData, legendLabels } from './dashboards/answers.js';
import {
  type Dashboard,
  dashboardFiles,
  type Panel,
  queryPanels,
  readDashboards,
} from './dashboards/dashboard.js';
import { askDigits } from './dashboards/digits.js';
import { type Fleet, JOB, SCRAPE_SECONDS, startFleet, startLoad } from './dashboards/fleet.js';
import { overlapping } from './dashboards/layout.js';
import type { Choice, Shown } from './dashboards/variables.js';
import type { Context, Part } from './part.js';

/** Within which a query that is right has data. */
const PATIENCE_MS = 60_000;

/** Of the burns, in iterations: long enough that some wait, and that a queue of six overflows. */
const LONG = 400;

/** The units in use, as Grafana knows them; one that it does not know would be shown as text behind the number. */
const UNITS = new Set(['short', 'none', 's', 'reqps', 'percentunit', 'bytes', 'watt', 'celsius']);

const SELF_MADE_UNIT = /^suffix: [a-z/]+$/;

export const part: Part = {
  name: 'grafana',
  async run(context) {
    const { report, project } = context;
    const dashboards = await readDashboards(project);
    await report.check("dashboards hold nothing that Grafana's own schema does not know", () =>
      checkSchema(project),
    );
    await report.check(
      'each dashboard and each panel can be told apart, and each panel says what it shows',
      () => checkPanels(dashboards),
    );
    await checkAnswers(context, dashboards);
  },
};

/** By the decoder that Grafana Labs generates from the schema; it is strict about fields, types and enumerations. */
async function checkSchema(project: string): Promise<string> {
  const program = join(BUILD, 'go', 'dashboard-schema');
  await run('go', ['build', '-C', join(project, 'test/deploy/dashboards/schema'), '-o', program, '.']);
  const files = await dashboardFiles(project);
  await run(program, files);
  return `${files.length} dashboards`;
}

async function checkPanels(dashboards: readonly Dashboard[]): Promise<string> {
  assert.equal(
    new Set(dashboards.map(({ uid }) => uid)).size,
    dashboards.length,
    'two dashboards share a uid',
  );
  for (const { uid, panels } of dashboards) {
    assert.match(uid, /^[a-z-]{1,40}$/);
    assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length, `two panels of ${uid} share an id`);
    assert.deepEqual(overlapping(panels), [], `panels of ${uid} lie over each other`);
  }
  const panels = dashboards.flatMap(queryPanels);
  panels.forEach(checkPanel);
  return `${panels.length} panels`;
}

function checkPanel(panel: Panel): void {
  assert.ok(panel.title, `panel ${panel.id} has a title`);
  assert.match(panel.description ?? '', /\.$/, `${panel.title} has a description`);
  const unit = panel.fieldConfig?.defaults.unit ?? '';
  assert.ok(UNITS.has(unit) || SELF_MADE_UNIT.test(unit), `${panel.title} has a unit, not "${unit}"`);
  assert.ok((panel.targets ?? []).length > 0, `${panel.title} asks something`);
}

async function checkAnswers(context: Context, dashboards: readonly Dashboard[]): Promise<void> {
  const { report, cleanup } = context;
  const fleet = await startFleet(context);
  const since = Date.now() / 1000;
  const stopLoad = startLoad(fleet.replicas, [
    { count: 16, ask: (replica) => burn(replica, LONG), restMs: 50 },
    { count: 4, ask: askDigits(context.project), restMs: 20 },
  ]);
  cleanup.add(stopLoad);
  await report.check("the dashboards' variables find the job and its replicas", () => checkVariables(fleet));
  await report.check('every query has data, over all jobs and replicas', () =>
    allHaveData(dashboards, fleet, since, { job: [], instance: [] }),
  );
  const choice = { job: [JOB], instance: [hostOf(fleet)] };
  await report.check('every query has data of one job and one replica', () =>
    allHaveData(dashboards, fleet, since, choice),
  );
  await report.check('no query has data of a job that is not there', () =>
    noneHasData(dashboards, fleet, since),
  );
  await stopLoad();
}

const hostOf = ({ replicas }: Fleet): string => new URL(replicas[0]!.adminUrl).host;

/** What `label_values(oneslot_demand, …)` asks of Prometheus. */
async function checkVariables({ prometheus, replicas }: Fleet): Promise<void> {
  const values = async (label: string, match: string) =>
    await prometheus.get<readonly string[]>(`label/${label}/values`, { 'match[]': match });
  await until(async () => (await values('instance', 'oneslot_demand')).length === replicas.length);
  assert.deepEqual(await values('job', 'oneslot_demand'), [JOB]);
  const hosts = replicas.map(({ adminUrl }) => new URL(adminUrl).host);
  assert.deepEqual(await values('instance', `oneslot_demand{job=~"${JOB}"}`), hosts.sort());
}

async function allHaveData(
  dashboards: readonly Dashboard[],
  fleet: Fleet,
  since: number,
  choice: Choice,
): Promise<string> {
  const deadline = Date.now() + PATIENCE_MS;
  let count = 0;
  for (const panel of dashboards.flatMap(queryPanels)) {
    await until(async () => {
      const without = await withoutData(panel, fleet, since, choice);
      if (without.length > 0 && Date.now() > deadline)
        throw new Error(
          `${panel.title} has no data, or not of what was chosen, for ${without.join(' and ')}`,
        );
      return without.length === 0;
    });
    count += panel.targets?.length ?? 0;
  }
  return `${count} queries`;
}

/** The queries of a panel without data, without a label that their legend speaks of, or of a replica not chosen. */
async function withoutData(panel: Panel, fleet: Fleet, since: number, choice: Choice): Promise<string[]> {
  const answers = await answersOf(panel, { prometheus: fleet.prometheus, shown: shownSince(since), choice });
  return answers.filter((answer) => !isRight(answer, choice)).map(({ target }) => target.expr);
}

function isRight(answer: Answer, { instance }: Choice): boolean {
  const names = legendLabels(answer.target);
  const isOfChoice = (labels: Labels) => instance?.length === 0 || isOneOf(labels.instance, instance);
  return (
    hasData(answer) &&
    answer.series.every(({ labels }) => names.every((name) => name in labels) && isOfChoice(labels))
  );
}

type Labels = Readonly<Record<string, string>>;

/** What is summed over replicas has no instance. */
const isOneOf = (instance: string | undefined, chosen: readonly string[] = []): boolean =>
  instance === undefined || chosen.includes(instance);

async function noneHasData(dashboards: readonly Dashboard[], fleet: Fleet, since: number): Promise<void> {
  const choice = { job: ['another.job'], instance: [] };
  for (const panel of dashboards.flatMap(queryPanels)) {
    const asking = { prometheus: fleet.prometheus, shown: shownSince(since), choice };
    for (const answer of await answersOf(panel, asking))
      assert.ok(!hasData(answer), `${answer.target.expr} is about every job`);
  }
}

function shownSince(start: number): Shown {
  return { start, end: Date.now() / 1000, step: SCRAPE_SECONDS, scrapeInterval: SCRAPE_SECONDS };
}
