/** Who writes the enrollments of a course run: this service, or the LMS that it follows (adoption.md §3). */
export type Owner = 'here' | 'lms'

/** As it is stored; `leaving`: on the way to the LMS, and nobody writes. */
export type StoredOwner = Owner | 'leaving'

/** Whether this service may change the enrollments of a course run. */
export function isOwnedHere({ owner }: { readonly owner: StoredOwner }): boolean {
  return owner === 'here'
}
