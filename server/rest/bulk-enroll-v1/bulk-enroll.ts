import { enrollManually } from '../../../core/manual-enrollment/enroll.ts'
import type { ManualResult, LearnerState } from '../../../core/manual-enrollment/request.ts'
import type { ViewResponse } from '../django/response.ts'
import { requireObject } from '../django/body.ts'
import { readBulkEnrollment, type BulkEnrollment } from './fields.ts'
import { globalStaff } from '../auth/rights.ts'
import type { View, ViewRequest } from '../view.ts'

/** R9, `bulk_enroll`: enrolls or unenrolls many people in many course runs at once (rest-v1 §3.9). */
export const bulkEnrollView: View = {
  name: 'Bulk Enroll',
  authenticates: true,
  session: 'nobody',
  bearerMustBeActive: true,
  permits: globalStaff,
  methods: { POST: bulkEnroll },
}

async function bulkEnroll(request: ViewRequest): Promise<ViewResponse> {
  const { account } = request.rights
  if (account === null) throw new Error('Global staff has an account')
  const { db, body, metadata, policy } = request
  const requested = await readBulkEnrollment(db, requireObject(body))
  const results = await enrollManually(db, requested, { actorId: account.id, metadata, policy })
  reportFailures(request, results.flat())
  return { status: 200, body: renderBulkEnrollment(requested, results) }
}

/** The client is not told why. */
function reportFailures({ log }: ViewRequest, results: readonly ManualResult[]): void {
  const failed = results.filter((result) => result.kind === 'failed')
  const counts = Map.groupBy(failed, ({ because }) => because)
  for (const [because, { length }] of counts) log.info({ because, count: length }, 'bulk enrollment left people out')
}

function renderBulkEnrollment(
  { action, autoEnroll, emailStudents, courses }: BulkEnrollment,
  results: ManualResult[][],
) {
  const ofCourses = courses.map(({ key }, index) => [
    key.text,
    { action, auto_enroll: autoEnroll, results: (results[index] ?? []).map(renderResult) },
  ])
  return {
    auto_enroll: autoEnroll,
    email_students: emailStudents,
    action,
    // Of a course that is named twice the later one counts, as in the original.
    courses: Object.fromEntries(ofCourses),
  }
}

function renderResult(result: ManualResult) {
  const { identifier } = result
  if (result.kind === 'failed') return { identifier, error: true }
  if (result.kind === 'invalidIdentifier') return { identifier, invalidIdentifier: true }
  return { identifier, before: renderState(result.before), after: renderState(result.after) }
}

function renderState({ hasAccount, isEnrolled, isAllowed, autoEnroll, cohort }: LearnerState) {
  const state = { user: hasAccount, enrollment: isEnrolled, allowed: isAllowed, auto_enroll: autoEnroll }
  return cohort === undefined ? state : { ...state, cohort }
}
