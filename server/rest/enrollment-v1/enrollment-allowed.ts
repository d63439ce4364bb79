import type { Kysely } from 'kysely'
import { allow, disallow, listAllowances, type Allowance } from '../../../core/course/allowance.ts'
import type { CourseKey } from '../../../core/course/key.ts'
import { isOwnedByLms } from '../../../core/course/runs-by-owner.ts'
import type { DB } from '../../../core/database/schema.ts'
import { requireObject } from '../django/body.ts'
import { readAutoEnroll, readInvitation } from './enrollment-allowed-fields.ts'
import { message, ownedByLms, Refusal, type ViewResponse } from '../django/response.ts'
import { globalStaff } from '../auth/rights.ts'
import type { View, ViewRequest } from '../view.ts'

/** R8, `enrollment_allowed/`: who may enroll although a course run would not let them in (rest-v1 §3.8). */
export const allowancesView: View = {
  name: 'Enrollment Allowed',
  authenticates: true,
  session: 'active',
  permits: globalStaff,
  throttling: 'always',
  methods: { GET: list, POST: create, DELETE: remove },
}

async function list({ db, query, rights }: ViewRequest): Promise<ViewResponse> {
  const email = query.get('email') || (rights.account?.email ?? '')
  const allowances = await listAllowances(db, email)
  return { status: 200, body: allowances.map(renderAllowance) }
}

async function create({ db, body, now }: ViewRequest): Promise<ViewResponse> {
  const fields = requireObject(body)
  const { email, courseId, key } = readInvitation(fields)
  await requireOwnedHere(db, key)
  const allowance = await allow(db, { email, courseId: key.stored, autoEnroll: readAutoEnroll(fields), now })
  if (allowance !== null) return { status: 201, body: renderAllowance(allowance) }
  return message(409, `An enrollment allowed with email ${email} and course ${courseId} already exists.`)
}

async function remove({ db, body }: ViewRequest): Promise<ViewResponse> {
  const { email, courseId, key } = readInvitation(requireObject(body))
  await requireOwnedHere(db, key)
  if (await disallow(db, { email, courseId: key.stored })) return { status: 204 }
  return message(404, `An enrollment allowed with email ${email} and course ${courseId} doesn't exists.`)
}

/** Who may enroll in a course run of the LMS is written there as well (adoption.md §3). */
async function requireOwnedHere(db: Kysely<DB>, { stored, text }: CourseKey): Promise<void> {
  if (await isOwnedByLms(db, stored)) throw new Refusal(ownedByLms(text))
}

function renderAllowance({ email, courseId, autoEnroll, created, claimedBy }: Allowance) {
  return { email, course_id: courseId, auto_enroll: autoEnroll, created, user: claimedBy }
}
