import { sql } from 'kysely'
import { afterAll, describe, expect, test } from 'vitest'
import { encodeSearchCursor } from '../../core/enrollment/search.ts'
import { untilShown } from '../support/feed.ts'
import { openDoor } from '../support/rest.ts'
import { addCourse, addLearner, addLearners } from '../support/seed.ts'
import { callerOf, refusalOf } from './calls.ts'

// Ids and cursors work up to 2^63 - 1 (events.md §1), and what is beyond is refused rather than asked for.

const LARGEST = '9223372036854775807'
const LAST_BUT_ONE = '9223372036854775806'
const BEYOND = '9223372036854775808'

const door = await openDoor()
const { db } = door
afterAll(() => door[Symbol.asyncDispose]())
const { enrollment, events } = callerOf(db)
const staff = door.as(await addLearner(db, { is_staff: true }))
const courseId = await addCourse(db)
const [first = '', ...last] = (await addLearners(db, 3)).map(({ username }) => username)
await enrollment.enroll({ username: first, courseId })
for (const table of ['enrollments', 'enrollment_events']) {
  await sql`select setval(pg_get_serial_sequence(${table}::text, 'id'), ${LARGEST}::bigint - 2)`.execute(db)
}
for (const username of last) await enrollment.enroll({ username, courseId })
await untilShown(db)
const created = '2999-01-01T00:00:00Z'

describe('the largest ids are', () => {
  test('those of the last two enrollments and events', async () => {
    const all = await Promise.all(last.map((username) => enrollment.history({ username, courseId })))
    expect(all.flat().map(({ id, enrollmentId }) => [id, enrollmentId])).toEqual([
      [LAST_BUT_ONE, LAST_BUT_ONE],
      [LARGEST, LARGEST],
    ])
  })

  test('walked over by a search, a page at a time', async () => {
    const found: string[] = []
    for (let cursor: string | null | undefined; cursor !== null;) {
      const page = await enrollment.search({ courseIds: [courseId], limit: 1, ...(cursor && { cursor }) })
      found.push(...page.items.map(({ username }) => username))
      cursor = page.nextCursor
    }
    expect(found).toEqual([...last.toReversed(), first])
  })

  test.each([
    ['without a filter', {}],
    ['with a filter', { courseIds: [courseId] }],
  ])('walked over by a reader of the feed, %s', async (_, filter) => {
    const ids: string[] = []
    for (let after = '0-0'; ;) {
      const page = await events.list({ ...filter, after, limit: 1 })
      ids.push(...page.events.map(({ id }) => id))
      if (page.cursor === after) break
      after = page.cursor
    }
    expect(ids.slice(1)).toEqual([LAST_BUT_ONE, LARGEST])
  })
})

describe('a cursor with', () => {
  test('the largest id is one: of a search, of a page, of the feed', async () => {
    const cursor = encodeSearchCursor({ created, id: LARGEST })
    expect((await enrollment.search({ courseIds: [courseId], cursor })).items).toHaveLength(3)
    expect((await staff.get(`/enrollments?cursor=n${cursor}`)).json.results).toHaveLength(3)
    expect((await events.list({ after: `1-${LARGEST}` })).events).toHaveLength(3)
    expect(await events.list({ after: `${LARGEST}-${LARGEST}` })).toMatchObject({
      events: [],
      cursor: `${LARGEST}-${LARGEST}`,
    })
  })

  test.each([BEYOND, '9999999999999999999', '18446744073709551616', `0${BEYOND}`])('the id %s is none', async (id) => {
    const cursor = encodeSearchCursor({ created, id })
    expect(await refusalOf(enrollment.search({ cursor }))).toMatchObject({ trpc: 'BAD_REQUEST' })
    expect((await staff.get(`/enrollments?cursor=n${cursor}`)).status).toBe(404)
    expect(await refusalOf(events.list({ after: `1-${id}` }))).toMatchObject({ trpc: 'BAD_REQUEST' })
  })

  test('a number of a transaction of more than 19 digits is none', async () => {
    expect(await refusalOf(events.list({ after: '10000000000000000000-1' }))).toMatchObject({ trpc: 'BAD_REQUEST' })
    expect(await events.list({ after: '9999999999999999999-1' })).toMatchObject({ events: [] })
  })
})
