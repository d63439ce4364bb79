import { sql, type Transaction } from 'kysely'
import { afterAll, expect, test } from 'vitest'
import { enrollArrivals } from '../../../core/auto-enrollment/enroll-arrivals.ts'
import { SWEEP_START, sweepAllowances } from '../../../core/auto-enrollment/arrivals.ts'
import { allow, listAllowances } from '../../../core/course/allowance.ts'
import { courseKeyOf } from '../../../core/course/key.ts'
import type { DB } from '../../../core/database/schema.ts'
import { inTransaction } from '../../../core/database/transaction.ts'
import { enroll } from '../../../core/enrollment/enroll.ts'
import { getEnrollment } from '../../../core/enrollment/read.ts'
import { readHistory } from '../../../core/event/read.ts'
import { signUp } from '../../../core/learner/sign-up.ts'
import { enrollManually } from '../../../core/manual-enrollment/enroll.ts'
import { defaultPolicy } from '../../../core/policy.ts'
import { enrollCommand } from '../../support/commands.ts'
import { createTestDatabase } from '../../support/database.ts'
import { addCourse, addLearner } from '../../support/seed.ts'
import { importAll } from '../../support/transfer.ts'

const database = await createTestDatabase()
const { db } = database
afterAll(() => database[Symbol.asyncDispose]())

const now = new Date('2026-03-01T12:00:00Z')
const metadata = { actor: { kind: 'user', name: 'staff' }, via: 'rest', now } as const
const closed = { enrollment_end: '2020-01-01T00:00:00Z', max_enrollments: 0 }
const staff = await addLearner(db)

let people = 0
const nobodyYet = () => `person-${(people += 1)}`
const at = (username: string) => `${username}@example.com`
const signIn = (username: string) => signUp(db, { username, email: at(username), name: '' })
const user = (username: string, more = {}) => ({ type: 'user', username, email: at(username), ...more })
const promise = (username: string, courseId: string) =>
  allow(db, { email: at(username).toUpperCase(), courseId, autoEnroll: true, now })
const work = () => enrollArrivals(db, { policy: defaultPolicy, now })
const historyOf = (username: string, courseId: string) => readHistory(db, { username }, courseId)

test('who signs up is enrolled in the default mode, once, whatever window and seats say', async () => {
  const [username, courseId] = [nobodyYet(), await addCourse(db, closed)]
  await promise(username, courseId)
  const { account } = await signIn(username)
  expect(await work()).toBe(1)
  expect(await historyOf(username, courseId)).toMatchObject([
    { kind: 'created', via: 'rest', actor: { kind: 'user', name: username }, after: { mode: 'audit', isActive: true } },
  ])
  expect(await listAllowances(db, at(username))).toMatchObject([{ claimedBy: account.userId }])
  await signIn(username)
  expect(await work()).toBe(0)
})

test('who is imported is enrolled through the command line, also by an allowance earlier in the same file', async () => {
  const [username, courseId] = [nobodyYet(), await addCourse(db)]
  await importAll(db, [{ type: 'allowance', email: at(username), courseId, autoEnroll: true }, user(username)])
  await work()
  expect(await historyOf(username, courseId)).toMatchObject([{ kind: 'created', via: 'cli' }])
})

test('who was there before the allowance is not enrolled', async () => {
  const [username, courseId] = [nobodyYet(), await addCourse(db)]
  await importAll(db, [user(username), { type: 'allowance', email: at(username), courseId, autoEnroll: true }])
  await importAll(db, [user(username)])
  expect(await work()).toBe(0)
  expect(await getEnrollment(db, { username }, courseId)).toBe(null)
})

test('in a course run of the LMS the wish waits until it is owned here, and for this course run alone', async () => {
  const [username, courseId, other] = [nobodyYet(), await addCourse(db, { owner: 'lms' }), await addCourse(db)]
  await promise(username, courseId)
  const { account } = await signIn(username)
  expect(await work()).toBe(1)
  expect(await getEnrollment(db, { username }, courseId)).toBe(null)
  expect(await listAllowances(db, at(username))).toMatchObject([{ claimedBy: null }])
  expect(await work()).toBe(0)
  await sweepAllowances(db, { after: SWEEP_START, limit: 1000 })
  expect(await work()).toBe(0)
  await promise(username, other)
  await db.updateTable('courses').set({ owner: 'here' }).where('course_key', '=', courseId).execute()
  expect(await work()).toBe(1)
  expect(await historyOf(username, courseId)).toMatchObject([{ kind: 'created', via: 'rest' }])
  expect(await getEnrollment(db, { username }, other)).toBe(null)
  expect(await listAllowances(db, at(username))).toMatchObject([{ claimedBy: account.userId }, { claimedBy: null }])
  expect(await work()).toBe(0)
})

test('an inactive account waits until it is active', async () => {
  const [username, courseId] = [nobodyYet(), await addCourse(db)]
  await promise(username, courseId)
  await importAll(db, [user(username, { isActive: false })])
  expect(await work()).toBe(0)
  await importAll(db, [user(username)])
  await work()
  expect(await getEnrollment(db, { username }, courseId)).toMatchObject({ isActive: true })
})

test('another address brings what waits for it; the Kelvin neighbour gets nothing', async () => {
  const courseId = await addCourse(db)
  await allow(db, { email: 'kate@example.com', courseId, autoEnroll: true, now })
  await importAll(db, [user('kelvin', { email: '\u212Aate@example.com' }), user('kate', { email: 'old@example.com' })])
  expect(await work()).toBe(0)
  await importAll(db, [user('kate', { email: 'Kate@example.com' })])
  await work()
  expect(await getEnrollment(db, { username: 'kate' }, courseId)).toMatchObject({ isActive: true })
  expect(await getEnrollment(db, { username: 'kelvin' }, courseId)).toBe(null)
})

test('what staff promised is told with its reason, and in the audit in the name of who promised it', async () => {
  const [username, courseId] = [nobodyYet(), await addCourse(db)]
  await promiseByHand(username, courseId)
  await signIn(username)
  await work()
  expect(await historyOf(username, courseId)).toMatchObject([{ reason: 'For the class of 2026' }])
  const audit = await db
    .selectFrom('manual_enrollments')
    .select(['actor_id', 'reason', 'transition'])
    .where('email', '=', at(username))
    .orderBy('id')
    .execute()
  expect(audit).toEqual([
    { actor_id: staff.id, reason: 'For the class of 2026', transition: 'from unenrolled to allowed to enroll' },
    { actor_id: staff.id, reason: 'For the class of 2026', transition: 'from allowed to enroll to enrolled' },
  ])
})

test('an account that staff did not see yet is found later', async () => {
  const [username, courseId] = [nobodyYet(), await addCourse(db)]
  await promiseByHand(username, courseId)
  // As if both had been written at the same time.
  await addLearner(db, { username, email: at(username) })
  expect(await work()).toBe(0)
  expect(await sweepAllowances(db, { after: SWEEP_START, limit: 100 })).toEqual({ after: SWEEP_START, found: 1 })
  await work()
  expect(await getEnrollment(db, { username }, courseId)).toMatchObject({ isActive: true })
  expect(await sweepAllowances(db, { after: SWEEP_START, limit: 100 })).toMatchObject({ found: 0 })
})

test('who left does not come back by themselves', async () => {
  const [username, courseId] = [nobodyYet(), await addCourse(db)]
  await promise(username, courseId)
  await signIn(username)
  await work()
  const leave = enrollCommand({ learner: { username }, courseId, path: 'change', isActive: false })
  await enroll(db, leave, metadata, defaultPolicy)
  await importAll(db, [user(username, { isActive: false })])
  await importAll(db, [user(username)])
  await work()
  expect(await getEnrollment(db, { username }, courseId)).toMatchObject({ isActive: false })
})

test('a course run that nobody knows, and a veto, are tried once', async () => {
  const username = nobodyYet()
  await promise(username, 'course-v1:No+Such+Run')
  await signIn(username)
  expect(await work()).toBe(1)
  expect(await work()).toBe(0)
})

test('work that is taken back is done later', async () => {
  const [username, courseId] = [nobodyYet(), await addCourse(db)]
  await promise(username, courseId)
  await signIn(username)
  const died = new Error('The process died')
  const attempt = inTransaction(db, async (trx) => {
    await enrollArrivals(trx, { policy: defaultPolicy, now })
    throw died
  })
  await expect(attempt).rejects.toThrow(died)
  expect(await getEnrollment(db, { username }, courseId)).toBe(null)
  await work()
  expect(await historyOf(username, courseId)).toHaveLength(1)
})

test('several workers and the learners themselves leave one event each', async () => {
  const courseId = await addCourse(db)
  const usernames = Array.from({ length: 20 }, nobodyYet)
  for (const username of usernames) await promise(username, courseId)
  const command = (username: string) => enrollCommand({ learner: { username }, courseId })
  await Promise.all([
    ...usernames.map(async (username) => {
      await signIn(username)
      await enroll(db, command(username), metadata, defaultPolicy)
    }),
    ...Array.from({ length: 12 }, () => enrollArrivals(db, { policy: defaultPolicy, now, limit: 3 })),
  ])
  while ((await work()) > 0);
  for (const username of usernames) expect(await historyOf(username, courseId)).toMatchObject([{ kind: 'created' }])
})

test.each<[what: string, hold: (trx: Transaction<DB>, username: string, courseId: string) => Promise<unknown>]>([
  [
    'whose enrollment somebody has begun',
    (trx, username, courseId) =>
      enroll(trx, enrollCommand({ learner: { username }, courseId }), metadata, defaultPolicy),
  ],
  [
    'whose account somebody holds',
    (trx, username) => sql`select from learners where username = ${username} for update`.execute(trx),
  ],
])('an arrival %s keeps nobody else waiting, before or behind it', async (_, hold) => {
  const courseId = await addCourse(db)
  const usernames = Array.from({ length: 12 }, nobodyYet)
  for (const username of usernames) {
    await promise(username, courseId)
    await signIn(username)
  }
  const [held = '', ...others] = [usernames[5], ...usernames.slice(0, 5), ...usernames.slice(6)]
  const holder = await db.startTransaction().execute()
  await hold(holder, held, courseId)
  for (let count = 0; count < others.length;)
    count += await enrollArrivals(db, { policy: defaultPolicy, now, limit: 4 })
  for (const username of others) expect(await historyOf(username ?? '', courseId)).toHaveLength(1)
  expect(await work()).toBe(0)
  expect(await historyOf(held, courseId)).toEqual([])
  await holder.rollback().execute()
  expect(await work()).toBe(1)
  expect(await historyOf(held, courseId)).toHaveLength(1)
})

async function promiseByHand(username: string, courseId: string): Promise<void> {
  const request = {
    action: 'enroll',
    identifiers: [at(username)],
    courses: [{ key: courseKeyOf(courseId), cohort: null }],
    autoEnroll: true,
    reason: 'For the class of 2026',
  } as const
  await enrollManually(db, request, { actorId: staff.id, metadata, policy: defaultPolicy })
}
