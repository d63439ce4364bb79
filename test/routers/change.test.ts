import { afterAll, describe, expect, test } from 'vitest'
import { createTestDatabase } from '../support/database.ts'
import { addCourse, addLearner } from '../support/seed.ts'
import { addEnrollment } from '../support/world.ts'
import { callerOf, refusalOf } from './calls.ts'

const PAST = '2020-01-01T00:00:00Z'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const { enrollment } = callerOf(db)

describe('change', () => {
  test('counts the version up by one with each change, and leaves it where nothing changes', async () => {
    const pair = await enrolledPair()
    const versions = []
    for (const change of [
      { mode: 'verified' },
      { mode: 'verified' },
      { isActive: false },
      { isActive: true, mode: 'audit' },
    ]) {
      const { kind, enrollment: now } = await enrollment.change({ ...pair, ...change })
      versions.push([kind, now.version, now.mode, now.isActive])
    }
    expect(versions).toEqual([
      ['modeChanged', 2, 'verified', true],
      ['unchanged', 2, 'verified', true],
      ['deactivated', 3, 'verified', false],
      ['reactivated', 4, 'audit', true],
    ])
    expect((await enrollment.history(pair)).map(({ version, kind }) => [version, kind])).toEqual([
      [1, 'created'],
      [2, 'modeChanged'],
      [3, 'deactivated'],
      [4, 'reactivated'],
    ])
  })

  test('keeps the instant of creation and moves that of the change', async () => {
    const pair = await enrolledPair()
    const before = await enrollment.get(pair)
    const later = callerOf(db, { now: () => new Date('2099-01-01T00:00:00.001Z') })
    await later.enrollment.change({ ...pair, isActive: false })
    expect(await enrollment.get(pair)).toMatchObject({
      created: before?.created,
      updated: '2099-01-01T00:00:00.001000Z',
    })
  })

  test('passes with the version that is there, and not with another', async () => {
    const pair = await enrolledPair()
    await enrollment.change({ ...pair, mode: 'verified', expectedVersion: 1 })
    expect(await refusalOf(enrollment.change({ ...pair, mode: 'audit', expectedVersion: 1 }))).toMatchObject({
      code: 'versionConflict',
      details: { expected: 1, actual: 2 },
    })
    expect(await enrollment.get(pair)).toMatchObject({ mode: 'verified', version: 2 })
  })

  test('gives an expired mode only where that is allowed', async () => {
    const pair = await enrolledPair({ modes: ['audit', ['verified', PAST]] })
    expect(await refusalOf(enrollment.change({ ...pair, mode: 'verified' }))).toMatchObject({ code: 'modeUnavailable' })
    const changed = await enrollment.change({ ...pair, mode: 'verified', allowExpiredMode: true })
    expect(changed).toMatchObject({ kind: 'modeChanged', enrollment: { mode: 'verified' } })
  })

  test('does not look at the window or at the seats', async () => {
    const pair = await enrolledPair()
    await db
      .updateTable('courses')
      .set({ enrollment_end: PAST, max_enrollments: 0 })
      .where('course_key', '=', pair.courseId)
      .execute()
    await enrollment.change({ ...pair, isActive: false })
    expect(await enrollment.change({ ...pair, isActive: true })).toMatchObject({ kind: 'reactivated' })
    expect(await refusalOf(enrollment.enroll({ ...pair, username: (await addLearner(db)).username }))).toMatchObject({
      code: 'enrollmentClosed',
    })
  })
})

describe('unenrollAll', () => {
  test('leaves course runs of the LMS to it, and names them', async () => {
    const { username, id } = await addLearner(db)
    const [ours, theirs] = [await addCourse(db), await addCourse(db, { owner: 'lms' })]
    await addEnrollment(db, id, ours)
    await addEnrollment(db, id, theirs)
    const answer = await enrollment.unenrollAll({ username })
    expect(answer).toMatchObject({ outcomes: [{ enrollment: { courseId: ours } }], ownedByLms: [theirs] })
    expect(await enrollment.unenrollAll({ username })).toEqual({ outcomes: [], ownedByLms: [theirs] })
    expect(await enrollment.get({ username, courseId: theirs })).toMatchObject({ isActive: true })
  })

  test('deactivates what is active, oldest first, and leaves the modes', async () => {
    const { username } = await addLearner(db)
    const courses = [await addCourse(db), await addCourse(db), await addCourse(db)]
    for (const [hour, courseId] of courses.toReversed().entries()) {
      const { enrollment: at } = callerOf(db, { now: () => new Date(Date.UTC(2026, 0, 1, hour)) })
      await at.enroll({ username, courseId, mode: 'verified' })
    }
    await enrollment.change({ username, courseId: courses[1] ?? '', isActive: false })
    const { outcomes } = await enrollment.unenrollAll({ username, reason: 'retired' })
    expect(
      outcomes.map(({ kind, before, enrollment: { courseId, mode, isActive, version } }) => ({
        kind,
        before,
        courseId,
        mode,
        isActive,
        version,
      })),
    ).toEqual(
      [courses[2], courses[0]].map((courseId) => ({
        kind: 'deactivated',
        before: { mode: 'verified', isActive: true },
        courseId,
        mode: 'verified',
        isActive: false,
        version: 2,
      })),
    )
    expect(await enrollment.list({ username })).toEqual([])
    expect(await enrollment.list({ username, includeInactive: true })).toHaveLength(3)
    expect((await enrollment.history({ username, courseId: courses[0] ?? '' })).at(-1)).toMatchObject({
      id: outcomes[1]?.eventId,
      reason: 'retired',
    })
  })

  test('of one who is in nothing is nothing, and so is the second time', async () => {
    const pair = await enrolledPair()
    const { username } = pair
    expect((await enrollment.unenrollAll({ username })).outcomes).toHaveLength(1)
    expect(await enrollment.unenrollAll({ username })).toEqual({ outcomes: [] })
    expect(await enrollment.unenrollAll({ username: (await addLearner(db)).username })).toEqual({ outcomes: [] })
  })

  test('leaves the enrollments of others', async () => {
    const pair = await enrolledPair()
    const neighbour = { ...pair, username: (await addLearner(db)).username }
    await enrollment.enroll(neighbour)
    await enrollment.unenrollAll({ username: pair.username })
    expect(await enrollment.get(neighbour)).toMatchObject({ isActive: true })
  })
})

async function enrolledPair(course: Parameters<typeof addCourse>[1] = {}) {
  const pair = { username: (await addLearner(db)).username, courseId: await addCourse(db, course) }
  await enrollment.enroll(pair)
  return pair
}
