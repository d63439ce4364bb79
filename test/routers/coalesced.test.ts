import { TRPCError } from '@trpc/server'
import type { Kysely } from 'kysely'
import { afterAll, describe, expect, test } from 'vitest'
import type { DB } from '../../core/database/schema.ts'
import { defaultPolicy, enrollmentErrorFrom, type Caller, type Outcome, type Policy } from '../../routers/index.ts'
import { createTestDatabase } from '../support/database.ts'
import { roundsByEvent } from '../support/rounds.ts'
import { addAllowance, addCourse, addLearner, addLearners } from '../support/seed.ts'
import { addEnrollment } from '../support/world.ts'
import { callerOf } from './calls.ts'

const PAST = '2020-01-01T00:00:00Z'
const FUTURE = '2099-01-01T00:00:00Z'
const LAST_VERSION = 2 ** 31 - 1
const attributes = [{ namespace: 'a', name: 'b', value: 'c' }]

const database = await createTestDatabase()
const { db } = database
afterAll(() => database[Symbol.asyncDispose]())

// One for all, as only calls of one policy share a round.
const policy: Policy = {
  ...defaultPolicy,
  filters: [{ name: 'no-honor', check: ({ mode }) => (mode === 'honor' ? { veto: 'Not here.' } : undefined) }],
}

type Columns = Parameters<typeof addCourse>[1]
type Enrollments = Caller['enrollment']

interface Row {
  username: string
  courseId: string
}

interface Case {
  /** The course run; the learner is enrolled in it as `enrolled` says. */
  columns?: Columns
  enrolled?: { mode?: string; is_active?: boolean; version?: number }
  allowed?: 'somebody else'
  call: (enrollment: Enrollments, row: Row) => Promise<Outcome>
  /** The kind, or the code, to be sure that it is what the name says. */
  becomes: string
}

const enroll = (
  more: Omit<Parameters<Enrollments['enroll']>[0], 'username' | 'email' | 'userId' | 'courseId'> = {},
) => {
  return ({ enroll: call }: Enrollments, row: Row) => call({ ...row, ...more })
}
const change = (more: Omit<Parameters<Enrollments['change']>[0], 'username' | 'email' | 'userId' | 'courseId'>) => {
  return ({ change: call }: Enrollments, row: Row) => call({ ...row, ...more })
}

const cases: Record<string, Case> = {
  'somebody new': { call: enroll(), becomes: 'created' },
  'somebody new, with attributes': { call: enroll({ attributes }), becomes: 'created' },
  'somebody new where seats are counted': { columns: { max_enrollments: 1 }, call: enroll(), becomes: 'created' },
  'somebody who had left': { enrolled: { is_active: false }, call: enroll(), becomes: 'reactivated' },
  'somebody who is there': { enrolled: {}, call: enroll({ mode: 'verified' }), becomes: 'unchanged' },
  'another mode': { enrolled: {}, call: change({ mode: 'verified' }), becomes: 'modeChanged' },
  'the same mode': { enrolled: {}, call: change({ mode: 'audit' }), becomes: 'unchanged' },
  leaving: { enrolled: {}, call: change({ isActive: false }), becomes: 'deactivated' },
  'an unknown username': {
    call: ({ enroll: call }, row) => call({ ...row, username: 'nobody' }),
    becomes: 'learnerNotFound',
  },
  'an unknown address': {
    call: ({ change: call }, { courseId }) => call({ email: 'no@body', courseId, isActive: true }),
    becomes: 'learnerNotFound',
  },
  'an id that is no number': {
    call: ({ enroll: call }, { courseId }) => call({ userId: 'x', courseId }),
    becomes: 'learnerNotFound',
  },
  'no course key': { call: ({ enroll: call }, row) => call({ ...row, courseId: 'a\0b' }), becomes: 'invalidCourseKey' },
  'an unknown course run': {
    call: ({ enroll: call }, row) => call({ ...row, courseId: 'course-v1:No+Such+Course' }),
    becomes: 'courseNotFound',
  },
  'a mode that is not offered': { call: enroll({ mode: 'masters' }), becomes: 'modeUnavailable' },
  'a mode that has expired': { call: enroll({ mode: 'last-year' }), becomes: 'modeUnavailable' },
  'a run that has not begun': { columns: { enrollment_start: FUTURE }, call: enroll(), becomes: 'enrollmentClosed' },
  'a run that has ended': { columns: { enrollment_end: PAST }, call: enroll(), becomes: 'enrollmentClosed' },
  'an invitation that is missing': { columns: { invitation_only: true }, call: enroll(), becomes: 'enrollmentClosed' },
  'an invitation that was used': { allowed: 'somebody else', call: enroll(), becomes: 'enrollmentClosed' },
  'no seat': { columns: { max_enrollments: 0 }, call: enroll({ force: true }), becomes: 'courseFull' },
  'a change of nothing': { call: change({ isActive: false }), becomes: 'notEnrolled' },
  'another version': {
    enrolled: {},
    call: change({ mode: 'verified', expectedVersion: 9 }),
    becomes: 'versionConflict',
  },
  'leaving in another mode': {
    enrolled: {},
    call: change({ mode: 'verified', isActive: false }),
    becomes: 'modeMismatch',
  },
  'credit without its provider': {
    enrolled: {},
    call: change({ mode: 'credit', attributes }),
    becomes: 'missingAttributes',
  },
  'half an attribute': { call: enroll({ attributes: [{ namespace: 'a' }] }), becomes: 'invalidAttribute' },
  'a veto': { call: enroll({ mode: 'honor' }), becomes: 'vetoed' },
  'malformed input': { call: enroll({ mode: '' }), becomes: 'BAD_REQUEST' },
  'a row that the database cannot write': {
    enrolled: { version: LAST_VERSION },
    call: change({ mode: 'verified' }),
    becomes: 'INTERNAL_SERVER_ERROR',
  },
}

describe.each(Object.entries(cases))('%s among sixty good calls', (_, one) => {
  test('comes to what it comes to alone, on the pool and in a transaction, and the sixty are enrolled', async () => {
    const { odd, good } = await amongSixty(one)
    expect(odd).toContain(`"${one.becomes}"`)
    expect(odd).toBe(await tell(one, await rowOf(one), db))
    expect(good.map(({ kind }) => kind)).toEqual(good.map(() => 'created'))
    const trx = await db.startTransaction().execute()
    expect(odd).toBe(await tell(one, await rowOf(one), trx))
    await trx.rollback().execute()
  })
})

/** Makes the odd call among sixty others, of which about half leave together, and makes sure that those around it were written together. */
async function amongSixty(one: Case): Promise<{ odd: string; good: Outcome[] }> {
  const courseId = await addCourse(db)
  const calls = (await addLearners(db, 60)).map(({ username }) => () => {
    return callerOf(db, { policy }).enrollment.enroll({ username, courseId })
  })
  const row = await rowOf(one)
  const [first, odd, last] = await Promise.all([
    Promise.all(calls.slice(0, 20).map((call) => call())),
    tell(one, row, db),
    Promise.all(calls.slice(20).map((call) => call())),
  ])
  if (one.becomes !== 'INTERNAL_SERVER_ERROR') {
    const around = [first.at(-1)?.eventId ?? '', last[0]?.eventId ?? '']
    const roundOf = await roundsByEvent(db, courseId)
    const [before, after] = around.map((eventId) => roundOf.get(eventId))
    expect(before).toBeDefined()
    expect(after).toBe(before)
  }
  return { odd, good: [...first, ...last] }
}

/** The answer as JSON, without names, ids of rows and instants. */
async function tell(one: Case, { userId, ...row }: BuiltRow, on: Kysely<DB>): Promise<string> {
  const told = await one.call(callerOf(on, { policy }).enrollment, row).then(essence, errorInWords)
  return JSON.stringify(told)
    .replaceAll(row.username, 'the learner')
    .replaceAll(row.courseId, 'the course run')
    .replaceAll(`"${userId}"`, '"id of the learner"')
}

interface BuiltRow extends Row {
  userId: string
}

async function rowOf({ columns = {}, enrolled, allowed }: Case): Promise<BuiltRow> {
  const modes: NonNullable<Columns>['modes'] = ['audit', 'verified', 'honor', 'credit', ['last-year', PAST]]
  const { id, username, email } = await addLearner(db)
  const courseId = await addCourse(db, { modes, ...columns })
  if (enrolled) await addEnrollment(db, id, courseId, enrolled)
  if (allowed) await addAllowance(db, email, courseId, (await addLearner(db)).id)
  return { username, courseId, userId: String(id) }
}

function essence({ enrollment, eventId, ...rest }: Outcome) {
  return { ...rest, enrollment: { ...enrollment, id: '', created: '', updated: '' }, hasEvent: eventId !== null }
}

function errorInWords(error: unknown) {
  if (!(error instanceof TRPCError)) return String(error)
  return { trpc: error.code, message: error.message, failure: enrollmentErrorFrom(error)?.failure }
}
