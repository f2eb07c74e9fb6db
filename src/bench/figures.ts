/** What a benchmark found: figures that were measured in one run, and how one stands to another. */

/** The middle of several measurements, and how far they lie apart. */
export interface Figure {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

export function figure(measurements: readonly number[]): Figure {
  const sorted = [...measurements].sort((a, b) => a - b);
  const at = (index: number) => sorted[index] ?? Number.NaN;
  return { median: at(Math.floor(sorted.length / 2)), least: at(0), most: at(sorted.length - 1) };
}

/** One line of a table. */
export interface Row {
  readonly what: string;
  readonly figure: Figure;
  readonly unit: string;
  /** How many times as much as the row that it is compared with; undefined for that row itself. */
  readonly ratio: number | undefined;
}

export interface Table {
  readonly title: string;
  readonly rows: readonly Row[];
}

/**
 * Measures several things in turn, so that what else the computer does falls on all of them alike.
 *
 * @returns a row for each, compared with the first
 */
export async function inTurn(
  rounds: number,
  unit: string,
  things: Readonly<Record<string, () => Promise<number> | number>>,
): Promise<Row[]> {
  const measurements = new Map<string, number[]>(Object.keys(things).map((what) => [what, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [what, measure] of Object.entries(things)) measurements.get(what)?.push(await measure());
  }
  const figures = [...measurements].map(([what, found]) => ({ what, unit, figure: figure(found) }));
  const first = figures[0]?.figure.median ?? Number.NaN;
  return figures.map((row, index) => ({ ...row, ratio: index === 0 ? undefined : row.figure.median / first }));
}

export function format({ title, rows }: Table): string {
  const cells = rows.map(({ what, figure: { median, least, most }, unit, ratio }) => [
    what,
    `${short(median)} ${unit}`,
    `(${short(least)} to ${short(most)})`,
    ratio === undefined ? '' : `${ratio.toFixed(2)} times the first`,
  ]);
  const widths = [0, 1, 2].map((column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const lines = cells.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return [title, ...lines.map((line) => `  ${line}`), ''].join('\n');
}

function short(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2);
}
