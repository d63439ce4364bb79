import { afterAll, expect, test } from 'vitest'
import { enroll } from '../../../../core/enrollment/enroll.ts'
import { defaultPolicy } from '../../../../core/policy.ts'
import { enrollCommand } from '../../../support/commands.ts'
import { counting } from '../../../support/counting.ts'
import { createTestDatabase } from '../../../support/database.ts'
import { signToken } from '../../../support/rest.ts'
import { addCourse, addLearner } from '../../../support/seed.ts'
import { buildTestApp } from '../../../support/server.ts'

const database = await createTestDatabase()
const { db, statements } = counting(database.db)
const app = buildTestApp({ db, env: { RATE_LIMITS: 'off' } })
afterAll(async () => {
  await app.close()
  await database[Symbol.asyncDispose]()
})

const courseId = await addCourse(database.db)
const [asking, enrolled, other] = await Array.fromAsync([1, 2, 3], () => addLearner(database.db))
const metadata = { actor: { kind: 'user', name: 'staff' }, via: 'rest', now: new Date() } as const
const command = enrollCommand({ learner: { username: enrolled?.username ?? '' }, courseId })
await enroll(database.db, command, metadata, defaultPolicy)

/** The statements of one request by a learner who is nobody's staff, and its answer. */
async function workFor(path: string): Promise<{ statements: number; status: number; body: string }> {
  const authorization = `JWT ${await signToken({ preferred_username: asking?.username ?? '' })}`
  const before = statements()
  const { statusCode: status, body } = await app.inject({ url: path, headers: { authorization } })
  return { statements: statements() - before, status, body }
}

test.for([
  ['one enrollment', (username: string) => `/api/enrollment/v1/enrollment/${username},${courseId}`],
  ['all enrollments', (username: string) => `/api/enrollment/v1/enrollment?user=${username}`],
] as const)(
  '%s of somebody else: the same work whether they are enrolled, are not, or do not exist',
  async ([, path]) => {
    const first = await workFor(path(enrolled?.username ?? ''))
    expect(await workFor(path(other?.username ?? ''))).toEqual(first)
    expect(await workFor(path('nobody'))).toEqual(first)
  },
)
