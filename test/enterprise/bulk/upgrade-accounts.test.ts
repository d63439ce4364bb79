import { afterAll, describe, expect, test } from 'vitest'
import { enrollLearners } from '../../../enterprise/enroll-learners.ts'
import { createCaller } from '../../../routers/index.ts'
import { counting } from '../../support/counting.ts'
import { observed } from '../../support/observed.ts'
import { addCourse, addLearner, addLearners } from '../../support/seed.ts'
import { addEnrollment, enrollmentInWords } from '../../support/world.ts'
import { contextOf, done, enroll, kindsOf, NOW, refused, type RowRequest } from '../calls.ts'
import { addCustomer, createEnterpriseDatabase } from '../seed.ts'
import { recordOf } from '../state.ts'

const database = await createEnterpriseDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const customer = await addCustomer(db)
const upgrade = { whenEnrolled: 'upgrade', source: 'api' } as const

describe('a row that only upgrades', () => {
  test('enrolls who has no enrollment, and says how the record came', async () => {
    const { id } = await addLearner(db)
    const courseId = await addCourse(db)
    const row = await done(db, customer, { userId: String(id), courseId, mode: 'audit', ...upgrade })
    expect([row.kind, row.created]).toEqual(['created', true])
    expect(await recordOf(db, customer, id, courseId)).toMatchObject({ source: 'api' })
  })

  test('is checked as any other where there is none', async () => {
    const { id } = await addLearner(db)
    const courseId = await addCourse(db, { max_enrollments: 0 })
    const row = await refused(db, customer, { userId: String(id), courseId, mode: 'audit', ...upgrade })
    expect(row.code).toBe('courseFull')
  })

  test('beside one that updates: each by its own rule', async () => {
    const learners = await addLearners(db, 2)
    const courseId = await addCourse(db)
    for (const { id } of learners) await addEnrollment(db, id, courseId, { mode: 'verified' })
    const [first, second] = learners.map(({ id }) => ({ userId: String(id), courseId, mode: 'audit' }))
    if (!first || !second) throw new Error('Two learners were asked for')
    const answer = await enroll(db, customer, [first, { ...second, ...upgrade }])
    expect(kindsOf(answer)).toEqual(['modeChanged', 'modeDowngrade'])
  })

  test('lowers nobody who gets the mode while it runs', async () => {
    const { id } = await addLearner(db)
    const courseId = await addCourse(db)
    await addEnrollment(db, id, courseId, { mode: 'audit', is_active: false })
    const rest = createCaller({ db, actor: { kind: 'service', name: 'shop' }, now: () => NOW })
    // Somebody pays after the row was decided, and before it is written.
    const meanwhile = interrupted('enrollment.getMany', () =>
      rest.enrollment.enroll({ userId: String(id), courseId, mode: 'verified', whenEnrolled: 'update' }),
    )
    const { rows } = await enrollLearners(contextOf(meanwhile), {
      customer: customer.uuid,
      rows: [{ userId: String(id), courseId, mode: 'audit', ...upgrade }],
    })
    expect(rows[0]).toMatchObject({ ok: false, code: 'versionConflict', retryable: true })
    expect(await enrollmentInWords(db, id, courseId)).toBe('active verified')
  })

  test('nor who gets the enrollment while it runs', async () => {
    const { id } = await addLearner(db)
    const courseId = await addCourse(db)
    const rest = createCaller({ db, actor: { kind: 'service', name: 'shop' }, now: () => NOW })
    const meanwhile = interrupted('enrollment.getMany', () =>
      rest.enrollment.enroll({ userId: String(id), courseId, mode: 'verified' }),
    )
    const { rows } = await enrollLearners(contextOf(meanwhile), {
      customer: customer.uuid,
      rows: [{ userId: String(id), courseId, mode: 'audit', ...upgrade }],
    })
    expect(rows[0]).toMatchObject({ ok: false, code: 'conflict', retryable: true })
    expect(await enrollmentInWords(db, id, courseId)).toBe('active verified')
    expect(await recordOf(db, customer, id, courseId)).toBeNull()
  })

  test('takes as many statements for 500 as for 10', async () => {
    const counts = []
    for (const size of [10, 500]) {
      const counted = counting(db)
      await enrollLearners(contextOf(counted.db), { customer: customer.uuid, rows: await mixed(size) })
      counts.push(counted.statements())
    }
    expect(counts[1]).toBe(counts[0])
  })
})

/** The database, in which something happens right after the first statement with a name. */
function interrupted(statement: string, work: () => Promise<unknown>) {
  let isOver = false
  return observed(db, async (text) => {
    if (isOver || !text.includes(statement)) return
    isOver = true
    await work()
  })
}

/** Rows of those who are not enrolled, who can be raised, and who stay. */
async function mixed(size: number): Promise<RowRequest[]> {
  const learners = await addLearners(db, size)
  const courseId = await addCourse(db)
  for (const [index, { id }] of learners.entries()) {
    if (index % 3 > 0) await addEnrollment(db, id, courseId, { mode: index % 3 === 1 ? 'audit' : 'verified' })
  }
  return learners.map(({ id }) => ({ userId: String(id), courseId, mode: 'verified', ...upgrade }))
}
