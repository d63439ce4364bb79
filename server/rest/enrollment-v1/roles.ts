import { rolesOf } from '../../../core/access/roles/roles.ts'
import { isDatabaseUnavailable } from '../../../core/database/failure.ts'
import { message, type ViewResponse } from '../django/response.ts'
import { keyOrAccount } from '../auth/rights.ts'
import type { View, ViewRequest } from '../view.ts'

/** R7, `roles/`: what the caller is, in which course runs and organisations (rest-v1 §3.6). */
export const rolesView: View = {
  name: 'Enrollment User Roles',
  authenticates: true,
  givesCsrfCookie: true,
  permits: keyOrAccount,
  throttling: 'always',
  methods: { GET: readRoles },
}

async function readRoles(request: ViewRequest): Promise<ViewResponse> {
  const { account, username } = request.rights
  // An API key alone is nobody, who has no roles to look up.
  if (account === null) return notRetrieved(username)
  try {
    return await listRoles(request, account.id)
  } catch (error) {
    if (isDatabaseUnavailable(error)) throw error
    request.log.error({ err: error }, 'roles not read')
    return notRetrieved(username)
  }
}

async function listRoles({ db, query, rights }: ViewRequest, learnerId: number): Promise<ViewResponse> {
  const roles = (await rolesOf(db, learnerId)).map(({ org, courseId, role }) => ({
    org,
    // Python's text for "no course"; a role without an organisation has neither (lms.md B.2).
    course_id: courseId ?? (org === '' ? '' : 'None'),
    role,
  }))
  const courseId = query.get('course_id') ?? ''
  const listed = courseId === '' ? roles : roles.filter((role) => role.course_id === courseId)
  return { status: 200, body: { roles: listed, is_staff: rights.isGlobalStaff } }
}

/** The quote that is missing at its end is missing in the original too. */
function notRetrieved(username: string): ViewResponse {
  return message(400, `An error occurred while retrieving roles for user '${username}`)
}
