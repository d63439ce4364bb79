import { afterAll, expect, test } from 'vitest'
import { createTestDatabase } from '../../../../support/database.ts'
import { openCountedPool } from '../../../../support/flushes.ts'
import { BASE, KEY, signToken } from '../../../../support/rest.ts'
import { addCourse, addLearners } from '../../../../support/seed.ts'
import { buildTestApp } from '../../../../support/server.ts'
import { addCohort } from '../../../../support/world.ts'

// How often PostgreSQL is waited for. What comes with an enrollment shares its transaction; a plain one is one round trip.

const CALLS = 7

const database = await createTestDatabase()
const counted = await openCountedPool(database.connectionString)
const { pool, fewestOf } = counted
const app = buildTestApp({ db: pool, env: { RATE_LIMITS: 'off' } })
afterAll(async () => {
  await app.close()
  await counted[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

test.each([
  ['a cohort', { cohort: 'red' }, 2],
  ['an opt-in', { email_opt_in: true }, 2],
  ['both', { cohort: 'red', email_opt_in: true }, 3],
])('%s takes as many round trips more as it has to', async (_, extras, more) => {
  const courseId = await addCourse(database.db)
  await addCohort(database.db, courseId, 'red')
  const [caller, ...learners] = await addLearners(database.db, 1 + 4 * CALLS)
  const token = await signToken({ preferred_username: caller?.username })
  const post = async (user: string, body: object) => {
    const response = await app.inject({
      method: 'POST',
      url: `${BASE}/enrollment`,
      headers: { ...KEY, authorization: `JWT ${token}` },
      payload: { user, course_details: { course_id: courseId }, ...body },
    })
    expect(response.statusCode, response.body).toBe(200)
  }
  const names = learners.map(({ username }) => username)
  await fewestOf(names.slice(0, CALLS), (name) => post(name, {}))
  const plain = await fewestOf(names.slice(CALLS, 2 * CALLS), (name) => post(name, {}))
  expect(await fewestOf(names.slice(2 * CALLS, 3 * CALLS), (name) => post(name, extras))).toBe(plain + more)
})
