import { afterAll, describe, expect, test } from 'vitest'
import { enrollLearners } from '../../../enterprise/enroll-learners.ts'
import { addCourse, addLearner, addLearners, addRole } from '../../support/seed.ts'
import { addEnrollment } from '../../support/world.ts'
import { contextOf, done, enroll, PAST, refused } from '../calls.ts'
import { addCustomer, createEnterpriseDatabase } from '../seed.ts'

const database = await createEnterpriseDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const customer = await addCustomer(db)

describe('the audit', () => {
  test('keeps once for a request who asked for what, and why', async () => {
    const courseId = await addCourse(db)
    const rows = (await addLearners(db, 1200)).map(({ id }) => ({ userId: String(id), courseId }))
    const request = { customer: customer.uuid, rows, reason: 'spring', salesforceId: '00Q' }
    const { batchId } = await enrollLearners(contextOf(db, { requestId: 'request-1' }), request)
    expect(await batches(batchId)).toEqual([
      {
        customer_id: customer.id,
        actor_kind: 'user',
        actor_name: 'admin',
        request_id: 'request-1',
        reason: 'spring',
        salesforce_id: '00Q',
        row_count: 1200,
        at: '2026-03-01T12:00:00Z',
      },
    ])
  })

  test('keeps nothing of a request that came to nothing', async () => {
    const { batchId } = await enroll(db, customer, [{ userId: '999999999', courseId: await addCourse(db) }])
    expect(await batches(batchId)).toEqual([])
  })

  test('keeps that force opened a course run, and only where it did', async () => {
    const [closed, open] = [await addCourse(db, { invitation_only: true }), await addCourse(db)]
    const [ann, bob] = [await addLearner(db), await addLearner(db)]
    await addEnrollment(db, bob.id, closed, { is_active: false })
    const rows = [ann, bob].flatMap(({ id }) =>
      [open, closed].map((courseId) => ({ userId: String(id), courseId, force: true })),
    )
    const { batchId, rows: outcomes } = await enroll(db, customer, rows)
    const enrollmentId = outcomes[1]?.ok === true ? outcomes[1].enrollmentId : null
    expect(await overrides(batchId)).toEqual([
      { row_index: 1, enrollment_id: enrollmentId, kind: 'force', because: 'invitationOnly' },
    ])
  })

  test('keeps who came back beyond the last seat, in the order of the rows', async () => {
    const courseId = await addCourse(db, { max_enrollments: 3, enrollment_end: PAST })
    const learners = await addLearners(db, 5)
    for (const { id } of learners) await addEnrollment(db, id, courseId, { is_active: false, mode: 'verified' })
    const teacher = await addLearner(db)
    await addRole(db, teacher, 'instructor', courseId)
    await addEnrollment(db, teacher.id, courseId)
    const rows = learners.map(({ id }) => ({ userId: String(id), courseId }))
    const { batchId, rows: outcomes } = await enroll(db, customer, rows)
    expect(outcomes.map((row) => row.ok && row.overCapacity === true)).toEqual([false, false, false, true, true])
    expect((await overrides(batchId)).map((row) => [row.row_index, row.kind])).toEqual([
      [3, 'overCapacity'],
      [4, 'overCapacity'],
    ])
  })

  test('sees the seats that another request takes at the same time', async () => {
    const courseId = await addCourse(db, { max_enrollments: 1 })
    const learners = await addLearners(db, 6)
    for (const { id } of learners) await addEnrollment(db, id, courseId, { is_active: false, mode: 'verified' })
    const rows = await Promise.all(learners.map(({ id }) => done(db, customer, { userId: String(id), courseId })))
    expect(rows.filter((row) => row.overCapacity !== true)).toHaveLength(1)
  })
})

describe('those who are to be told', () => {
  test('are the enrolled and the invited of a request that says so, each once', async () => {
    const courseId = await addCourse(db)
    const [ann, bob, cat] = [await addLearner(db), await addLearner(db), await addLearner(db)]
    await addEnrollment(db, bob.id, courseId, { mode: 'verified' })
    await addEnrollment(db, cat.id, courseId, { is_active: false })
    const rows = [
      { email: 'New@example.com', courseId },
      ...[ann, bob, cat, ann].map(({ id }) => ({ userId: String(id), courseId })),
      { email: 'new@example.com', courseId },
    ]
    const { batchId } = await enroll(db, customer, rows, { notify: true })
    expect(await told(batchId)).toEqual([
      { learner_id: null, email: 'new@example.com', course_key: courseId },
      { learner_id: ann.id, email: null, course_key: courseId },
      { learner_id: cat.id, email: null, course_key: courseId },
    ])
  })

  test('are nobody where the request does not say so, or nothing comes of a row', async () => {
    const courseId = await addCourse(db)
    const silent = await enroll(db, customer, [{ userId: String((await addLearner(db)).id), courseId }])
    expect(await told(silent.batchId)).toEqual([])
    const before = await db.selectFrom('enterprise_notification_intents').select('id').execute()
    await refused(db, customer, { userId: '999999999', courseId }, { notify: true })
    expect(await db.selectFrom('enterprise_notification_intents').select('id').execute()).toEqual(before)
  })
})

function batches(id: string) {
  return db
    .selectFrom('enterprise_batches')
    .select(['customer_id', 'actor_kind', 'actor_name', 'request_id', 'reason', 'salesforce_id', 'row_count', 'at'])
    .where('id', '=', id)
    .execute()
}

function overrides(batchId: string) {
  return db
    .selectFrom('enterprise_overrides')
    .select(['row_index', 'enrollment_id', 'kind', 'because'])
    .where('batch_id', '=', batchId)
    .orderBy('id')
    .execute()
}

function told(batchId: string) {
  return db
    .selectFrom('enterprise_notification_intents')
    .select(['learner_id', 'email', 'course_key'])
    .where('batch_id', '=', batchId)
    .orderBy('id')
    .execute()
}
