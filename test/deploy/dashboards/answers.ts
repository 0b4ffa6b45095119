// What a real Prometheus answers to the queries of a panel.

import type { Prometheus, PrometheusSeries } from '../../support/programs/prometheus.js';
import type { Panel, Target } from './dashboard.js';
import { type Choice, type Shown, substitute } from './variables.js';

export interface Answer {
  readonly target: Target;
  /** One point each, of an instant query. */
  readonly series: readonly PrometheusSeries[];
}

export interface Asking {
  readonly prometheus: Prometheus;
  readonly shown: Shown;
  readonly choice: Choice;
}

export async function answersOf(panel: Panel, asking: Asking): Promise<readonly Answer[]> {
  const answers: Answer[] = [];
  for (const target of panel.targets ?? []) answers.push({ target, series: await ask(target, asking) });
  return answers;
}

async function ask(target: Target, asking: Asking): Promise<readonly PrometheusSeries[]> {
  const { prometheus, shown, choice } = asking;
  const query = substitute(target.expr, shown, choice);
  if (target.instant !== true) return await prometheus.queryRange(query, shown);
  const samples = await prometheus.query(query, shown.end);
  return samples.map(({ labels, value }) => ({ labels, points: [[shown.end, value]] }));
}

/** Whether any point is a number: a quantile of nothing is none. */
export function hasData({ series }: Answer): boolean {
  return series.some(({ points }) => points.some(([, value]) => Number.isFinite(value)));
}

/** The name of a series, as its legend has it. */
export function legendOf({ legendFormat = '' }: Target, { labels }: PrometheusSeries): string {
  return legendFormat.replaceAll(/\{\{(\w+)\}\}/g, (_match, label: string) => labels[label] ?? '');
}

/** The labels that a legend speaks of. */
export function legendLabels({ legendFormat = '' }: Target): readonly string[] {
  return [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label!);
}
