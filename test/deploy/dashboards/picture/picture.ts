// A whole dashboard as one SVG: its panels where Grafana's grid has them.

import { type Answer, type Asking, answersOf } from '../answers.js';
import type { Dashboard, Panel } from '../dashboard.js';
import type { Shown } from '../variables.js';
import { heatMap } from './heat-map.js';
import { stat } from './stat.js';
import { stateTimeline } from './state-timeline.js';
import { type Box, element, FAINT, INK, shorten, text } from './svg.js';
import { table } from './table.js';
import { timeSeries } from './time-series.js';

const COLUMN = 52;
const UNIT = 30;
const MARGIN = 16;
const HEAD = 66;
const GAP = 8;

const DRAW: Readonly<
  Record<string, (panel: Panel, answers: readonly Answer[], box: Box, shown: Shown) => string>
> = { stat, timeseries: timeSeries, heatmap: heatMap, table, 'state-timeline': stateTimeline };

export async function picture(dashboard: Dashboard, asking: Asking): Promise<string> {
  const width = 24 * COLUMN + 2 * MARGIN;
  const height =
    Math.max(...dashboard.panels.map(({ gridPos }) => gridPos.y + gridPos.h)) * UNIT + HEAD + MARGIN;
  const parts: string[] = [];
  for (const panel of dashboard.panels)
    parts.push(panel.type === 'row' ? row(panel) : card(panel, await answersOf(panel, asking), asking.shown));
  const title = text(MARGIN, 32, dashboard.title, { 'font-size': 20, 'font-weight': 600 });
  const description = text(MARGIN, 54, dashboard.description, { 'font-size': 13, fill: FAINT });
  const name = element('title', {}, dashboard.title);
  const ground = element('rect', { width, height, fill: '#f4f5f5' });
  const attributes = {
    xmlns: 'http://www.w3.org/2000/svg',
    viewBox: `0 0 ${width} ${height}`,
    width,
    height,
    'font-family': 'system-ui, "DejaVu Sans", sans-serif',
  };
  return `${element('svg', attributes, [name, ground, title, description, ...parts].join('\n'))}\n`;
}

function boxOf({ gridPos: { x, y, w, h } }: Panel): Box {
  return { x: MARGIN + x * COLUMN, y: HEAD + y * UNIT, width: w * COLUMN - GAP, height: h * UNIT - GAP };
}

function row(panel: Panel): string {
  const { x, y } = boxOf(panel);
  return text(x, y + 16, panel.title, { 'font-size': 15, 'font-weight': 600, fill: INK });
}

function card(panel: Panel, answers: readonly Answer[], shown: Shown): string {
  const box = boxOf(panel);
  const ground = element('rect', { ...box, rx: 3, fill: '#ffffff', stroke: '#dcdee0' });
  const title = text(box.x + 10, box.y + 20, shorten(panel.title, box.width - 20, 13), {
    'font-size': 13,
    'font-weight': 600,
  });
  const inside = { ...box, y: box.y + 28, height: box.height - 32 };
  return ground + title + DRAW[panel.type]!(panel, answers, inside, shown);
}
