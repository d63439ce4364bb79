import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { createTestDatabase } from '../support/database.ts'
import { counting } from '../support/counting.ts'
import { addCourse, addLearners, type SeededLearner } from '../support/seed.ts'
import { addEnrollment, enrollmentInWords } from '../support/world.ts'
import { callerOf } from './calls.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const { enrollment } = callerOf(db)

let courseId: string
let learners: SeededLearner[]
beforeEach(async () => {
  courseId = await addCourse(db, { modes: ['verified', ['masters', '2020-01-01T00:00:00Z']] })
  learners = await addLearners(db, 3)
  for (const { id } of learners) await addEnrollment(db, id, courseId, { mode: 'masters' })
})

describe('changeMany', () => {
  test('changes only what is asked, also where the default mode is not offered', async () => {
    const items = [
      { ...pairOf(0), isActive: false, ref: 'one' },
      { ...pairOf(1, 'username'), mode: 'verified' },
      { ...pairOf(2, 'email'), mode: 'audit' },
    ]
    const { counts, results } = await enrollment.changeMany({ items })
    expect(counts).toEqual({ deactivated: 1, modeChanged: 1, modeUnavailable: 1 })
    expect(results[0]).toMatchObject({ ref: 'one', ok: true, outcome: { before: { mode: 'masters', isActive: true } } })
    expect(await inWords()).toEqual(['inactive masters', 'active verified', 'active masters'])
  })

  test('adds nobody, whom enrollMany would add', async () => {
    const [stranger] = await addLearners(db, 1)
    const item = { userId: String(stranger?.id), courseId, isActive: false }
    expect(await enrollment.changeMany({ items: [item] })).toMatchObject({ counts: { notEnrolled: 1 } })
    const adding = { ...item, whenEnrolled: 'update' as const, mode: 'verified' }
    expect(await enrollment.enrollMany({ items: [adding] })).toMatchObject({ counts: { created: 1 } })
  })

  test('of one enrollment twice sees itself; an expected version counts', async () => {
    const one = pairOf(0)
    const items = [
      { ...one, isActive: false, expectedVersion: 1 },
      { ...one, isActive: true, expectedVersion: 2 },
      { ...one, isActive: false, expectedVersion: 2 },
    ]
    const { results } = await enrollment.changeMany({ items })
    expect(results.map((result) => (result.ok ? result.outcome.kind : result.error.code))).toEqual([
      'deactivated',
      'reactivated',
      'versionConflict',
    ])
  })

  test('takes a batch back as enrollMany does', async () => {
    const items = [0, 1, 2].map((index) => ({ ...pairOf(index), isActive: false }))
    expect(await enrollment.changeMany({ items, dryRun: true })).toMatchObject({ status: 'planned' })
    const failing = [...items, { userId: '999999999', courseId, isActive: false }]
    expect(await enrollment.changeMany({ items: failing, failureMode: 'strict' })).toMatchObject({
      status: 'rolledBack',
      counts: { notAttempted: 3, learnerNotFound: 1 },
    })
    expect(await inWords()).toEqual(learners.map(() => 'active masters'))
  })

  test('has idempotency keys of its own', async () => {
    const idempotencyKey = 'the key'
    await enrollment.enrollMany({ items: [pairOf(1)], idempotencyKey })
    const change = { items: [{ ...pairOf(0), isActive: false }], idempotencyKey }
    expect(await enrollment.changeMany(change)).toMatchObject({ status: 'applied', counts: { deactivated: 1 } })
    expect(await enrollment.changeMany(change)).toMatchObject({ status: 'replayed', counts: { deactivated: 1 } })
  })
})

describe('getMany', () => {
  test('answers in the order of the question; null: there is none', async () => {
    const [one, other, last] = [pairOf(0, 'email'), pairOf(1, 'username'), pairOf(2)]
    await enrollment.changeMany({ items: [{ ...other, isActive: false }] })
    const asked = [
      last,
      { userId: '999999999', courseId },
      other,
      { ...one, courseId: 'no key' },
      { ...one, courseId: await addCourse(db) },
      one,
      last,
    ]
    const found = await enrollment.getMany({ enrollments: asked })
    const single = await Promise.all([last, other, one].map((pair) => enrollment.get(pair)))
    expect(found).toEqual([single[0], null, single[1], null, null, single[2], single[0]])
    expect(found[2]).toMatchObject({ isActive: false, version: 2 })
  })

  test('is one statement, in a transaction too', async () => {
    const enrollments = [pairOf(0), pairOf(1, 'email'), pairOf(2, 'username')]
    const counted = counting(db)
    await counted.db.transaction().execute((trx) => callerOf(trx).enrollment.getMany({ enrollments }))
    expect(counted.statements()).toBe(1)
  })
})

/** The enrollment of a learner, who is named in some way. */
function pairOf(index: number, name: 'userId' | 'username' | 'email' = 'userId') {
  const { id, username, email } = learners[index] ?? { id: 0, username: '', email: '' }
  const names = { userId: { userId: String(id) }, username: { username }, email: { email: email.toUpperCase() } }
  return { ...names[name], courseId }
}

function inWords() {
  return Promise.all(learners.map(({ id }) => enrollmentInWords(db, id, courseId)))
}
