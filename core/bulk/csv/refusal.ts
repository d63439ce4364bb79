/** A file of which nothing is read: its job ends `failed` before anything is done (bulk.md §2), with the error `invalidFile`. */
export class CsvRefusal extends Error {
  override readonly name = 'CsvRefusal'
  readonly problem: string
  /** Where that was seen; null: in no line. */
  readonly line: number | null

  constructor(problem: string, line: number | null = null) {
    super(line === null ? problem : `Line ${line}: ${problem}`)
    this.problem = problem
    this.line = line
  }
}
