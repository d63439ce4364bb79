import { retireEnrollments, type Retirement } from '../../../core/learner/retirement.ts'
import { requireObject } from '../django/body.ts'
import { message, type ViewResponse } from '../django/response.ts'
import type { View, ViewRequest } from '../view.ts'

/** R6, `unenroll/`: ends all enrollments of a learner who wants to be forgotten (rest-v1 §3.5). */
export function unenrollView(retirementServiceUsername: string): View {
  return {
    name: 'Unenrollment',
    authenticates: true,
    session: 'active',
    permits: ({ username, isSuperuser }) => username === retirementServiceUsername || isSuperuser,
    throttling: 'never',
    methods: { POST: unenroll },
  }
}

async function unenroll(request: ViewRequest): Promise<ViewResponse> {
  const body = requireObject(request.body)
  const { username } = body
  if (username === undefined) return { status: 404, body: 'Username not specified.' }
  if (username !== null && typeof username !== 'string') return message(400, 'username must be text.')
  const by = { metadata: request.metadata, policy: request.policy }
  const outcome = await retireEnrollments(request.db, username ?? '', by)
  // The retirement asks the LMS as well.
  if ('ownedByLms' in outcome && outcome.ownedByLms.length > 0) {
    request.log.info({ courseIds: outcome.ownedByLms }, 'unenrollment left course runs of the LMS out')
  }
  if (outcome.kind === 'unenrolled') return { status: 200, body: outcome.orgs }
  if (outcome.kind === 'nothingActive') return { status: 204 }
  if (outcome.kind === 'notWorkable') return { status: 500, body: notWorkable(outcome.retirement) }
  return { status: 404, body: 'No retirement request status for username.' }
}

/** The text of the original, with an instant in Python's spelling. */
function notWorkable({ userId, state: { name, step }, updated }: Retirement): string {
  const instant = updated.replace('T', ' ').replace('Z', '+00:00')
  const status = `User: ${userId} State: ${name} (step ${step}) Last Updated: ${instant}`
  return `${status} is in ${name}, not a valid state to perform retirement actions on.`
}
