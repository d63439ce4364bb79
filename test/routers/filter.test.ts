import { afterAll, expect, test } from 'vitest'
import { defaultPolicy, type EnrollmentFilter, type Policy } from '../../routers/index.ts'
import { createTestDatabase } from '../support/database.ts'
import { addCourse, addLearner } from '../support/seed.ts'
import { enrollmentInWords } from '../support/world.ts'
import { callerOf, refusalOf } from './calls.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database

const closed: EnrollmentFilter = { name: 'closed', check: () => ({ veto: 'We are closed.' }) }
const policy: Policy = { ...defaultPolicy, filters: [closed] }

test('a veto reaches the caller as the domain’s own error, with the name of the filter', async () => {
  const [{ username }, courseId] = [await addLearner(db), await addCourse(db)]
  const call = callerOf(db, { policy }).enrollment.enroll({ username, courseId })
  const details = { by: 'closed', message: 'We are closed.' }
  expect(await refusalOf(call)).toEqual({ trpc: 'FORBIDDEN', code: 'vetoed', details })
})

test('the caller’s transaction stays usable, and without the filter the same call goes through', async () => {
  const [{ id, username }, courseId] = [await addLearner(db), await addCourse(db)]
  await db.transaction().execute(async (trx) => {
    await refusalOf(callerOf(trx, { policy }).enrollment.enroll({ username, courseId }))
    await callerOf(trx).enrollment.enroll({ username, courseId })
  })
  expect(await enrollmentInWords(db, id, courseId)).toBe('active audit')
})

test('a repeat never turns a success into a failure', async () => {
  const [{ username }, courseId] = [await addLearner(db), await addCourse(db)]
  await callerOf(db).enrollment.enroll({ username, courseId })
  const { kind } = await callerOf(db, { policy }).enrollment.enroll({ username, courseId })
  expect(kind).toBe('unchanged')
})

test('the site is told when a filter fails', async () => {
  const [{ username }, courseId] = [await addLearner(db), await addCourse(db)]
  const failure = new Error('the list of partners is empty')
  const broken: EnrollmentFilter = {
    name: 'broken',
    check: () => {
      throw failure
    },
  }
  const told: unknown[] = []
  const onFilterError: Policy['onFilterError'] = ({ name }, error) => void told.push(name, error)
  const caller = callerOf(db, { policy: { ...defaultPolicy, filters: [broken], onFilterError } })
  expect(await refusalOf(caller.enrollment.enroll({ username, courseId }))).toMatchObject({ code: 'vetoed' })
  expect(told).toEqual(['broken', failure])
})
