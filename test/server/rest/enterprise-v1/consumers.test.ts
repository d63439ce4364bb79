import { afterAll, describe, expect, test } from 'vitest'
import { addCourse, addLearner, addLearners } from '../../../support/seed.ts'
import { enrollmentInWords } from '../../../support/world.ts'
import { uuidOf } from '../../../enterprise/acme.ts'
import { PAST } from '../../../enterprise/calls.ts'
import { addCustomer } from '../../../enterprise/seed.ts'
import { recordOf } from '../../../enterprise/state.ts'
import { headersOf, openEnterpriseApi } from './api.ts'

// What the services that are known to call the route send, and what they rely on (enterprise C.10).

const api = await openEnterpriseApi()
afterAll(() => api[Symbol.asyncDispose]())
const { db } = api

const acme = await addCustomer(db)
const worker = async (username: string) => headersOf(await addLearner(db, { username, is_staff: true }))

describe('license-manager', async () => {
  const headers = await worker('license_manager_worker')
  const courses = await Promise.all(Array.from({ length: 25 }, () => addCourse(db)))
  const row = (email: string, course: string) => ({
    email,
    course_run_key: course,
    license_uuid: uuidOf(email.toLowerCase()),
  })
  const success = (person: { id: number; email: string }, course: string, created: boolean) => ({
    user_id: person.id,
    email: person.email,
    course_run_key: course,
    created,
    activation_link: null,
    enterprise_fulfillment_source_uuid: expect.stringMatching(/^[0-9a-f-]{36}$/),
  })

  test('enrolls 25 learners in 25 course runs with one request, and may repeat it', async () => {
    const learners = await addLearners(db, 25)
    const rows = learners.flatMap(({ email }) => courses.map((course) => row(email, course)))
    const body = { licenses_info: rows, notify: true }
    const first = await api.enroll(acme, body, headers)
    const pairs = learners.flatMap((learner) => courses.map((course) => [learner, course] as const))
    expect([first.status, first.json]).toEqual([
      201,
      { successes: pairs.map(([learner, course]) => success(learner, course, true)), pending: [], failures: [] },
    ])
    const again = await api.enroll(acme, body, headers)
    expect([again.status, again.json]).toEqual([
      201,
      { successes: pairs.map(([learner, course]) => success(learner, course, false)), pending: [], failures: [] },
    ])
    expect(fulfilmentsOf(again.json)).toEqual(fulfilmentsOf(first.json))
    expect(await told(learners)).toBe(625)
  })

  test('has the three lists whatever the status, and only the fields that it knows', async () => {
    const [course = ''] = courses
    const learner = await addLearner(db)
    const closed = await addCourse(db, { enrollment_end: PAST })
    const good = success(learner, course, true)
    const pending = { email: 'new@example.com', course_run_key: course, created: true, activation_link: null }
    const send = (...rows: object[]) => api.enroll(acme, { licenses_info: rows, notify: false }, headers)

    const created = await send(row(learner.email, course))
    expect([created.status, created.json]).toEqual([201, { successes: [good], pending: [], failures: [] }])
    const accepted = await send(row(learner.email, course), row('New@example.com', course))
    expect([accepted.status, accepted.json]).toEqual([
      202,
      { successes: [{ ...good, created: false }], pending: [pending], failures: [] },
    ])
    const conflict = await send(
      row(learner.email, closed),
      row(learner.email, course),
      row('new@example.com', course),
      row('Nobody', course),
      row('Nobody', closed),
    )
    expect([conflict.status, conflict.json]).toEqual([
      409,
      {
        successes: [{ ...good, created: false }],
        pending: [{ ...pending, created: false }],
        failures: [{ user_id: learner.id, email: learner.email, course_run_key: closed }],
        invalid_email_addresses: ['Nobody'],
      },
    ])
    for (const { headers: sent } of [created, accepted, conflict]) expect(sent['content-type']).toBe('application/json')
  })
})

describe('enterprise-subsidy', async () => {
  const headers = await worker('enterprise_subsidy_worker')
  const send = (row: object) => api.enroll(acme, { enrollments_info: [row] }, headers)

  test('redeems one transaction and is given its fulfilment, the same when it asks again', async () => {
    const [learner, course] = [await addLearner(db), await addCourse(db)]
    const row = { user_id: learner.id, course_run_key: course, transaction_id: uuidOf('T1') }
    const { status, json } = await send(row)
    expect(status).toBe(201)
    const record = await recordOf(db, acme, learner.id, course)
    expect(json).toEqual({
      successes: [
        {
          user_id: learner.id,
          email: learner.email,
          course_run_key: course,
          created: true,
          activation_link: null,
          enterprise_fulfillment_source_uuid: record?.fulfilments[0]?.uuid,
        },
      ],
      pending: [],
      failures: [],
    })
    const again = await send({ ...row, is_default_auto_enrollment: false })
    expect([again.status, fulfilmentsOf(again.json)]).toEqual([201, fulfilmentsOf(json)])
  })

  test('is let into a course run that is closed with force, and told to roll back without', async () => {
    const [learner, course] = [await addLearner(db), await addCourse(db, { enrollment_end: PAST })]
    const row = { user_id: learner.id, course_run_key: course, transaction_id: uuidOf('T2') }
    const refused = await send({ ...row, force_enrollment: false })
    expect([refused.status, refused.json]).toEqual([
      409,
      {
        successes: [],
        pending: [],
        failures: [{ user_id: learner.id, email: learner.email, course_run_key: course }],
      },
    ])
    expect(await recordOf(db, acme, learner.id, course)).toBe(null)
    const forced = await send({ ...row, force_enrollment: true })
    expect([forced.status, forced.json.successes.length]).toEqual([201, 1])
    expect(await enrollmentInWords(db, learner.id, course)).toBe('active verified')
  })

  test('is told of a learner who does not exist', async () => {
    const row = { user_id: 999_999_999, course_run_key: await addCourse(db), transaction_id: uuidOf('T3') }
    const { status, text } = await send(row)
    expect([status, text]).toEqual([409, '{"successes":[],"pending":[],"failures":[],"invalid_user_ids":[999999999]}'])
  })
})

describe('enterprise-access', async () => {
  const headers = await worker('enterprise_access_worker')

  test('enrolls one learner in all default course runs, which are kept as such', async () => {
    const learner = await addLearner(db)
    const courses = [await addCourse(db), await addCourse(db), await addCourse(db)]
    const [first = '', second = ''] = courses
    await db
      .insertInto('enterprise_default_intentions')
      .values([first, second].map((course) => ({ customer_id: acme.id, course_key: course })))
      .execute()
    const rows = courses.map((course) => ({
      user_id: learner.id,
      license_uuid: uuidOf('L1'),
      course_run_key: course,
      is_default_auto_enrollment: true,
    }))
    const { status, json } = await api.enroll(acme, { enrollments_info: rows }, headers)
    expect(status).toBeLessThan(400)
    expect(json.failures).toEqual([])
    expect(json.successes).toMatchObject(courses.map((course) => ({ course_run_key: course, created: true })))
    const realized = await db
      .selectFrom('enterprise_default_realizations as z')
      .innerJoin('enterprise_default_intentions as d', 'd.id', 'z.intention_id')
      .innerJoin('enterprise_enrollment_records as r', 'r.id', 'z.record_id')
      .innerJoin('enterprise_learner_links as k', 'k.id', 'r.link_id')
      .select('d.course_key')
      .where('k.learner_id', '=', learner.id)
      .orderBy('d.id')
      .execute()
    expect(realized.map((row) => row.course_key)).toEqual([first, second])
  })

  test('is told with the status that one of them failed, although the others are kept', async () => {
    const [learner, open] = [await addLearner(db), await addCourse(db)]
    const full = await addCourse(db, { max_enrollments: 0 })
    const row = { user_id: learner.id, license_uuid: uuidOf('L1'), is_default_auto_enrollment: true }
    const rows = [full, open].map((course) => ({ ...row, course_run_key: course }))
    const { status, json } = await api.enroll(acme, { enrollments_info: rows }, headers)
    expect(status).toBe(409)
    expect(json.failures).toEqual([{ user_id: learner.id, email: learner.email, course_run_key: full }])
    expect(json.successes).toHaveLength(1)
    expect(await enrollmentInWords(db, learner.id, open)).toBe('active verified')
  })

  test('is refused an empty list, which it sends when nothing applies', async () => {
    expect((await api.enroll(acme, { enrollments_info: [] }, headers)).status).toBe(400)
  })
})

function fulfilmentsOf({ successes }: { successes: { enterprise_fulfillment_source_uuid: string }[] }): string[] {
  return successes.map((entry) => entry.enterprise_fulfillment_source_uuid)
}

async function told(learners: readonly { id: number }[]): Promise<number> {
  const intents = await db
    .selectFrom('enterprise_notification_intents')
    .select('id')
    .where(
      'learner_id',
      'in',
      learners.map(({ id }) => id),
    )
    .execute()
  return intents.length
}
