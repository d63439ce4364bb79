// slow: long series of random cases
import fc from 'fast-check'
import type { Kysely } from 'kysely'
import { afterAll, expect, test } from 'vitest'
import type { DB } from '../../core/database/schema.ts'
import { enrollmentErrorFrom, type Caller } from '../../routers/index.ts'
import { foreignPool, ownPool } from '../support/any-kysely.ts'
import { createTestDatabase } from '../support/database.ts'
import { addCourse, addLearners } from '../support/seed.ts'
import { callerOf } from './calls.ts'

const database = await createTestDatabase()
const { db, connectionString } = database
const pools = [
  ['our own pool', ownPool(connectionString)],
  ['a foreign pool', foreignPool(connectionString)],
] as const
afterAll(async () => {
  for (const [, pool] of pools) await pool.destroy()
  await database[Symbol.asyncDispose]()
})

const LEARNERS = 4
const COURSES = [{}, { max_enrollments: 2 }]

/** One change of one learner in one course run. */
const step = fc.record({
  learner: fc.nat(LEARNERS - 1),
  course: fc.nat(COURSES.length - 1),
  mode: fc.constantFrom('audit', 'verified', 'unknown'),
  isActive: fc.boolean(),
  whenEnrolled: fc.constantFrom('keep' as const, 'update' as const),
})

const call = fc.oneof(
  fc.record({ kind: fc.constant('enroll' as const), step }),
  fc.record({ kind: fc.constant('change' as const), step }),
  fc.record({ kind: fc.constant('unenrollAll' as const), step }),
  fc.record({
    kind: fc.constant('enrollMany' as const),
    items: fc.array(step, { minLength: 1, maxLength: 4 }),
    failureMode: fc.constantFrom('strict' as const, 'bestEffort' as const),
    dryRun: fc.boolean(),
    hasBadItem: fc.boolean(),
  }),
)

type Call = typeof call extends fc.Arbitrary<infer T> ? T : never
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

interface World {
  readonly usernames: readonly string[]
  readonly courses: readonly string[]
}

test.each(pools)('calls made at once in one transaction equal those one after another: %s', async (_, pool) => {
  const property = fc.asyncProperty(fc.array(call, { minLength: 2, maxLength: 7 }), async (calls) => {
    const world = await freshWorld()
    const inTurn = await inTransactionOf(pool, 'rollback', async (trx) => {
      const { enrollment } = callerOf(trx)
      const answers = []
      for (const one of calls) answers.push(await answerTo(enrollment, world, one))
      return { answers, state: await stateOf(trx, world) }
    })
    const atOnce = await inTransactionOf(pool, 'commit', async (trx) => {
      const { enrollment } = callerOf(trx)
      // Two callers, as of two parts of the owner's code.
      const other = callerOf(trx).enrollment
      const made = calls.map((one, index) => answerTo(index % 2 === 0 ? enrollment : other, world, one))
      return { answers: await Promise.all(made), state: await stateOf(trx, world) }
    })
    expect(atOnce).toEqual(inTurn)
    expect(await stateOf(db, world)).toEqual(inTurn.state)
  })
  await fc.assert(property, { numRuns: 60 })
})

test('what was answered «created» beside a failing strict batch and a dry run is there after the commit', async () => {
  for (const [, pool] of pools) {
    const { usernames, courses } = await freshWorld()
    const pairs = usernames.map((username) => ({ username, courseId: courses[0] ?? '' }))
    const [first, second, third, fourth] = pairs
    if (first === undefined || second === undefined || third === undefined || fourth === undefined) throw new Error()
    const kinds = await pool.transaction().execute(async (trx) => {
      const { enrollment } = callerOf(trx)
      const [one, , two] = await Promise.all([
        enrollment.enroll(first),
        enrollment.enrollMany({ items: [third, { ...fourth, courseId: 'no key' }], failureMode: 'strict' }),
        enrollment.enroll(second),
        enrollment.enrollMany({ items: [fourth], dryRun: true }),
      ])
      return [one.kind, two.kind]
    })
    expect(kinds).toEqual(['created', 'created'])
    const rows = await callerOf(db).enrollment.getMany({ enrollments: pairs })
    expect(rows.map((row) => row !== null)).toEqual([true, true, false, false])
  }
})

async function freshWorld(): Promise<World> {
  const learners = await addLearners(db, LEARNERS)
  const courses = []
  for (const columns of COURSES) courses.push(await addCourse(db, columns))
  return { usernames: learners.map(({ username }) => username), courses }
}

async function inTransactionOf<D extends DB, T>(
  pool: Kysely<D>,
  end: 'commit' | 'rollback',
  work: (trx: Kysely<D>) => Promise<T>,
): Promise<T> {
  const trx = await pool.startTransaction().execute()
  try {
    return await work(trx)
  } finally {
    await trx[end]().execute()
  }
}

/** What a call is answered, but for what is drawn or counted: the number of its row, of its event, of its batch. */
async function answerTo(enrollment: Caller['enrollment'], world: World, one: Call): Promise<unknown> {
  try {
    return withoutNumbers(await made(enrollment, world, one))
  } catch (error) {
    return enrollmentErrorFrom(error)?.failure ?? String(error)
  }
}

function made(enrollment: Caller['enrollment'], world: World, one: Call): Promise<unknown> {
  if (one.kind === 'enroll') return enrollment.enroll(inputOf(world, one.step))
  if (one.kind === 'unenrollAll') return enrollment.unenrollAll({ username: inputOf(world, one.step).username })
  if (one.kind === 'change') {
    const { whenEnrolled: _, ...input } = inputOf(world, one.step)
    return enrollment.change(input)
  }
  const items = one.items.map((item) => inputOf(world, item))
  const [first] = items
  if (one.hasBadItem && first !== undefined) items.push({ ...first, courseId: 'no key' })
  return enrollment.enrollMany({ items, failureMode: one.failureMode, dryRun: one.dryRun })
}

function inputOf({ usernames, courses }: World, { learner, course, ...rest }: Step) {
  return { username: usernames[learner] ?? '', courseId: courses[course] ?? '', ...rest }
}

function withoutNumbers(answer: unknown): unknown {
  const drawn = new Set(['id', 'eventId', 'batchId', 'created', 'updated'])
  return JSON.parse(JSON.stringify(answer, (key, value: unknown) => (drawn.has(key) && value !== null ? '…' : value)))
}

/** The enrollments of a world, and its events in the order in which they were written. */
async function stateOf<D extends DB>(on: Kysely<D>, { usernames, courses }: World) {
  const { enrollment } = callerOf(on)
  const { items } = await enrollment.search({ courseIds: [...courses] })
  const pairs = items.map(({ username, courseId }) => ({ username, courseId }))
  const events = []
  for (const pair of pairs) events.push(...(await enrollment.history(pair)))
  events.sort((a, b) => Number(a.id) - Number(b.id))
  return {
    rows: items
      .map(({ username, courseId, mode, isActive, version }) =>
        [usernames.indexOf(username), courses.indexOf(courseId), mode, isActive, version].join(' '),
      )
      .toSorted(),
    events: events.map(({ username, courseId, kind, version }) =>
      [usernames.indexOf(username), courses.indexOf(courseId), kind, version].join(' '),
    ),
  }
}
