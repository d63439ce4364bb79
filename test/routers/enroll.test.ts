import { afterAll, describe, expect, test } from 'vitest'
import { createTestDatabase } from '../support/database.ts'
import { addAllowance, addCourse, addLearner, addRole } from '../support/seed.ts'
import { callerOf, refusalOf } from './calls.ts'

const NOW = '2026-03-04T05:06:07.890000Z'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const { enrollment } = callerOf(db, { now: () => new Date(NOW) })

test('an enrollment is created, and told as it is stored', async () => {
  const [courseId, alice] = [await addCourse(db), await addLearner(db)]
  const outcome = await enrollment.enroll({ username: alice.username, courseId, mode: 'verified' })
  expect(outcome).toEqual({
    kind: 'created',
    enrollment: {
      id: expect.stringMatching(/^\d+$/),
      version: 1,
      userId: String(alice.id),
      username: alice.username,
      courseId,
      mode: 'verified',
      isActive: true,
      created: NOW,
      updated: NOW,
    },
    before: null,
    eventId: expect.stringMatching(/^\d+$/),
  })
  expect(await enrollment.get({ username: alice.username, courseId })).toEqual(outcome.enrollment)
  const [event, ...others] = await enrollment.history({ username: alice.username, courseId })
  expect(event?.id).toBe(outcome.eventId)
  expect(others).toEqual([])
})

test('once more it is unchanged: no version, no event', async () => {
  const [courseId, { username }] = [await addCourse(db), await addLearner(db)]
  const first = await enrollment.enroll({ username, courseId })
  const again = await enrollment.enroll({ username, courseId, mode: 'verified' })
  expect(again).toEqual({
    kind: 'unchanged',
    enrollment: first.enrollment,
    before: { mode: 'audit', isActive: true },
    eventId: null,
  })
  expect(await enrollment.history({ username, courseId })).toHaveLength(1)
})

test('update makes it what was asked; keep reactivates in the default mode', async () => {
  const [courseId, { username }] = [await addCourse(db), await addLearner(db)]
  const steps = []
  for (const input of [
    {},
    { whenEnrolled: 'update', mode: 'verified' },
    { whenEnrolled: 'update', isActive: false },
    { whenEnrolled: 'update', isActive: false },
    {},
  ] as const) {
    const { kind, before, enrollment: now } = await enrollment.enroll({ username, courseId, ...input })
    steps.push([kind, before?.mode, before?.isActive, now.mode, now.isActive, now.version])
  }
  expect(steps).toEqual([
    ['created', undefined, undefined, 'audit', true, 1],
    ['modeChanged', 'audit', true, 'verified', true, 2],
    ['deactivated', 'verified', true, 'verified', false, 3],
    ['unchanged', 'verified', false, 'verified', false, 3],
    ['reactivated', 'verified', false, 'audit', true, 4],
  ])
})

describe('the learner', () => {
  test('is found by username, by id, and by e-mail address in any case', async () => {
    const courseId = await addCourse(db)
    const alice = await addLearner(db, { email: 'Ada.Ñandú@Example.org' })
    const names = [
      { username: alice.username },
      { userId: String(alice.id) },
      { email: 'ada.ñandú@example.ORG' },
      { email: '  ADA.ÑANDÚ@example.org\n' },
    ]
    for (const name of names) {
      const { enrollment: found } = await enrollment.enroll({ ...name, courseId })
      expect(found.userId).toBe(String(alice.id))
      expect(await enrollment.get({ ...name, courseId })).toEqual(found)
    }
  })

  test('is not found by a username in another case, nor by parts of one', async () => {
    const courseId = await addCourse(db)
    await addLearner(db, { username: 'Grace Hopper' })
    for (const username of ['grace hopper', 'Grace', 'Grace Hopper ', 'Grace%']) {
      expect(await refusalOf(enrollment.enroll({ username, courseId }))).toMatchObject({ code: 'learnerNotFound' })
    }
    expect((await enrollment.enroll({ username: 'Grace Hopper', courseId })).kind).toBe('created')
  })

  test('may have a name of 150 characters of any kind', async () => {
    const courseId = await addCourse(db)
    const { username } = await addLearner(db, { username: '🦉'.repeat(150) })
    expect((await enrollment.enroll({ username, courseId })).kind).toBe('created')
  })
})

describe('who is let in is read from the database', () => {
  test.each([
    ['global staff', { is_staff: true }, [], true],
    ['a superuser', { is_superuser: true }, [], true],
    ['staff of the course run', {}, [['staff', 'run']], true],
    ['limited staff', {}, [['limited_staff', 'run']], true],
    ['an instructor', {}, [['instructor', 'run']], true],
    ['staff of the organisation', {}, [['staff', null]], true],
    ['inactive staff of the course run', { is_active: false }, [['staff', 'run']], false],
    ['a beta tester', {}, [['beta_testers', 'run']], false],
    ['staff of another course run', {}, [['staff', 'course-v1:Test+Other+2026']], false],
    ['a learner', {}, [], false],
  ] as const)('%s', async (_, columns, roles, mayEnter) => {
    const courseId = await addCourse(db, { invitation_only: true })
    const learner = await addLearner(db, columns)
    for (const [role, where] of roles) await addRole(db, learner, role, where === 'run' ? courseId : where)
    const [call] = await Promise.allSettled([enrollment.enroll({ username: learner.username, courseId })])
    expect(call.status).toBe(mayEnter ? 'fulfilled' : 'rejected')
  })

  test('a role in an organisation of another name counts nothing', async () => {
    const courseId = await addCourse(db, { invitation_only: true })
    const learner = await addLearner(db)
    await addRole(db, learner, 'staff', null, 'Elsewhere')
    await addRole(db, learner, 'staff', courseId, 'Elsewhere')
    expect(await refusalOf(enrollment.enroll({ username: learner.username, courseId }))).toMatchObject({
      details: { because: 'invitationOnly' },
    })
  })

  test('an allowance for the e-mail address in any case, which then belongs to that account', async () => {
    const courseId = await addCourse(db, { invitation_only: true })
    const { id, username, email } = await addLearner(db)
    await addAllowance(db, email.toUpperCase(), courseId)
    expect((await enrollment.enroll({ username, courseId })).kind).toBe('created')
    const allowance = db.selectFrom('enrollment_allowances').select('claimed_by').where('course_key', '=', courseId)
    expect(await allowance.executeTakeFirst()).toEqual({ claimed_by: id })
    await enrollment.change({ username, courseId, isActive: false })
    expect((await enrollment.enroll({ username, courseId })).kind).toBe('reactivated')
    // The address goes to another account: the allowance does not.
    await db.updateTable('learners').set({ email: null }).where('id', '=', id).execute()
    const heir = await addLearner(db, { email })
    expect(await refusalOf(enrollment.enroll({ username: heir.username, courseId }))).toMatchObject({
      details: { because: 'allowanceTaken' },
    })
  })

  test('seats, of which staff, instructors and coaches take none', async () => {
    const courseId = await addCourse(db, { max_enrollments: 1 })
    const roles = ['staff', 'instructor', 'ccx_coach']
    for (const role of roles) {
      const member = await addLearner(db)
      await addRole(db, member, role, courseId)
      expect((await enrollment.enroll({ username: member.username, courseId })).kind).toBe('created')
    }
    const [first, second] = [await addLearner(db), await addLearner(db)]
    await addRole(db, first, 'limited_staff', courseId)
    expect((await enrollment.enroll({ username: first.username, courseId })).kind).toBe('created')
    const refused = () => refusalOf(enrollment.enroll({ username: second.username, courseId, force: true }))
    expect(await refused()).toMatchObject({ code: 'courseFull', details: { limit: 1 } })
    await enrollment.change({ username: first.username, courseId, isActive: false })
    expect((await enrollment.enroll({ username: second.username, courseId })).kind).toBe('created')
  })
})

test('a key with a branch means the course run itself', async () => {
  const [courseId, { username }] = [await addCourse(db), await addLearner(db)]
  const outcome = await enrollment.enroll({ username, courseId: `${courseId}+branch@draft` })
  expect(outcome.enrollment.courseId).toBe(courseId)
  expect((await enrollment.enroll({ username, courseId })).kind).toBe('unchanged')
})

test('attributes are stored in their order, and only with a change', async () => {
  const [courseId, { username }] = [await addCourse(db), await addLearner(db)]
  const stored = async () => {
    const { id } = (await enrollment.get({ username, courseId })) ?? { id: '0' }
    const rows = db.selectFrom('enrollment_attributes').select('value').where('enrollment_id', '=', id)
    return (await rows.orderBy('position').execute()).map(({ value }) => value)
  }
  const values = (...all: string[]) => all.map((value) => ({ namespace: 'order', name: 'number', value }))
  await enrollment.enroll({ username, courseId, attributes: values('b', 'a', 'b') })
  expect(await stored()).toEqual(['b', 'a', 'b'])
  await enrollment.enroll({ username, courseId, attributes: values('c') })
  expect(await stored()).toEqual(['b', 'a', 'b'])
  await enrollment.enroll({ username, courseId, whenEnrolled: 'update', mode: 'verified', attributes: values('d') })
  expect(await stored()).toEqual(['d'])
  expect(await enrollment.change({ username, courseId, attributes: [] })).toMatchObject({ kind: 'unchanged' })
  expect(await stored()).toEqual([])
})
