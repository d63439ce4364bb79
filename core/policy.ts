import type { FundingSource } from './bulk/sync/funding.ts'
import type { EnrollmentFilter, FilterErrorReporter } from './enrollment/filter.ts'

/** What a site decides about enrollment, for all APIs. Keep one object: only calls with the same policy share batches. */
export interface Policy {
  /** The mode of a request that names none, and the mode of a course that offers none. */
  readonly defaultMode: string
  /** Whether runs with an old `org/course/run` key let nobody in but by invitation. */
  readonly legacyKeysInvitationOnly: boolean
  /** The site's own rules about who is added, asked in this order. */
  readonly filters?: readonly EnrollmentFilter[] | undefined
  /** Called when a filter fails; the command that it failed on is refused. */
  readonly onFilterError?: FilterErrorReporter | undefined
  /** Who else answers for enrollments, so that a roster does not remove them (bulk.md §3). */
  readonly funding?: readonly FundingSource[] | undefined
}

export const defaultPolicy: Policy = { defaultMode: 'audit', legacyKeysInvitationOnly: false }
