import { afterAll, describe, expect, test } from 'vitest'
import { counting } from '../support/counting.ts'
import { createTestDatabase } from '../support/database.ts'
import { addCourse, addLearner, addLearners, addRole } from '../support/seed.ts'
import { addEnrollment } from '../support/world.ts'
import { callerOf, refusalOf } from './calls.ts'

const NOW = new Date('2026-03-01T12:00:00Z')
const PAST = '2026-03-01T11:59:59Z'
const FUTURE = '2026-03-01T12:00:01Z'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const { course, enrollment } = callerOf(db, { now: () => NOW })

describe('course.getMany', () => {
  test('shows course runs in the order of their keys, and null where there is none', async () => {
    const [first, second] = [await addCourse(db), await addCourse(db)]
    const courseIds = [second, 'no key', first, 'course-v1:No+Such+Course', '', `${second}+branch@draft`, 'nul\0/a/b']
    const shown = await course.getMany({ courseIds })
    expect(shown.map((offer) => offer?.courseId ?? null)).toEqual([second, null, first, null, null, second, null])
  })

  test('shows of each what course.get shows, its seats and whether it is open', async () => {
    const columns = { display_name: 'Demonstration', starts: '2026-01-01T00:00:00Z', max_enrollments: 30 }
    const courseId = await addCourse(db, { ...columns, modes: ['audit', ['verified', PAST], 'credit'] })
    const [offer] = await course.getMany({ courseIds: [courseId] })
    expect(offer).toEqual({ ...(await course.get({ courseId })), seatsTaken: 0, closed: null })
    expect(offer?.modes.map(({ slug }) => slug)).toEqual(['audit', 'credit'])
  })

  test('counts the seats as enrolling does: the inactive and those who teach take none', async () => {
    const [capped, open] = [await addCourse(db, { max_enrollments: 3 }), await addCourse(db)]
    const [ann, bea, cleo, staff, coach, limited] = await people(6)
    await addRole(db, staff, 'staff', capped)
    await addRole(db, coach, 'ccx_coach', capped)
    await addRole(db, limited, 'limited_staff', capped)
    for (const { id } of [ann, staff, coach, limited]) await addEnrollment(db, id, capped)
    await addEnrollment(db, bea.id, capped, { is_active: false })
    await addEnrollment(db, ann.id, open)
    expect(await seatsOf([capped, open])).toEqual([2, null])
    await enrollment.enroll({ username: cleo.username, courseId: capped })
    expect(await seatsOf([capped, open])).toEqual([3, null])
    expect(await refusalOf(enrollment.enroll({ username: bea.username, courseId: capped }))).toMatchObject({
      code: 'courseFull',
    })
  })

  test.each([
    ['open', {}, null],
    ['not open yet', { enrollment_start: FUTURE }, 'notStarted'],
    ['over', { enrollment_end: PAST }, 'ended'],
    ['by invitation', { invitation_only: true }, 'invitationOnly'],
  ] as const)('tells why an ordinary learner is not let in: %s', async (_, columns, closed) => {
    const courseId = await addCourse(db, columns)
    const { username } = await addLearner(db)
    expect(await course.getMany({ courseIds: [courseId] })).toMatchObject([{ closed }])
    const enrolled = enrollment.enroll({ username, courseId })
    if (closed === null) expect(await enrolled).toMatchObject({ kind: 'created' })
    else expect(await refusalOf(enrolled)).toMatchObject({ details: { because: closed } })
  })

  test('follows the policy of the site', async () => {
    const courseId = await addCourse(db, { course_key: 'Old/School/2012', modes: [['verified', PAST]] })
    expect(await course.getMany({ courseIds: [courseId] })).toMatchObject([
      { closed: null, modes: [{ slug: 'audit' }] },
    ])
    const site = callerOf(db, { now: () => NOW, policy: { defaultMode: 'honor', legacyKeysInvitationOnly: true } })
    expect(await site.course.getMany({ courseIds: [courseId] })).toMatchObject([
      { closed: 'invitationOnly', modes: [{ slug: 'honor' }] },
    ])
  })

  test('sees in a transaction what was written there', async () => {
    const courseId = await addCourse(db, { max_enrollments: 3 })
    const { username } = await addLearner(db)
    const trx = await db.startTransaction().execute()
    await callerOf(trx).enrollment.enroll({ username, courseId })
    expect(await callerOf(trx).course.getMany({ courseIds: [courseId] })).toMatchObject([{ seatsTaken: 1 }])
    expect(await seatsOf([courseId])).toEqual([0])
    await trx.rollback().execute()
  })

  test.each(['on the pool', 'in a transaction'])('takes as many statements for 1000 as for one, %s', async (where) => {
    const courses = []
    for (let n = 0; n < 20; n += 1) courses.push(await addCourse(db, { max_enrollments: 5 }))
    const unknown = Array.from({ length: 980 }, (_, n) => `course-v1:No+Such+${n}`)
    const taken = []
    for (const courseIds of [courses.slice(0, 1), [...courses, ...unknown]]) {
      const counted = counting(db)
      if (where === 'on the pool') await callerOf(counted.db).course.getMany({ courseIds })
      else await counted.db.transaction().execute((trx) => callerOf(trx).course.getMany({ courseIds }))
      taken.push(counted.statements())
    }
    expect(taken).toEqual([3, 3])
  })
})

async function seatsOf(courseIds: string[]): Promise<unknown[]> {
  return (await course.getMany({ courseIds })).map((offer) => offer?.seatsTaken)
}

async function people(count: number) {
  type Person = Awaited<ReturnType<typeof addLearners>>[number]
  // As many as are asked for.
  return (await addLearners(db, count)) as [Person, Person, Person, Person, Person, Person]
}
