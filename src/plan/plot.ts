// The day in a terminal: replicas as bars, the load on them as dots, and below them the waits.

import { clockTime, duration, figure, quantileName, roundUp } from './numbers.js';
import type { Report } from './report.js';
import type { Moment } from './simulate.js';

const COLUMNS = 72;
const ROWS = 10;
const LABEL = 7;
const BARS = ' ▁▂▃▄▅▆▇█';
const LOAD = '•';

/** Eighty columns wide at most. */
export function plot(report: Report): string {
  const columns = columnsOf(report.timeline);
  const loads = columns.map(({ rate }) => rate * report.load.runMean);
  const top = roundUp(Math.max(...columns.map(({ replicas }) => replicas), ...loads));
  const rows = Array.from({ length: ROWS }, (_, index) => row(columns, loads, top, ROWS - 1 - index));
  return [
    `replicas (bars), and how many the arrivals keep busy (${LOAD})`,
    ...rows.map((text, index) => `${axisLabel(index, top)}┤${text}`.trimEnd()),
    `${' '.repeat(LABEL)}└${'─'.repeat(columns.length)}`,
    `${' '.repeat(LABEL + 1)}${hours(report.load.seconds, columns.length)}`,
    ...waitLines(columns, report),
  ].join('\n');
}

/** As many as fit, neighbours put together. */
function columnsOf(timeline: readonly Moment[]): readonly Moment[] {
  const size = Math.ceil(timeline.length / COLUMNS);
  const count = Math.ceil(timeline.length / size);
  return Array.from({ length: count }, (_, index) =>
    together(timeline.slice(index * size, (index + 1) * size)),
  );
}

function together(moments: readonly Moment[]): Moment {
  const mean = (value: (moment: Moment) => number): number =>
    moments.reduce((sum, each) => sum + value(each), 0) / moments.length;
  return {
    from: moments[0]!.from,
    rate: mean(({ rate }) => rate),
    replicas: mean(({ replicas }) => replicas),
    wait: Math.max(...moments.map(({ wait }) => wait)),
    refused: moments.reduce((sum, { refused }) => sum + refused, 0),
  };
}

function row(columns: readonly Moment[], loads: readonly number[], top: number, level: number): string {
  const cell = ({ replicas }: Moment, index: number): string => {
    const loadLevel = Math.min(Math.floor((loads[index]! / top) * ROWS), ROWS - 1);
    return loadLevel === level ? LOAD : bar((replicas / top) * ROWS - level);
  };
  return columns.map(cell).join('');
}

/** Filled from below; what is there at all shows. */
function bar(height: number): string {
  const eighths = Math.round(8 * Math.min(Math.max(height, 0), 1));
  return BARS[eighths === 0 && height > 0 ? 1 : eighths]!;
}

const axisLabel = (index: number, top: number): string => {
  const isShown = index % (ROWS / 2) === 0;
  return (isShown ? figure((top * (ROWS - index)) / ROWS) : '').padStart(LABEL);
};

function hours(seconds: number, width: number): string {
  const step = width / 6;
  return Array.from({ length: 6 }, (_, index) => clockTime((index * seconds) / 6).padEnd(step))
    .join('')
    .trimEnd();
}

function waitLines(columns: readonly Moment[], { target }: Report): readonly string[] {
  const longest = Math.max(...columns.map(({ wait }) => wait));
  const over = columns.filter(({ wait }) => wait > target.wait).length;
  const bars = columns.map(({ wait }) => bar(wait / Math.max(longest, target.wait))).join('');
  const name = `${quantileName(target.quantile)} wait`;
  const share = `over ${duration(target.wait)} in ${over} of ${columns.length} columns`;
  return [`${name}, at most ${duration(longest)}; ${share}`, `${' '.repeat(LABEL)}┤${bars}`.trimEnd()];
}
