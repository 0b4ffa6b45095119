// Reads the tables of a page of the documentation, so that a test can hold them against the code.

import { readFileSync } from 'node:fs';

export type Row = Readonly<Record<string, string>>;

/** From dist/test/support to the top of the repository. */
const DOCS = new URL('../../../docs/', import.meta.url);

/**
 * All rows of those tables in `docs/PAGE` whose first column is headed `firstColumn`, by column name; backticks are
 * taken off cells.
 */
export function rowsOf(page: string, firstColumn: string): readonly Row[] {
  const rows: Row[] = [];
  let header: readonly string[] | undefined;
  for (const line of readFileSync(new URL(page, DOCS), 'utf8').split('\n')) {
    const cells = cellsOf(line);
    if (cells === undefined) header = undefined;
    else if (header === undefined) header = cells;
    else if (header[0] === firstColumn && !isRule(cells)) rows.push(rowFrom(header, cells));
  }
  return rows;
}

function cellsOf(line: string): readonly string[] | undefined {
  if (!line.startsWith('|')) return undefined;
  return line
    .replace(/^\||\|\s*$/g, '')
    .split('|')
    .map((cell) => cell.trim().replaceAll('`', ''));
}

function isRule(cells: readonly string[]): boolean {
  return cells.every((cell) => /^:?-+:?$/.test(cell));
}

function rowFrom(header: readonly string[], cells: readonly string[]): Row {
  if (cells.length !== header.length)
    throw new Error(`${cells.length} cells under ${header.length}: ${cells}`);
  return Object.fromEntries(header.map((column, index) => [column, cells[index]!]));
}
