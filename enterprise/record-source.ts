/** How a record says that it came, with the slug of edx-enterprise for each (lms.md A.6). */
export const SOURCE_SLUGS = {
  customerAdmin: 'customer_admin',
  learner: 'enrollment_url',
  // Recorded by a request that named no funding.
  api: 'enterprise_api',
  // These only come with an import.
  manual: 'manual',
  offerRedemption: 'offer_redemption',
  enrollmentTask: 'enrollment_task',
  managementCommand: 'management_command',
} as const

export type RecordSource = keyof typeof SOURCE_SLUGS

export const RECORD_SOURCES = Object.keys(SOURCE_SLUGS) as RecordSource[] // Its declared keys.

const bySlug = new Map<string, RecordSource>(
  RECORD_SOURCES.flatMap((source) => [
    [source, source],
    [SOURCE_SLUGS[source], source],
  ]),
)

/** The source that a name of ours or a slug of edx-enterprise stands for; undefined: none. */
export function recordSourceOf(name: string): RecordSource | undefined {
  return bySlug.get(name)
}
