import { afterAll, describe, expect, test } from 'vitest'
import {
  OPENEDX_TYPES,
  openedxTypesOf,
  pythonIsoFormat,
  readOpenedxEnrollments,
  type OpenedxEnrollment,
} from '../../../core/event/openedx.ts'
import type { Actor } from '../../../core/enrollment/command.ts'
import { createCaller } from '../../../routers/index.ts'
import { createTestDatabase } from '../../support/database.ts'
import { addCourse, addLearner } from '../../support/seed.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database

const { changed, created, unenrolled } = OPENEDX_TYPES

describe('the event types that follow from a change', () => {
  test.each([
    { kind: 'created', isActive: true, types: [changed, created] },
    { kind: 'reactivated', isActive: true, types: [changed, created] },
    { kind: 'created', isActive: false, types: [changed] },
    { kind: 'modeChanged', isActive: true, types: [changed] },
    { kind: 'modeChanged', isActive: false, types: [changed] },
    { kind: 'deactivated', isActive: false, types: [changed, unenrolled] },
  ] as const)('are, when it is $kind and active is $isActive: $types', ({ kind, isActive, types }) => {
    expect(openedxTypesOf({ kind, after: { mode: 'audit', isActive } })).toEqual(types)
  })
})

describe('an instant as Python writes it', () => {
  test.each([
    ['2026-02-03T04:05:06Z', '2026-02-03T04:05:06+00:00'],
    ['2026-02-03T04:05:06.120000Z', '2026-02-03T04:05:06.120000+00:00'],
    ['2026-02-03T04:05:06.12Z', '2026-02-03T04:05:06.120000+00:00'],
    ['2026-02-03T04:05:06.000Z', '2026-02-03T04:05:06+00:00'],
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00+00:00'],
  ])('%s is %s', (instant, expected) => {
    expect(pythonIsoFormat(instant)).toBe(expected)
  })
})

describe('what Open edX is told of an enrollment', () => {
  test('has the account, the course run and the state after the change', async () => {
    const learner = await addLearner(db, { email: 'ann@example.com', name: 'Ann' })
    const courseId = await addCourse(db, {
      display_name: 'Demo',
      starts: '2026-01-01T00:00:00Z',
      ends: '2026-12-31T23:59:59.5Z',
    })
    const [told] = await enrolled(learner.username, courseId, { kind: 'service', name: 'shop' })
    expect(told).toEqual({
      user: {
        id: expect.any(Number),
        is_active: true,
        pii: { username: learner.username, email: 'ann@example.com', name: 'Ann' },
      },
      course: {
        course_key: courseId,
        display_name: 'Demo',
        start: '2026-01-01T00:00:00+00:00',
        end: '2026-12-31T23:59:59.500000+00:00',
      },
      mode: 'audit',
      is_active: true,
      creation_date: '2026-05-06T07:08:09.010000+00:00',
      created_by: null,
    })
  })

  test('names the account that acted, where one did', async () => {
    const [learner, staff, courseId] = [await addLearner(db), await addLearner(db), await addCourse(db)]
    const [told] = await enrolled(learner.username, courseId, { kind: 'user', name: staff.username })
    expect(told?.created_by?.pii.username).toBe(staff.username)
  })

  test('names nobody where a service acted that is called as an account is', async () => {
    const [learner, staff, courseId] = [await addLearner(db), await addLearner(db), await addCourse(db)]
    const [told] = await enrolled(learner.username, courseId, { kind: 'service', name: staff.username })
    expect(told?.created_by).toBeNull()
  })

  test('keeps the order of the events, also where one enrollment changed twice', async () => {
    const [learner, courseId] = [await addLearner(db), await addCourse(db)]
    const call = createCaller({ db, actor: { kind: 'service', name: 'shop' } }).enrollment
    const named = { username: learner.username, courseId }
    await call.enroll(named)
    await call.change({ ...named, isActive: false })
    const told = await readOpenedxEnrollments(db, (await call.history(named)).toReversed())
    expect(told.map(({ event, enrollment }) => [event.version, enrollment.is_active])).toEqual([
      [2, false],
      [1, true],
    ])
  })

  test('has empty texts for an account without address and name', async () => {
    const [learner, courseId] = [await addLearner(db, { email: null, name: '' }), await addCourse(db)]
    const [told] = await enrolled(learner.username, courseId, { kind: 'service', name: 'shop' })
    expect(told?.user.pii).toEqual({ username: learner.username, email: '', name: '' })
    expect(told?.course).toMatchObject({ start: null, end: null })
  })
})

async function enrolled(username: string, courseId: string, actor: Actor): Promise<OpenedxEnrollment[]> {
  const now = () => new Date('2026-05-06T07:08:09.010Z')
  const call = createCaller({ db, actor, now }).enrollment
  await call.enroll({ username, courseId })
  const told = await readOpenedxEnrollments(db, await call.history({ username, courseId }))
  return told.map(({ enrollment }) => enrollment)
}
