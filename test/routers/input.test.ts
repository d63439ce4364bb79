import { afterAll, describe, expect, test } from 'vitest'
import { ZodError } from 'zod'
import { createTestDatabase } from '../support/database.ts'
import { addCourse, addLearner } from '../support/seed.ts'
import { callerOf, errorOf } from './calls.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const caller = callerOf(db)
const courseId = await addCourse(db)
const { username } = await addLearner(db)

type Path =
  | 'enrollment.enroll'
  | 'enrollment.enrollMany'
  | 'enrollment.change'
  | 'enrollment.changeMany'
  | 'enrollment.unenrollAll'
  | 'enrollment.get'
  | 'enrollment.getMany'
  | 'enrollment.list'
  | 'enrollment.search'
  | 'enrollment.history'
  | 'course.get'
  | 'course.getMany'
  | 'events.list'

const good = { username, courseId }

describe('malformed input is BAD_REQUEST with the issues of zod', () => {
  test.each<[Path, unknown, string]>([
    ['enrollment.enroll', undefined, ''],
    ['enrollment.enroll', [], ''],
    ['enrollment.enroll', { courseId }, ''],
    ['enrollment.enroll', { ...good, email: 'two@names' }, ''],
    ['enrollment.enroll', { username }, 'courseId'],
    ['enrollment.enroll', { ...good, username: '' }, 'username'],
    ['enrollment.enroll', { ...good, username: 'x'.repeat(151) }, 'username'],
    ['enrollment.enroll', { ...good, username: 'nul\0' }, 'username'],
    ['enrollment.enroll', { ...good, username: 'half \ud800' }, 'username'],
    ['enrollment.enroll', { ...good, username: 7 }, 'username'],
    ['enrollment.enroll', { courseId, email: '  ' }, 'email'],
    ['enrollment.enroll', { courseId, userId: 7 }, 'userId'],
    ['enrollment.enroll', { ...good, courseId: 7 }, 'courseId'],
    ['enrollment.enroll', { ...good, mode: '' }, 'mode'],
    ['enrollment.enroll', { ...good, mode: null }, 'mode'],
    ['enrollment.enroll', { ...good, mode: 'x'.repeat(101) }, 'mode'],
    ['enrollment.enroll', { ...good, isActive: 'true' }, 'isActive'],
    ['enrollment.enroll', { ...good, whenEnrolled: 'replace' }, 'whenEnrolled'],
    ['enrollment.enroll', { ...good, force: 1 }, 'force'],
    ['enrollment.enroll', { ...good, reason: 'nul\0' }, 'reason'],
    ['enrollment.enroll', { ...good, attributes: {} }, 'attributes'],
    [
      'enrollment.enroll',
      { ...good, attributes: [{ namespace: 'a', name: 'b', value: 'x'.repeat(256) }] },
      'attributes.0.value',
    ],
    ['enrollment.enroll', { ...good, attributes: [{ namespace: 'a', name: 'b', value: 1 }] }, 'attributes.0.value'],
    ['enrollment.enroll', { ...good, colour: 'red' }, ''],
    ['enrollment.enrollMany', { items: [] }, 'items'],
    ['enrollment.enrollMany', { items: [good], failureMode: 'none' }, 'failureMode'],
    ['enrollment.enrollMany', { items: [good, { ...good, isActive: 1 }] }, 'items.1.isActive'],
    ['enrollment.enrollMany', { items: [good], idempotencyKey: '' }, 'idempotencyKey'],
    ['enrollment.enrollMany', { items: [good], idempotencyKey: 'x'.repeat(256) }, 'idempotencyKey'],
    ['enrollment.enrollMany', { items: [good], idempotencyKey: 'nul\0' }, 'idempotencyKey'],
    ['enrollment.enrollMany', { items: [good], idempotencyKey: 'half \ud800' }, 'idempotencyKey'],
    ['enrollment.enrollMany', { items: [good], idempotencyKey: 7 }, 'idempotencyKey'],
    ['enrollment.change', good, ''],
    ['enrollment.change', { ...good, expectedVersion: 1 }, ''],
    ['enrollment.change', { ...good, mode: 'audit', expectedVersion: 0 }, 'expectedVersion'],
    ['enrollment.change', { ...good, mode: 'audit', expectedVersion: 1.5 }, 'expectedVersion'],
    ['enrollment.change', { ...good, mode: 'audit', force: true }, ''],
    ['enrollment.changeMany', { items: [] }, 'items'],
    ['enrollment.changeMany', { items: [{ ...good, isActive: false }, good] }, 'items.1'],
    ['enrollment.changeMany', { items: [{ ...good, isActive: false, force: true }] }, 'items.0'],
    ['enrollment.changeMany', { items: [{ ...good, isActive: false, expectedVersion: 0 }] }, 'items.0.expectedVersion'],
    ['enrollment.unenrollAll', {}, ''],
    ['enrollment.get', { username }, 'courseId'],
    ['enrollment.getMany', { enrollments: [] }, 'enrollments'],
    ['enrollment.getMany', { enrollments: Array.from({ length: 1001 }, () => good) }, 'enrollments'],
    ['enrollment.getMany', { enrollments: [good, { courseId }] }, 'enrollments.1'],
    ['enrollment.list', { username, includeInactive: 'yes' }, 'includeInactive'],
    ['enrollment.history', { courseId }, ''],
    ['enrollment.search', { limit: 0 }, 'limit'],
    ['enrollment.search', { limit: 1001 }, 'limit'],
    ['enrollment.search', { courseIds: courseId }, 'courseIds'],
    ['enrollment.search', { changedSince: 'yesterday' }, 'changedSince'],
    ['enrollment.search', { changedSince: '2026-02-30T00:00:00Z' }, 'changedSince'],
    ['enrollment.search', { changedSince: '0000-12-31T00:00:00Z' }, 'changedSince'],
    ['enrollment.search', { changedSince: '9999-12-31T23:59:59-01:00' }, 'changedSince'],
    ['enrollment.search', { cursor: 'garbage' }, 'cursor'],
    ['course.get', { courseId, includeExpired: 0 }, 'includeExpired'],
    ['course.getMany', {}, 'courseIds'],
    ['course.getMany', { courseIds: [] }, 'courseIds'],
    ['course.getMany', { courseIds: Array.from({ length: 1001 }, () => '') }, 'courseIds'],
    ['course.getMany', { courseIds: [courseId, 7] }, 'courseIds.1'],
    ['events.list', { after: 'garbage' }, 'after'],
    ['events.list', { after: '1-' }, 'after'],
    ['events.list', { after: '-1-1' }, 'after'],
    ['events.list', { limit: 0 }, 'limit'],
    ['events.list', { limit: 1001 }, 'limit'],
  ])('%s %j: %j', async (path, input, field) => {
    const error = await errorOf(call(path, input))
    expect(error.code).toBe('BAD_REQUEST')
    expect(error.cause).toBeInstanceOf(ZodError)
    expect((error.cause as ZodError).issues.map((issue) => issue.path.join('.'))).toContain(field)
  })

  test.each([
    ['a year that PostgreSQL does not know', '0000-01-01T00:00:00Z 1'],
    ['a day that does not exist', '2026-02-30T00:00:00Z 1'],
    ['an id that is none', '2026-02-03T00:00:00Z one'],
    ['an id too large', '2026-02-03T00:00:00Z 9999999999999999999'],
    ['no instant', '1'],
  ])('a forged cursor with %s never reaches the database', async (_, text) => {
    const error = await errorOf(caller.enrollment.search({ cursor: Buffer.from(text).toString('base64url') }))
    expect(error.code).toBe('BAD_REQUEST')
  })
})

describe('what is at the edge is well formed', () => {
  test.each<[Path, unknown]>([
    ['enrollment.enroll', { ...good, username: undefined, email: `  ${username.toUpperCase()}@EXAMPLE.com ` }],
    ['enrollment.enroll', { ...good, mode: undefined, reason: '', attributes: [] }],
    ['enrollment.enrollMany', { items: [good], idempotencyKey: ' '.repeat(255) }],
    ['course.getMany', { courseIds: Array.from({ length: 1000 }, () => courseId) }],
    ['enrollment.getMany', { enrollments: Array.from({ length: 1000 }, () => good) }],
    ['enrollment.search', { limit: 1000, courseIds: [], changedSince: '0001-01-01T00:00:00Z' }],
    ['enrollment.search', { changedSince: '9999-12-31T23:59:59.999999Z' }],
    ['enrollment.search', { changedSince: '2026-07-01T12:00:00+05:45' }],
    ['events.list', { after: '9999999999999999999-999999999999999999', limit: 1 }],
    ['events.list', { after: '9223372036854775807-9223372036854775807', limit: 1000 }],
  ])('%s %j', async (path, input) => {
    await expect(call(path, input)).resolves.toBeDefined()
  })
})

/** A call as one writes it who does not look at the types. */
function call(path: Path, input: unknown): Promise<unknown> {
  const [router, procedure] = path.split('.') as ['enrollment', 'enroll']
  return caller[router][procedure](input as Parameters<typeof caller.enrollment.enroll>[0])
}
