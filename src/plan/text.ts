// The plan in words and figures, for a terminal.

import type { Waits } from './closed-forms.js';
import { duration, figure, percent, quantileName } from './numbers.js';
import { plot } from './plot.js';
import type { Report, SettingReport, Thresholds } from './report.js';

export function textOf(report: Report): string {
  const parts = [headText(report), steadyText(report), dayText(report), settingsText(report), plot(report)];
  return `${parts.join('\n\n')}\n`;
}

function headText({ load, target }: Report): string {
  const { lowestRate, meanRate, peakRate, seconds } = load;
  const rates =
    lowestRate === peakRate
      ? `${figure(peakRate)} arrivals/s`
      : `${figure(lowestRate)} to ${figure(peakRate)} arrivals/s, ${figure(meanRate)} in the mean`;
  return [
    `Load     ${rates}, for ${duration(seconds)}; runs of ${duration(load.runMean)}, cv ${figure(load.runCv)}`,
    `Target   ${percent(target.quantile)} of arrivals wait ${duration(target.wait)} at most`,
  ].join('\n');
}

function steadyText({ steady }: Report): string {
  const rows = steady.map(({ rate, load, replicas, closedForm, busyRatio, waits }) => [
    figure(rate),
    figure(load),
    String(replicas),
    String(closedForm.replicas),
    percent(Number(busyRatio.toFixed(2))),
    ...waitCells(waits),
  ]);
  const heading = ['arrivals/s', 'load', 'replicas', 'M/G/c', 'busy', 'mean wait', 'p50', 'p95', 'p99'];
  return ['If a rate stays', ...table([heading, ...rows])].join('\n');
}

const waitCells = ({ mean, p50, p95, p99 }: Waits): readonly string[] => [mean, p50, p95, p99].map(duration);

function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) => `  ${row.map((cell, column) => cell.padStart(widths[column]!)).join('  ')}`);
}

const SCALERS: Readonly<Record<string, string>> = {
  hpa: 'Over the time, scaled by an HPA or by KEDA',
  ecs: 'Over the time, scaled by ECS target tracking',
  none: 'Over the time, with replicas for the peak',
};

function dayText({ day, target }: Report): string {
  const { replicas, waits } = day;
  const verdict = day.isTargetKept ? 'target kept' : 'TARGET MISSED';
  const cost = day.cost === undefined ? '' : `, cost ${figure(day.cost)}`;
  const [mean, p50, p95, p99] = waitCells(waits);
  return [
    SCALERS[day.scaler]!,
    `  replicas   ${figure(replicas.least)} to ${figure(replicas.most)}, ${figure(replicas.mean)} in the mean, ${percent(Number(day.busyRatio.toFixed(2)))} busy`,
    `  hours      ${figure(day.replicaHours)} replica-hours${cost}; who knows the load ahead needs ${figure(day.oracleReplicaHours)}`,
    `  waits      mean ${mean}, p50 ${p50}, p95 ${p95}, p99 ${p99}`,
    `  refused    ${figure(day.refused)} of ${figure(day.arrivals)}`,
    `  ${verdict}: ${percent(day.withinTarget)} served within ${duration(target.wait)}, ${percent(target.quantile)} asked for`,
  ].join('\n');
}

function settingsText({ settings, target }: Report): string {
  const { hpa, keda, ecs } = settings;
  const name = quantileName(target.quantile);
  return [
    'Targets to set',
    `  HPA    averageValue of ${thresholdsText(hpa.averageValues)}${resultText(hpa, name)}`,
    `  KEDA   threshold of ${thresholdsText(keda.thresholds)}, each of metricType AverageValue`,
    `  ECS    MaxWaitSeconds ${ecs.MaxWaitSeconds}, TargetBusyRatio ${ecs.TargetBusyRatio}${resultText(ecs, name)}`,
  ].join('\n');
}

const thresholdsText = (thresholds: Thresholds): string =>
  Object.entries(thresholds)
    .map(([metric, value]) => `${metric} "${value}"`)
    .join(', ');

function resultText({ replicaHours, isTargetKept, isSearched, days }: SettingReport, name: string): string {
  if (replicaHours === undefined) return '; not simulated';
  const kept = isTargetKept ? `keeps ${name}` : `MISSES ${name}`;
  const when =
    days === 1 ? '' : isTargetKept ? ` on each of ${days} such days` : ` on one of ${days} such days`;
  const mean = days === 1 ? '' : ' in the mean';
  return `\n         ${kept}${when}, with ${figure(replicaHours)} replica-hours${mean}${isSearched ? '' : ', not searched'}`;
}
