/** An enrollment of which this service and the LMS do not say the same. */
export interface Difference {
  /** The stored key of the course run. */
  readonly courseId: string
  /** Of the learner. */
  readonly username: string
  /** For a person: what differs, e.g. `only in the LMS` or `mode: audit here, verified there`. */
  readonly what: string
}

/** Compares the enrollments of course runs with those of the LMS, as both are now. */
export type DifferencesOf = (courseIds: readonly string[]) => Promise<readonly Difference[]>

/** Those of the course runs that have no difference. */
export function withoutDifferences(courseIds: readonly string[], differences: readonly Difference[]): string[] {
  const differing = new Set(differences.map(({ courseId }) => courseId))
  return courseIds.filter((courseId) => !differing.has(courseId))
}
