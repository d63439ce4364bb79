/**
 * Reads the fields of an object in a body and keeps what is wrong with each. The house provides it, with the texts of the
 * framework of the original; what is wrong has something harmless in its place.
 */
export interface FieldReader {
  /** A required text, trimmed and not blank. */
  text(field: string): string
  /** The same of a field that may be absent; undefined then. */
  givenText(field: string, options?: { readonly maxLength?: number }): string | undefined
  /** False unless it is given. */
  flag(field: string): boolean
  /** A whole number; undefined where it is absent. */
  wholeNumber(field: string): number | undefined
  /** A number within bounds that are included; undefined where it is absent. */
  decimal(
    field: string,
    bounds: { readonly min: number; readonly max: number; readonly maxPlaces: number },
  ): number | undefined
  /** A list of objects, each with a reader of its own; none where it is absent. */
  objects<T>(field: string, read: (fields: FieldReader) => T): T[]
  /** Reports what is wrong with all fields together, where nothing has been reported before. */
  reportOverall(text: string): void
  /** Ends the request, with all reports, if there are any. */
  refuseErrors(): void
}
