// What an extension builds with beside the caller: transactions that join, retries, keys, lines of the import format.
export { joinCohorts } from '../core/course/cohort.ts'
export type { FundingSource } from '../core/bulk/sync/funding.ts'
export { parseCourseKey, type CourseKey } from '../core/course/key.ts'
export { adoptDatabase, type AdoptedDatabase, type RunOptions } from '../core/database/adopt.ts'
export { workAroundHeld, type DoneAroundHeld } from '../core/database/around-held.ts'
export type { Cancellation } from '../core/database/deadline.ts'
export { isDatabaseUnavailable } from '../core/database/failure.ts'
export { migrateExtension, type ExtensionMigrations } from '../core/database/migrate.ts'
export { LOST_RACE, retryOnSerializationFailure, type LostRace } from '../core/database/retry.ts'
export { inTransaction, withSavepoint, type SavepointResult } from '../core/database/transaction.ts'
export { enrollmentOfPair } from '../core/enrollment/pair-lookup.ts'
export { failure } from '../core/errors.ts'
export { cursorOf, positionOf } from '../core/event/cursor.ts'
export { pythonIsoFormat } from '../core/event/openedx.ts'
export { withIdempotencyKey, type KeyedAnswer, type KeyUse } from '../core/idempotency/key.ts'
export { foldEmail, isEmailAddress } from '../core/learner/email-address.ts'
export { learnerLookup } from '../core/learner/ref.ts'
export {
  lockLearners,
  resolveLearners as findLearners,
  type LearnerNames,
  type ResolvedLearners,
} from '../core/learner/resolve.ts'
export { isStorableText, storableText } from '../core/text.ts'
export * as importFormat from '../core/import-export/index.ts'
