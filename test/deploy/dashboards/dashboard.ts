// A Grafana dashboard's file, as far as the tests and the pictures read it.

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface Target {
  readonly refId: string;
  readonly expr: string;
  readonly legendFormat?: string;
  readonly format?: 'table' | 'heatmap';
  /** One moment and not a range. */
  readonly instant?: boolean;
}

export interface Step {
  readonly color: string;
  /** Null for the lowest. */
  readonly value: number | null;
}

export type Mapping =
  | { readonly type: 'value'; readonly options: Readonly<Record<string, { text: string; color: string }>> }
  | { readonly type: 'special'; readonly options: { match: string; result: { text: string } } };

/** How a field is shown; an override's properties are the same by their paths (`custom.stacking`). */
export interface Field {
  readonly unit?: string;
  readonly decimals?: number;
  readonly min?: number;
  readonly max?: number;
  readonly noValue?: string;
  readonly mappings?: readonly Mapping[];
  readonly thresholds?: { readonly steps: readonly Step[] };
  readonly custom?: {
    readonly stacking?: object;
    readonly drawStyle?: string;
    readonly fillOpacity?: number;
    readonly thresholdsStyle?: object;
    readonly scaleDistribution?: { readonly type: string };
  };
}

export interface Override {
  readonly matcher: { readonly id: string; readonly options: string };
  readonly properties: readonly { readonly id: string; readonly value: unknown }[];
}

export interface GridPosition {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

/** What `organize` does to a table's columns. */
export interface Columns {
  readonly renameByName: Readonly<Record<string, string>>;
  readonly indexByName: Readonly<Record<string, number>>;
}

export interface Panel {
  readonly id: number;
  readonly type: 'row' | 'stat' | 'timeseries' | 'heatmap' | 'table' | 'state-timeline';
  readonly title: string;
  readonly description?: string;
  readonly gridPos: GridPosition;
  readonly targets?: readonly Target[];
  readonly fieldConfig?: { readonly defaults: Field; readonly overrides: readonly Override[] };
  readonly options?: { readonly legend?: { readonly placement?: 'bottom' | 'right' } };
  readonly transformations?: readonly { readonly id: string; readonly options: Partial<Columns> }[];
}

export interface Variable {
  readonly name: string;
  readonly type: 'datasource' | 'query';
  /** As Grafana shows it; of a query variable, `label_values(selector, label)`. */
  readonly definition?: string;
}

export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly templating: { readonly list: readonly Variable[] };
  readonly panels: readonly Panel[];
}

export const dashboardFolder = (project: string): string => join(project, 'deploy/grafana/dashboards');

/** The paths of all dashboards, in the order of their names. */
export async function dashboardFiles(project: string): Promise<readonly string[]> {
  const folder = dashboardFolder(project);
  return (await readdir(folder)).sort().map((name) => join(folder, name));
}

export async function readDashboards(project: string): Promise<readonly Dashboard[]> {
  const files = await dashboardFiles(project);
  return await Promise.all(files.map(async (file) => JSON.parse(await readFile(file, 'utf8')) as Dashboard));
}

/** The panels that ask something: all but the rows' titles. */
export function queryPanels({ panels }: Dashboard): readonly Panel[] {
  return panels.filter(({ type }) => type !== 'row');
}
