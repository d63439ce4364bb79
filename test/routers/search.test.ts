import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTestDatabase } from '../support/database.ts'
import { addCourse, addLearner, addLearners } from '../support/seed.ts'
import { callerOf, refusalOf } from './calls.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const { enrollment } = callerOf(db)

describe('filters', () => {
  const names = { ann: '', bea: '', art: '', zoo: '' }

  beforeAll(async () => {
    names.ann = (await addLearner(db, { email: 'Ann@Example.org' })).username
    names.bea = (await addLearner(db)).username
    names.art = await addCourse(db)
    names.zoo = await addCourse(db)
    const rows = [
      { username: names.ann, courseId: names.art, day: 1 },
      { username: names.ann, courseId: names.zoo, day: 2, mode: 'verified' },
      { username: names.bea, courseId: names.art, day: 3, isActive: false },
      { username: names.bea, courseId: names.zoo, day: 4 },
    ]
    for (const { day, ...row } of rows) {
      await callerOf(db, { now: () => new Date(Date.UTC(2026, 0, day)) }).enrollment.enroll(row)
    }
  })

  type Filter = () => Parameters<typeof enrollment.search>[0]
  test.each<[string, Filter, string[]]>([
    ['none: all, newest first, inactive ones too', () => ({}), ['bea zoo', 'bea art', 'ann zoo', 'ann art']],
    ['course runs', () => ({ courseIds: [names.art] }), ['bea art', 'ann art']],
    ['a course run by a key with a branch', () => ({ courseIds: [`${names.art}+branch@x`] }), ['bea art', 'ann art']],
    ['usernames, exactly', () => ({ usernames: [names.ann, names.bea.toUpperCase()] }), ['ann zoo', 'ann art']],
    ['e-mail addresses in any case', () => ({ emails: [' ANN@example.ORG', 'no@body'] }), ['ann zoo', 'ann art']],
    ['modes', () => ({ modes: ['verified', 'masters'] }), ['ann zoo']],
    ['active', () => ({ isActive: true }), ['bea zoo', 'ann zoo', 'ann art']],
    ['inactive', () => ({ isActive: false }), ['bea art']],
    [
      'changed since an instant, which counts',
      () => ({ changedSince: '2026-01-03T00:00:00Z' }),
      ['bea zoo', 'bea art'],
    ],
    ['changed since, in another zone', () => ({ changedSince: '2026-01-04T02:00:00+01:00' }), []],
    ['all of them together', () => ({ courseIds: [names.zoo], usernames: [names.ann], isActive: true }), ['ann zoo']],
    ['an empty list: nothing', () => ({ usernames: [] }), []],
    ['names that nobody has', () => ({ courseIds: ['course-v1:No+Such+Course'] }), []],
  ])('by %s', async (_, filter, expected) => {
    const { items, nextCursor } = await enrollment.search(filter())
    const short = Object.fromEntries(Object.entries(names).map(([name, text]) => [text, name]))
    expect(items.map((item) => `${short[item.username]} ${short[item.courseId]}`)).toEqual(expected)
    expect(nextCursor).toBeNull()
  })

  test('a text that is no course key is refused', async () => {
    expect(await refusalOf(enrollment.search({ courseIds: [names.art, 'no key'] }))).toEqual({
      trpc: 'BAD_REQUEST',
      code: 'invalidCourseKey',
      details: { courseId: 'no key' },
    })
  })

  test('an enrollment found is the one that get shows', async () => {
    const { items } = await enrollment.search({ modes: ['verified'] })
    expect(items).toEqual([await enrollment.get({ username: names.ann, courseId: names.zoo })])
  })
})

describe('pages', () => {
  test('show each enrollment once, while others are inserted, changed and backdated', async () => {
    const courseId = await addCourse(db)
    const learners = (await addLearners(db, 45)).map(({ username }) => username)
    // Three instants only: most rows share theirs with others, so that only the id tells them apart.
    for (const [index, username] of learners.slice(0, 30).entries()) {
      await enrollAt(username, courseId, new Date(Date.UTC(2026, 1, 1 + (index % 3))))
    }
    const seen: string[] = []
    let cursor: string | undefined
    for (let page = 0; page < 10; page += 1) {
      const { items, nextCursor } = await enrollment.search({ courseIds: [courseId], limit: 4, cursor })
      seen.push(...items.map(({ username }) => username))
      if (nextCursor === null) break
      cursor = nextCursor
      await enrollAt(learners[30 + page] ?? '', courseId, new Date(Date.UTC(2026, page % 2 === 0 ? 6 : 0, 1)))
      await enrollment.change({ username: learners[page] ?? '', courseId, isActive: false })
    }
    const inserted = seen.filter((username) => learners.indexOf(username) >= 30)
    expect(seen.filter((username) => !inserted.includes(username)).toSorted()).toEqual(learners.slice(0, 30).toSorted())
    expect(new Set(inserted).size).toBe(inserted.length)
  })

  test('are newest first, by id where the instant is the same, and as long as was asked', async () => {
    const courseId = await addCourse(db)
    for (const { username } of await addLearners(db, 5)) await enrollAt(username, courseId, new Date(Date.UTC(2026, 3)))
    const { items } = await enrollment.search({ courseIds: [courseId] })
    const ids = items.map(({ id }) => Number(id))
    expect(ids).toEqual(ids.toSorted((a, b) => b - a))
    const first = await enrollment.search({ courseIds: [courseId], limit: 3 })
    expect(first.items).toEqual(items.slice(0, 3))
    const second = await enrollment.search({ courseIds: [courseId], limit: 3, cursor: first.nextCursor ?? '' })
    expect(second).toEqual({ items: items.slice(3), nextCursor: null })
  })

  test('end without an empty one', async () => {
    const courseId = await addCourse(db)
    for (const { username } of await addLearners(db, 4)) await enrollment.enroll({ username, courseId })
    const first = await enrollment.search({ courseIds: [courseId], limit: 2 })
    const second = await enrollment.search({ courseIds: [courseId], limit: 2, cursor: first.nextCursor ?? '' })
    expect([second.items.length, second.nextCursor]).toEqual([2, null])
  })

  test('hold microseconds apart', async () => {
    const courseId = await addCourse(db)
    const learners = await addLearners(db, 3)
    for (const { username } of learners) await enrollment.enroll({ username, courseId })
    const course = db.selectFrom('courses').select('id').where('course_key', '=', courseId)
    for (const [index, { id }] of learners.entries()) {
      await db
        .updateTable('enrollments')
        .set({ created: `2026-05-01T00:00:00.00000${index + 1}Z` })
        .where('learner_id', '=', id)
        .where('course_id', '=', course)
        .execute()
    }
    const created: string[] = []
    for (let cursor: string | null | undefined; cursor !== null;) {
      const page = await enrollment.search({ courseIds: [courseId], limit: 1, ...(cursor && { cursor }) })
      created.push(...page.items.map((item) => item.created))
      cursor = page.nextCursor
    }
    expect(created).toEqual([3, 2, 1].map((microseconds) => `2026-05-01T00:00:00.00000${microseconds}Z`))
  })
})

async function enrollAt(username: string, courseId: string, at: Date): Promise<void> {
  await callerOf(db, { now: () => at }).enrollment.enroll({ username, courseId })
}
