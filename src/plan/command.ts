// The subcommand `oneslot plan`: options in, a plan out.

import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { setupOf } from './inputs.js';
import { OPTION_GROUPS, type Parsed } from './options.js';
import { makePlan } from './plan.js';
import { reportOf } from './report.js';
import { svgOf } from './svg.js';
import { textOf } from './text.js';

const NOTES = `
Finds the fewest replicas that keep the goal at the lowest, the mean and the highest rate; searches for the highest
autoscaler target, which is the cheapest, that keeps it all the time; and shows that time. It simulates every request;
the column M/G/c is Allen and Cunneen's formula beside it. The same options and seed give the same plan. Days of more
than a million arrivals are played once, without searching.

Examples:
  oneslot plan --rate 2/s --run 10s --wait 30s
  oneslot plan --profile day.csv --burst 12:00+10m=5/s --run 4s --run-cv 0.5 --price 1.2
  oneslot plan --rate 30/min --run-histogram http://localhost:8080/metrics --model burn --svg plan.svg`;

/** Adds `plan` to the program. */
export function addPlanCommand(program: Command): void {
  const command = program
    .command('plan')
    .description('Say how many replicas a load needs, and what to tell their autoscaler');
  for (const [heading, options] of Object.entries(OPTION_GROUPS)) {
    for (const each of options) command.addOption(each.helpGroup(heading));
  }
  command
    .addHelpText('after', NOTES)
    .action((parsed: Parsed) =>
      plan(parsed).catch((error: Error) => command.error(`error: ${error.message}`)),
    );
}

async function plan(parsed: Parsed): Promise<void> {
  const report = reportOf(makePlan(await setupOf(parsed)));
  if (parsed.svg !== undefined) await writeFile(parsed.svg, svgOf(report));
  process.stdout.write(parsed.json ? `${JSON.stringify(report, undefined, 2)}\n` : textOf(report));
}
