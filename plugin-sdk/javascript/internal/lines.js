// Where a line of the bundle comes from. The build appends the table to the bundle.

/** The global that holds the table: `{ sources, runs }`, see lineOf. */
const TABLE = "__chancery_lines";

/**
 * `file:line` of a line of the bundle. Undefined for lines of the SDK, and of nobody; the line's number where there
 * is no table.
 *
 * A run `[line, source, sourceLine]` begins at a line of the bundle and goes on line by line until the next one. Its
 * source is an index, -1 for lines that the author did not write.
 */
export function lineOf(line) {
  const table = globalThis[TABLE];
  if (table === undefined) return `line ${line}`;
  let run;
  for (const candidate of table.runs) {
    if (candidate[0] > line) break;
    run = candidate;
  }
  if (run === undefined || run[1] < 0) return undefined;
  return `${table.sources[run[1]]}:${run[2] + line - run[0]}`;
}
