import { afterAll, describe, expect, test } from 'vitest'
import { sql } from 'kysely'
import { parseCourseKey } from '../../../core/course/key.ts'
import {
  decodePageCursor,
  encodePageCursor,
  readEnrollmentPage,
  type EnrollmentPage,
  type PageCursor,
  type PageFilter,
} from '../../../core/enrollment/page.ts'
import { encodeSearchCursor } from '../../../core/enrollment/search.ts'
import { createTestDatabase } from '../../support/database.ts'
import { addCourse, addLearner, addLearners } from '../../support/seed.ts'
import { addEnrollment } from '../../support/world.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database

describe('10 000 enrollments of one instant', async () => {
  const courseId = await addCourse(db, { course_key: 'course-v1:Walk+Equal+1' })
  await db.transaction().execute(async (trx) => {
    await sql`insert into learners (username) select 'walker-' || n from generate_series(1, 10000) n`.execute(trx)
    await sql`insert into enrollments (learner_id, course_id, is_active, mode, created, updated)
      select l.id, c.id, true, 'audit', '2018-01-01T00:00:01Z', now() from learners l, courses c
      where l.username like 'walker-%' and c.course_key = ${courseId}`.execute(trx)
  })
  const filter = { course: parseCourseKey(courseId) ?? undefined }
  const forwards = await walk(filter, 'next', null)

  test('are each met once on the way forwards, in pages of 100', () => {
    expect(forwards).toHaveLength(100)
    expect(forwards.every((page) => page.items.length === 100)).toBe(true)
    expect(new Set(idsOf(forwards)).size).toBe(10_000)
    expect(forwards[0]?.previous).toBeNull()
    expect(forwards.at(-1)?.next).toBeNull()
  })

  test('are each met once on the way back, and the pages are the same', async () => {
    const back = await walk(filter, 'previous', forwards.at(-1)?.previous ?? null)
    expect(back).toHaveLength(99)
    expect(back.at(-1)?.previous).toBeNull()
    expect(idsOf(back.toReversed())).toEqual(idsOf(forwards.slice(0, -1)))
  })

  test('keep their places while others are inserted', async () => {
    const [first] = forwards
    await addEnrollment(db, (await addLearner(db)).id, courseId, { created: '2019-01-01T00:00:00Z' })
    const second = await readEnrollmentPage(db, filter, { cursor: first?.next ?? null, size: 100 })
    expect(idsOf([second])).toEqual(idsOf(forwards.slice(1, 2)))
    const newest = await readEnrollmentPage(db, filter, { cursor: first ? before(first) : null, size: 100 })
    expect(newest.items).toHaveLength(1)
  })
})

describe('filters', async () => {
  const [ann, bob] = await addLearners(db, 2)
  const odd = await addCourse(db, { course_key: 'course-v1:Odd_Org+X+Z' })
  const plain = await addCourse(db, { course_key: 'course-v1:OddXOrg+X+Z' })
  const old = await addCourse(db, { course_key: 'Old/per%cent/Run' })
  await addEnrollment(db, ann?.id ?? 0, odd, { created: '2018-01-01T00:00:01Z' })
  await addEnrollment(db, ann?.id ?? 0, plain, { created: '2018-01-01T00:00:02Z', is_active: false })
  await addEnrollment(db, bob?.id ?? 0, old, { created: '2018-01-01T00:00:03Z' })
  const annOdd = `${ann?.username} ${odd}`
  const annPlain = `${ann?.username} ${plain}`
  const bobOld = `${bob?.username} ${old}`
  const all = [bobOld, annPlain, annOdd]
  const both = { usernames: [ann?.username ?? '', bob?.username ?? ''] }

  test.each<[what: string, filter: PageFilter, found: string[]]>([
    ['usernames: newest first, inactive ones too', both, all],
    ['a username is exact', { usernames: [ann?.username.toUpperCase() ?? ''] }, []],
    ['an e-mail address is not', { emails: [ann?.email.toUpperCase() ?? ''] }, [annPlain, annOdd]],
    ['a course', { ...both, course: parseCourseKey(odd) ?? undefined }, [annOdd]],
    ['the course without its branch', { course: parseCourseKey(`${odd}+branch@draft`) ?? undefined }, [annOdd]],
    ['a part of a key, in any case', { ...both, courseKeyParts: ['oddxorg+x'] }, [annPlain]],
    ['one of several parts', { ...both, courseKeyParts: ['OddXOrg', 'Old/'] }, [bobOld, annPlain]],
    ['an empty part is in every key', { ...both, courseKeyParts: ['nothing', ''] }, all],
    ['an underscore is an underscore', { ...both, courseKeyParts: ['odd_org'] }, [annOdd]],
    ['a percent sign is a percent sign', { ...both, courseKeyParts: ['per%c'] }, [bobOld]],
    ['and nothing more', { ...both, courseKeyParts: ['O%d', String.raw`\\`, String.raw`O\dd`] }, []],
    ['all at once', { ...both, emails: [bob?.email ?? ''], courseKeyParts: ['Odd'] }, []],
    ['lists that are empty', { usernames: [] }, []],
  ])('%s', async (_, filter, found) => {
    const { items } = await readEnrollmentPage(db, filter, { cursor: null, size: 100 })
    expect(items.map(({ username, courseId }) => `${username} ${courseId}`)).toEqual(found)
  })
})

describe('a cursor', () => {
  const from = { created: '2018-01-01T00:00:01.120000Z', id: '7' }

  test.each(['next', 'previous'] as const)('to the %s page survives its text', (direction) => {
    expect(decodePageCursor(encodePageCursor({ direction, from }))).toEqual({ direction, from })
  })

  test.each([
    '',
    'n',
    'garbage',
    encodeSearchCursor(from),
    `x${encodeSearchCursor(from)}`,
    `n${encodeSearchCursor(from)}!`,
    `n${encodeSearchCursor({ ...from, created: '2018-02-30T00:00:00Z' })}`,
    `n${encodeSearchCursor({ ...from, id: '9999999999999999999' })}`,
    `__proto__${encodeSearchCursor(from)}`,
  ])('is not “%s”', (text) => {
    expect(decodePageCursor(text)).toBeNull()
  })
})

/** All pages from one on; a walk that never ends fails. */
async function walk(filter: PageFilter, to: 'next' | 'previous', start: PageCursor | null): Promise<EnrollmentPage[]> {
  const pages = [await readEnrollmentPage(db, filter, { cursor: start, size: 100 })]
  for (let cursor = pages[0]?.[to]; cursor; cursor = pages.at(-1)?.[to]) {
    if (pages.length > 150) throw new Error('The walk goes in circles')
    pages.push(await readEnrollmentPage(db, filter, { cursor, size: 100 }))
  }
  return pages
}

function idsOf(pages: readonly EnrollmentPage[]): string[] {
  return pages.flatMap((page) => page.items.map((item) => item.id))
}

function before({ items }: EnrollmentPage): PageCursor | null {
  const [first] = items
  return first ? { direction: 'previous', from: first } : null
}
