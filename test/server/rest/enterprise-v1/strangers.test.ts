import { sql } from 'kysely'
import { afterAll, expect, test } from 'vitest'
import { signUp } from '../../../../core/learner/sign-up.ts'
import { uuidOf } from '../../../enterprise/acme.ts'
import { addCustomer, addLink } from '../../../enterprise/seed.ts'
import { everythingIn } from '../../../enterprise/state.ts'
import { addCourse, addLearner } from '../../../support/seed.ts'
import { headersOf, openEnterpriseApi } from './api.ts'

const api = await openEnterpriseApi()
afterAll(() => api[Symbol.asyncDispose]())
const { db } = api
await sql`alter table learners alter column id restart with 1000001`.execute(db)

const acme = await addCustomer(db)
const course = await addCourse(db)
const admin = await addLearner(db, { username: 'admin' })
await db.insertInto('enterprise_customer_admins').values({ customer_id: acme.id, learner_id: admin.id }).execute()
const stranger = await addLearner(db, { email: 'victim@secret.example' })
const linked = await addLearner(db)
await addLink(db, acme, linked.id)
const gone = await addLearner(db, { email: 'gone@secret.example' })
await addLink(db, acme, gone.id, { is_linked: false })

const row = (user_id: number, more = {}) => ({ user_id, course_run_key: course, license_uuid: uuidOf('L1'), ...more })
const asAdmin = await headersOf(admin)

test.for([
  ['a learner of nobody', stranger.userId, {}],
  ['one who is not linked any more', gone.userId, {}],
  ['a learner of nobody, in a run that does not exist', stranger.userId, { course_run_key: 'course-v1:No+Such+Run' }],
  ['a learner of nobody, with their address', stranger.userId, { email: 'victim@secret.example' }],
  ['nobody', 999_999, {}],
] as const)('to an admin %s is an id that nobody has, and nothing is written', async ([, userId, more]) => {
  const { enterprise_batches: _before, ...before } = await everythingIn(db)
  const { status, json } = await api.enroll(acme, { enrollments_info: [row(userId, more)] }, asAdmin)
  expect([status, json]).toEqual([409, { successes: [], pending: [], failures: [], invalid_user_ids: [userId] }])
  const { enterprise_batches: _after, ...after } = await everythingIn(db)
  expect(after).toEqual(before)
})

test('a learner of the customer is enrolled by the id that is shown', async () => {
  const { status, json } = await api.enroll(acme, { enrollments_info: [row(linked.userId)] }, asAdmin)
  expect([status, json.successes]).toMatchObject([201, [{ user_id: linked.userId, email: linked.email }]])
})

test('to global staff every id means its account, also one that the LMS brought later', async () => {
  await signUp(db, { username: stranger.username, userId: 77_001, email: null, name: '' })
  const { status, json } = await api.enroll(acme, { enrollments_info: [row(77_001, { license_uuid: uuidOf('L2') })] })
  expect([status, json.successes]).toMatchObject([201, [{ user_id: 77_001, email: 'victim@secret.example' }]])
})

test('an enrollment of the customer stays with its learner who gets the id of the LMS', async () => {
  await signUp(db, { username: linked.username, userId: 77_002, email: null, name: '' })
  const { status, json } = await api.enroll(acme, { enrollments_info: [row(77_002)] }, asAdmin)
  expect([status, json.successes]).toMatchObject([201, [{ user_id: 77_002, created: false }]])
})
