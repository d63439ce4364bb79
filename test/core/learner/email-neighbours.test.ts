import { afterAll, expect, test } from 'vitest'
import { allow, listAllowances } from '../../../core/course/allowance.ts'
import { courseKeyOf } from '../../../core/course/key.ts'
import { enroll } from '../../../core/enrollment/enroll.ts'
import { getEnrollment } from '../../../core/enrollment/read.ts'
import { searchEnrollments } from '../../../core/enrollment/search.ts'
import { findAccount } from '../../../core/learner/account.ts'
import { enrollManually } from '../../../core/manual-enrollment/enroll.ts'
import { defaultPolicy } from '../../../core/policy.ts'
import { enrollCommand } from '../../support/commands.ts'
import { createTestDatabase } from '../../support/database.ts'
import { addCourse, addLearner } from '../../support/seed.ts'

const KELVIN = '\u212Aim@example.com'
const ASCII = 'kim@example.com'

const database = await createTestDatabase()
const { db } = database
afterAll(() => database[Symbol.asyncDispose]())
const metadata = { actor: { kind: 'user', name: 'staff' }, via: 'rest', now: new Date() } as const
const kelvin = await addLearner(db, { email: KELVIN })
const ascii = await addLearner(db, { email: ASCII })

test.each([
  [KELVIN, kelvin.id],
  [ASCII, ascii.id],
  [ASCII.toUpperCase(), ascii.id],
])('%s names one account, in whichever case', async (email, id) => {
  expect((await findAccount(db, { email }))?.id).toBe(id)
})

test('the Kelvin address does not use the allowance of its ASCII neighbour', async () => {
  const courseId = await addCourse(db, { invitation_only: true })
  await allow(db, { email: 'KIM@example.com', courseId, autoEnroll: false, now: new Date() })
  await expect(
    enroll(db, enrollCommand({ learner: { email: KELVIN }, courseId }), metadata, defaultPolicy),
  ).rejects.toThrow('by invitation only')
  await enroll(db, enrollCommand({ learner: { email: ASCII }, courseId }), metadata, defaultPolicy)
  expect((await listAllowances(db, ASCII)).map(({ claimedBy }) => claimedBy)).toEqual([ascii.userId])
  expect(await listAllowances(db, KELVIN)).toEqual([])
})

test('the Kelvin address does not get the seat of its ASCII neighbour', async () => {
  const courseId = await addCourse(db, { max_enrollments: 1 })
  await enroll(db, enrollCommand({ learner: { email: ASCII.toUpperCase() }, courseId }), metadata, defaultPolicy)
  await expect(
    enroll(db, enrollCommand({ learner: { email: KELVIN }, courseId }), metadata, defaultPolicy),
  ).rejects.toThrow('taken')
  expect(await getEnrollment(db, { email: KELVIN }, courseId)).toBe(null)
  const { items } = await searchEnrollments(db, { courseIds: [courseId], emails: [KELVIN] }, { limit: 5, after: null })
  expect(items).toEqual([])
})

test('manual enrollment tells the two apart', async () => {
  const key = courseKeyOf(await addCourse(db))
  const request = {
    action: 'enroll',
    identifiers: [KELVIN],
    courses: [{ key, cohort: null }],
    autoEnroll: false,
    reason: null,
  } as const
  await enrollManually(db, request, { actorId: ascii.id, metadata, policy: defaultPolicy })
  expect(await getEnrollment(db, { email: ASCII }, key.stored)).toBe(null)
  expect((await getEnrollment(db, { email: KELVIN }, key.stored))?.userId).toBe(String(kelvin.userId))
})
