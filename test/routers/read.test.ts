import { afterAll, describe, expect, test } from 'vitest'
import { createTestDatabase } from '../support/database.ts'
import { addCourse, addLearner } from '../support/seed.ts'
import { callerOf } from './calls.ts'

const PAST = '2020-01-01T00:00:00Z'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const { enrollment, course } = callerOf(db)

describe('get', () => {
  test('shows an enrollment, active or not', async () => {
    const pair = { username: (await addLearner(db)).username, courseId: await addCourse(db) }
    await enrollment.enroll({ ...pair, isActive: false })
    expect(await enrollment.get(pair)).toMatchObject({ ...pair, isActive: false, version: 1 })
  })

  test('is null where there is no enrollment, no learner or no course run', async () => {
    const pair = { username: (await addLearner(db)).username, courseId: await addCourse(db) }
    expect(await enrollment.get(pair)).toBeNull()
    expect(await enrollment.get({ ...pair, username: 'nobody' })).toBeNull()
    expect(await enrollment.get({ ...pair, courseId: 'course-v1:No+Such+Course' })).toBeNull()
  })
})

describe('list', () => {
  test('shows the active enrollments of one learner, oldest first; inactive ones on request', async () => {
    const [alice, bob] = [await addLearner(db), await addLearner(db)]
    const courses = [await addCourse(db), await addCourse(db), await addCourse(db)]
    for (const [index, courseId] of courses.entries()) {
      const at = callerOf(db, { now: () => new Date(Date.UTC(2026, 0, 9 - index)) })
      await at.enrollment.enroll({ username: alice.username, courseId })
      await at.enrollment.enroll({ username: bob.username, courseId })
    }
    const [newest, middle, oldest] = courses
    await enrollment.change({ username: alice.username, courseId: middle ?? '', isActive: false })
    const listed = async (includeInactive?: boolean) =>
      (await enrollment.list({ email: alice.email, includeInactive })).map(({ courseId }) => courseId)
    expect(await listed()).toEqual([oldest, newest])
    expect(await listed(true)).toEqual([oldest, middle, newest])
    expect(await enrollment.list({ username: 'nobody' })).toEqual([])
  })
})

describe('history', () => {
  test('tells every change with who, how, why, before and after, oldest first', async () => {
    const [alice, courseId] = [await addLearner(db), await addCourse(db)]
    const pair = { username: alice.username, courseId }
    const at = '2026-05-06T07:08:09.120000Z'
    const said = callerOf(db, {
      actor: { kind: 'user', name: 'ada' },
      requestId: 'request-1',
      now: () => new Date(at),
    })
    await said.enrollment.enroll({ ...pair, enterpriseUuid: 'None', reason: 'bought' })
    await enrollment.change({ ...pair, mode: 'verified', isActive: true })
    const [first, second, ...others] = await enrollment.history(pair)
    const stored = await enrollment.get(pair)
    expect(first).toEqual({
      id: expect.stringMatching(/^\d+$/),
      cursor: expect.stringMatching(/^\d+-\d+$/),
      enrollmentId: stored?.id,
      version: 1,
      kind: 'created',
      userId: String(alice.id),
      username: alice.username,
      courseId,
      before: null,
      after: { mode: 'audit', isActive: true },
      actor: { kind: 'user', name: 'ada' },
      via: 'caller',
      reason: 'bought',
      enterpriseUuid: 'None',
      requestId: 'request-1',
      batchId: null,
      at,
    })
    expect(second).toMatchObject({
      version: 2,
      kind: 'modeChanged',
      before: { mode: 'audit', isActive: true },
      after: { mode: 'verified', isActive: true },
      actor: { kind: 'service', name: 'tests' },
      reason: null,
      enterpriseUuid: null,
      requestId: null,
      at: stored?.updated,
    })
    expect(others).toEqual([])
  })

  test('of what never was is empty', async () => {
    const pair = { username: (await addLearner(db)).username, courseId: await addCourse(db) }
    expect(await enrollment.history(pair)).toEqual([])
    expect(await enrollment.history({ ...pair, userId: undefined, username: 'nobody' })).toEqual([])
  })
})

describe('course.get', () => {
  test('shows a course run with the modes that it offers now', async () => {
    const columns = {
      display_name: 'Demonstration',
      starts: '2026-01-01T00:00:00Z',
      ends: '2026-12-31T23:59:59.5Z',
      enrollment_start: '2025-12-01T00:00:00Z',
      max_enrollments: 30,
      self_paced: true,
    }
    const courseId = await addCourse(db, { ...columns, modes: ['audit', ['verified', PAST], 'credit'] })
    const shown = await course.get({ courseId })
    expect(shown).toMatchObject({
      courseId,
      displayName: 'Demonstration',
      start: '2026-01-01T00:00:00Z',
      end: '2026-12-31T23:59:59.500000Z',
      enrollmentStart: '2025-12-01T00:00:00Z',
      enrollmentEnd: null,
      invitationOnly: false,
      maxEnrollments: 30,
      selfPaced: true,
    })
    expect(shown.modes.map(({ slug }) => slug)).toEqual(['audit', 'credit'])
    const all = await course.get({ courseId: `${courseId}+branch@draft`, includeExpired: true })
    expect(all.modes.map(({ slug, expires }) => [slug, expires])).toEqual([
      ['audit', null],
      ['verified', PAST],
      ['credit', null],
    ])
  })

  test('shows the site’s default mode where none is offered, and a name made of the key', async () => {
    const courseId = await addCourse(db, { course_key: 'course-v1:Test+Deep_Sea+2026_T1', modes: [['verified', PAST]] })
    expect(await course.get({ courseId })).toMatchObject({
      displayName: 'Deep Sea 2026 T1',
      modes: [{ slug: 'audit' }],
    })
    const policy = { defaultMode: 'honor', legacyKeysInvitationOnly: false }
    const site = callerOf(db, { policy })
    expect(await site.course.get({ courseId })).toMatchObject({ modes: [{ slug: 'honor', name: 'Honor' }] })
  })
})
