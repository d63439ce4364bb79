import { enrollManually } from '../../../core/manual-enrollment/enroll.ts'
import type { ManualResult, LearnerState } from '../../../core/manual-enrollment/request.ts'
import type { Answer } from '../django/answer.ts'
import { readBulkEnrollment, type BulkEnrollment } from './bulk-enroll-fields.ts'
import { readBody } from './post-enrollment/fields.ts'
import { globalStaff } from '../auth/rights.ts'
import { metadataOf } from './call-metadata.ts'
import type { View, ViewRequest } from '../django/view.ts'

/** R9, `bulk_enroll`: enrolls or unenrolls many people in many course runs at once (rest-v1 §3.9). */
export const bulkEnrollView: View = {
  name: 'Bulk Enroll',
  authenticates: true,
  session: 'nobody',
  bearerMustBeActive: true,
  permits: globalStaff,
  methods: { POST: bulkEnroll },
}

async function bulkEnroll(request: ViewRequest): Promise<Answer> {
  const { account } = request.rights
  if (account === null) throw new Error('Global staff has an account')
  const wish = await readBulkEnrollment(request.db, readBody(request.body))
  const metadata = metadataOf(request)
  const results = await enrollManually(request.db, wish, { actorId: account.id, metadata, policy: request.policy })
  reportFailures(request, results.flat())
  return { status: 200, body: wireAnswer(wish, results) }
}

/** The client is not told why. */
function reportFailures({ log }: ViewRequest, results: readonly ManualResult[]): void {
  const failed = results.filter((result) => result.kind === 'failed')
  const counts = Map.groupBy(failed, ({ because }) => because)
  for (const [because, { length }] of counts) log.info({ because, count: length }, 'bulk enrollment left people out')
}

function wireAnswer({ action, autoEnroll, emailStudents, courses }: BulkEnrollment, results: ManualResult[][]) {
  const ofCourses = courses.map(({ key }, index) => [
    key.text,
    { action, auto_enroll: autoEnroll, results: (results[index] ?? []).map(wireResult) },
  ])
  return {
    auto_enroll: autoEnroll,
    email_students: emailStudents,
    action,
    // Of a course that is named twice the later answer counts, as in the original.
    courses: Object.fromEntries(ofCourses),
  }
}

function wireResult(result: ManualResult) {
  const { identifier } = result
  if (result.kind === 'failed') return { identifier, error: true }
  if (result.kind === 'invalidIdentifier') return { identifier, invalidIdentifier: true }
  return { identifier, before: wireStanding(result.before), after: wireStanding(result.after) }
}

function wireStanding({ hasAccount, isEnrolled, isAllowed, autoEnroll, cohort }: LearnerState) {
  const state = { user: hasAccount, enrollment: isEnrolled, allowed: isAllowed, auto_enroll: autoEnroll }
  return cohort === undefined ? state : { ...state, cohort }
}
