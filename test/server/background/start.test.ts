import { sql } from 'kysely'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { createCaller, defaultPolicy } from '../../../routers/index.ts'
import { startBackground } from '../../../server/background/start.ts'
import type { Extension } from '../../../server/extension.ts'
import { createTestDatabase } from '../../support/database.ts'
import { addCourse, addLearner } from '../../support/seed.ts'
import { eventually } from '../../support/eventually.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const { enrollment } = createCaller({ db, actor: { kind: 'service', name: 'tests' } })

const told: [object, string][] = []
const log = { debug: () => {}, error: (fields: object, message: string) => void told.push([fields, message]) }
beforeEach(() => void told.splice(0))

test('runs the steps and the consumers of every extension, with the pool, the policy and the log', async () => {
  const seen: string[] = []
  let steps = 0
  const extensions: Extension[] = [
    {
      name: 'one',
      workers: (context) => {
        expect(context).toMatchObject({ db, policy: defaultPolicy, log })
        return {
          consumers: [{ name: 'one', intervalMs: 5, apply: async (_, events) => void seen.push(...kinds(events)) }],
        }
      },
    },
    { name: 'two' },
    {
      name: 'three',
      workers: () => ({ steps: [{ name: 'counting', intervalMs: 5, run: async () => (steps += 1) < 3 }] }),
    },
  ]
  await using _ = startBackground({ db, log, policy: defaultPolicy, extensions })
  await enrollment.enroll({ username: (await addLearner(db)).username, courseId: await addCourse(db) })
  await eventually(() => expect([seen, steps >= 3]).toEqual([['created'], true]))
  expect(told).toEqual([])
})

test('a consumer that fails is told with its name and tried again; its checkpoint stays, and others go on', async () => {
  const seen = { bad: 0, good: 0 }
  const workers: Extension['workers'] = () => ({
    consumers: [
      {
        name: 'bad',
        intervalMs: 1,
        apply: async () => {
          seen.bad += 1
          throw new Error('not today')
        },
      },
      { name: 'good', intervalMs: 1, apply: async (_, events) => void (seen.good += events.length) },
    ],
  })
  await enrollment.enroll({ username: (await addLearner(db)).username, courseId: await addCourse(db) })
  {
    await using _ = startBackground({ db, log, policy: defaultPolicy, extensions: [{ name: 'mixed', workers }] })
    await eventually(() => expect([seen.bad > 2, seen.good >= 2]).toEqual([true, true]))
  }
  expect(told[0]).toEqual([
    { err: new Error('not today'), worker: 'consuming the feed (bad)', failures: 1 },
    'consuming the feed (bad) failed',
  ])
  expect(told[1]?.[0]).toMatchObject({ failures: 2 })
  const { rows } = await sql`select consumer from feed_checkpoints where cursor is not null`.execute(db)
  expect(rows).toContainEqual({ consumer: 'good' })
  expect(rows).not.toContainEqual({ consumer: 'bad' })
})

test.each<[string, ReturnType<NonNullable<Extension['workers']>>]>([
  ['consumers', { consumers: [{ name: 'same', apply: async () => {} }] }],
  ['steps', { steps: [{ name: 'same', run: async () => false }] }],
])('two %s of one name are refused: which is which could not be told', (_, workers) => {
  const extensions = ['one', 'two'].map((name) => ({ name, workers: () => workers }))
  expect(() => startBackground({ db, log, policy: defaultPolicy, extensions })).toThrow("are called 'same'")
})

function kinds(events: readonly { kind: string }[]): string[] {
  return events.map(({ kind }) => kind)
}
