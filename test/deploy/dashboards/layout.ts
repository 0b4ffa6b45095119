// Where panels lie on Grafana's grid of 24 columns.

import type { GridPosition, Panel } from './dashboard.js';

const COLUMNS = 24;

/** The titles of those panels that lie over another one, or beyond the last column. */
export function overlapping(panels: readonly Panel[]): readonly string[] {
  const bad = panels.filter(
    ({ gridPos }, index) =>
      gridPos.x + gridPos.w > COLUMNS || panels.slice(0, index).some((other) => meet(gridPos, other.gridPos)),
  );
  return bad.map(({ title }) => title);
}

function meet(a: GridPosition, b: GridPosition): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}
