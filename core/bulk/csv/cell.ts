/** What a spreadsheet would run when a cell begins with it (bulk.md §2). */
const RUNS = new Set(['=', '+', '-', '@', '\t'])

/** A cell as no spreadsheet runs it. */
export function neutralise(cell: string): string {
  return RUNS.has(cell.charAt(0)) ? `'${cell}` : cell
}

/** The cell that {@link neutralise} was given: a leading `'` is dropped before what a spreadsheet would run, and only there. */
export function restore(cell: string): string {
  return cell.charAt(0) === "'" && RUNS.has(cell.charAt(1)) ? cell.slice(1) : cell
}
