// slow: starts many processes
import { TRPCClientError } from '@trpc/client'
import { afterAll, expect, test } from 'vitest'
import { createClient, type Client } from '../../routers/client.ts'
import type { AppRouter, Outcome } from '../../routers/index.ts'
import { createTestDatabase } from '../support/database.ts'
import { addCourse, addLearners } from '../support/seed.ts'
import { connectionsEnded, startNamed, type ServerProcess } from '../support/server-process.ts'

const SEATS = 150
const CALLERS = 60

const database = await createTestDatabase()
const { db, connectionString } = database
afterAll(() => database[Symbol.asyncDispose]())

test('of a server that is killed under load nothing that it told is lost or doubled, and repeating is safe', async () => {
  const [open, capped] = [await addCourse(db), await addCourse(db, { max_enrollments: SEATS })]
  const learners = await addLearners(db, 1_200)
  const items = learners.map(({ username }, index) => ({ username, courseId: index % 2 === 0 ? open : capped }))

  const first = startNamed('killed', connectionString)
  const told = await enrollAll(await clientOf(first), items, (answered) => {
    if (answered === 400) first.child.kill('SIGKILL')
  })
  await first.exit
  await connectionsEnded(db, 'killed')
  const untold = told.filter((answer) => answer === 'no answer')
  expect(untold.length).toBeGreaterThan(0)
  expect(untold.length).toBeLessThanOrEqual(800)

  const events = await eventsOf([open, capped])
  const found = new Map(events.map(({ id, username, kind, version }) => [id, { username, kind, version }]))
  for (const [index, answer] of told.entries()) {
    if (typeof answer === 'string') continue
    const event = found.get(answer.eventId ?? '')
    expect(event).toEqual({ username: items[index]?.username, kind: 'created', version: 1 })
  }
  expect(await countEnrollments()).toBe(events.length)

  const kept = new Set(events.map(({ username }) => username))
  const again = await enrollAll(await clientOf(startNamed('second', connectionString)), items)
  for (const [index, { username, courseId }] of items.entries()) {
    const answer = again[index] ?? 'no answer'
    const fresh = courseId === open ? /^created$/ : /^(created|courseFull)$/
    expect(typeof answer === 'string' ? answer : answer.kind).toMatch(kept.has(username) ? /^unchanged$/ : fresh)
  }
  expect(await countEnrollments()).toBe(600 + SEATS)
  expect(await eventsOf([open])).toHaveLength(600)
  expect(await eventsOf([capped])).toHaveLength(SEATS)
})

async function clientOf({ ready }: ServerProcess): Promise<Client> {
  return createClient({ url: (await ready).internalUrl ?? '', token: 'token-of-the-tests' })
}

type Answer = Outcome | 'courseFull' | 'no answer'

/** Many callers, each one call at a time. */
async function enrollAll(
  client: Client,
  items: readonly { username: string; courseId: string }[],
  onAnswer: (answered: number) => void = () => {},
): Promise<Answer[]> {
  const answers: Answer[] = []
  let [next, answered] = [0, 0]
  const callers = Array.from({ length: CALLERS }, async () => {
    for (let index = next++; index < items.length; index = next++) {
      const item = items[index] ?? { username: '', courseId: '' }
      const answer = await client.enrollment.enroll.mutate(item).catch(refusal)
      answers[index] = answer
      if (answer === 'no answer') continue
      answered += 1
      onAnswer(answered)
    }
  })
  await Promise.all(callers)
  await client.close()
  return answers
}

/** Where a server has ended it is unavailable, and the fate of the call unknown. */
function refusal(error: unknown): 'courseFull' | 'no answer' {
  const { data } = error as TRPCClientError<AppRouter> // Nothing else is thrown by the client.
  expect(error).toBeInstanceOf(TRPCClientError)
  if (data?.reason === 'unavailable') return 'no answer'
  expect(data).toMatchObject({ reason: 'courseFull' })
  return 'courseFull'
}

async function countEnrollments(): Promise<number> {
  return (await db.selectFrom('enrollments').select('id').execute()).length
}

function eventsOf(courses: readonly string[]) {
  return db
    .selectFrom('enrollment_events as v')
    .innerJoin('enrollments as e', 'e.id', 'v.enrollment_id')
    .innerJoin('courses as c', 'c.id', 'e.course_id')
    .innerJoin('learners as l', 'l.id', 'e.learner_id')
    .select(['v.id', 'v.kind', 'v.version', 'l.username'])
    .where('c.course_key', 'in', courses)
    .execute()
}
