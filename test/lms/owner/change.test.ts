// slow: waits for what is to agree
import { afterAll, describe, expect, test } from 'vitest'
import { changeAsAgreed } from '../../../lms/owner/change.ts'
import type { Difference } from '../../../lms/owner/differences.ts'
import { createCaller } from '../../../routers/index.ts'
import { createTestDatabase } from '../../support/database.ts'
import { addCourse, addLearner } from '../../support/seed.ts'

const database = await createTestDatabase()
const { db } = database
afterAll(() => database[Symbol.asyncDispose]())

const { enrollment } = createCaller({ db, actor: { kind: 'service', name: 'tests' } })

/** A comparison that answers one thing after another, and the last for ever. */
function comparing(...answers: (readonly Difference[])[]) {
  const asked: (readonly string[])[] = []
  const differencesOf = (courseIds: readonly string[]) => {
    asked.push(courseIds)
    return Promise.resolve(answers[Math.min(asked.length, answers.length) - 1] ?? [])
  }
  return { asked, differencesOf }
}

describe.each([
  ['here', 'lms'],
  ['lms', 'here'],
] as const)('from %s to %s', (from, to) => {
  test('changes what agrees, and names what does not', async () => {
    const [equal, differing] = [await addCourse(db, { owner: from }), await addCourse(db, { owner: from })]
    const difference = { courseId: differing, username: 'ada', what: 'only here' }
    const { differencesOf } = comparing([difference])
    const change = await changeAsAgreed(db, [equal, differing], to, { differencesOf, waitMs: 0 })
    expect(change).toMatchObject({ changed: [equal], differences: [difference], inUse: null })
    expect([await ownerOf(equal), await ownerOf(differing)]).toEqual([to, from])
  })

  test('waits until they agree', async () => {
    const courseId = await addCourse(db, { owner: from })
    const difference = { courseId, username: 'ada', what: 'only here' }
    let isOver = false
    const differencesOf = () => Promise.resolve(isOver ? [] : [difference])
    setTimeout(() => (isOver = true), 600)
    const change = await changeAsAgreed(db, [courseId], to, { differencesOf, waitMs: 10_000 })
    expect(change).toMatchObject({ changed: [courseId], differences: [] })
    expect(await ownerOf(courseId)).toBe(to)
  })

  test('needs no comparison where there is no LMS any more', async () => {
    const courseId = await addCourse(db, { owner: from })
    const change = await changeAsAgreed(db, [courseId], to, { differencesOf: null, waitMs: 0 })
    expect(change).toEqual({ changed: [courseId], differences: [], late: [], inUse: null })
  })
})

test('what the LMS did at the last moment is named, what was done here since is not', async () => {
  const courseId = await addCourse(db, { owner: 'lms' })
  const [ours, theirs] = [await addLearner(db), await addLearner(db)]
  const late = [ours, theirs].map(({ username }) => ({ courseId, username, what: 'only there' }))
  let count = 0
  const differencesOf = async () => {
    count += 1
    if (count === 1) return []
    await enrollment.enroll({ username: ours.username, courseId })
    return late
  }
  const change = await changeAsAgreed(db, [courseId], 'here', { differencesOf, waitMs: 0 })
  expect(change).toMatchObject({ changed: [courseId], late: [late[1]] })
})

test('a moment is enough for what is on its way to the LMS', async () => {
  const courseId = await addCourse(db)
  const { differencesOf, asked } = comparing([{ courseId, username: 'ada', what: 'only here' }], [])
  expect(await changeAsAgreed(db, [courseId], 'lms', { differencesOf, waitMs: 0 })).toMatchObject({
    changed: [courseId],
  })
  expect(asked).toEqual([[courseId], [courseId]])
})

async function ownerOf(courseId: string): Promise<string> {
  const row = await db
    .selectFrom('courses')
    .select('owner')
    .where('course_key', '=', courseId)
    .executeTakeFirstOrThrow()
  return row.owner
}
