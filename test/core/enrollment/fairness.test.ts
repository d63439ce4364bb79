// slow: many calls against each other
import { afterAll, expect, test } from 'vitest'
import { openDatabase } from '../../../core/database/open.ts'
import { createCaller, type Outcome } from '../../../routers/index.ts'
import { createTestDatabase } from '../../support/database.ts'
import { roundsByEvent } from '../../support/rounds.ts'
import { addCourse, addLearners } from '../../support/seed.ts'

const database = await createTestDatabase()
// With one connection no round overtakes another that the machine lets wait.
const db = openDatabase({
  connectionString: database.connectionString,
  poolSize: 1,
  maxWaitingCalls: 20_000,
  requestDeadlineMs: 0,
})
afterAll(async () => {
  await db.destroy()
  await database[Symbol.asyncDispose]()
})

/** Those that were running, its own, and those beside it. */
const A_FEW = 6

test.each<[string, { columns: { max_enrollments?: number }; crowd: number }]>([
  ['an open course run', { columns: {}, crowd: 10_000 }],
  ['a course run with seats', { columns: { max_enrollments: 20_000 }, crowd: 10_000 }],
])('in %s a crowd of one actor holds up the call of another for a few rounds', async (_, { columns, crowd }) => {
  const courseId = await addCourse(db, columns)
  const names = (await addLearners(db, crowd + 3)).map(({ username }) => username)
  const [first = '', single = '', last = '', ...many] = names
  const answered: Outcome[] = []
  const enroll = async (actor: string, username: string) => {
    const { enrollment } = createCaller({ db, actor: { kind: 'service', name: actor } })
    const outcome = await enrollment.enroll({ username, courseId })
    answered.push(outcome)
    return answered.length
  }
  // Seats of a course run that nobody has asked for yet are waited for elsewhere.
  await enroll('crowd', first)
  const all = many.map((username) => enroll('crowd', username))
  // The crowd is under way.
  await all[0]
  const began = answered.length
  const [ended, endedLast] = await Promise.all([enroll('single', single), enroll('crowd', last)])
  await Promise.all(all)

  const roundOf = await roundsByEvent(db, courseId)
  const roundsIn = (outcomes: readonly Outcome[]) =>
    new Set(outcomes.map(({ eventId }) => roundOf.get(eventId ?? ''))).size
  expect(roundsIn(answered.slice(began, ended))).toBeLessThanOrEqual(A_FEW)
  // A call of the crowd itself waits for those before it: so it is the other actor that does not.
  expect(roundsIn(answered.slice(began, endedLast))).toBeGreaterThan(A_FEW)
})
