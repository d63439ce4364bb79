/** What happened to one row of the LMS that did not come over as it is: a line of the report (adoption.md §1). */
export interface Remark {
  readonly table: string
  readonly primaryKey: string
  /** `bent`: it came over, but not as it was. `leftAside`: it did not. */
  readonly what: 'bent' | 'leftAside'
  /** For a person, one line of text. */
  readonly why: string
}

/** What became of the rows of one type. */
export interface TypeCounts {
  created: number
  changed: number
  unchanged: number
  leftAside: number
}

/** What an import is told while it works. */
export interface ImportReport {
  remark(remark: Remark): void
  /** Adds to the counts of a type, which are those of `--json`. */
  count(type: string, counts: Partial<TypeCounts>): void
}

/** How rows are imported. */
export interface ImportMode {
  /** Nothing is written; the counts are those that would be. */
  readonly dryRun: boolean
  /** Whose change wins where both sides have changed a row since the last import. */
  readonly prefer: 'here' | 'lms'
  readonly now: Date
}
