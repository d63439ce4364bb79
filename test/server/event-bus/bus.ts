import type { Kysely } from 'kysely'
import { onTestFinished } from 'vitest'
import type { DB } from '../../../core/database/schema.ts'
import { createCaller } from '../../../routers/index.ts'
import { readConfig, type Environment } from '../../../server/config.ts'
import type { ExtensionEventBus } from '../../../server/event-bus/feed.ts'
import { openEventBus } from '../../../server/event-bus/open.ts'
import { createTestDatabase } from '../../support/database.ts'
import { addCourse, addLearners } from '../../support/seed.ts'

export const LIFECYCLE = 'course-enrollment-lifecycle'
export const UNENROLLMENT = 'course-unenrollment-lifecycle'

export interface Told {
  readonly fields: object
  readonly message: string
}

/** What the log was told. */
export function collectingLog() {
  const told: Told[] = []
  return { told, log: { warn: (fields: object, message: string) => void told.push({ fields, message }) } }
}

/** A database of its own for the length of the test. */
export async function newDatabase(): Promise<Kysely<DB>> {
  const database = await createTestDatabase()
  onTestFinished(() => database[Symbol.asyncDispose]())
  return database.db
}

/** One process with an event bus, for the length of the test. */
export async function openBus(
  db: Kysely<DB>,
  { url }: { readonly url: string },
  { env = {}, extensions = [] }: { env?: Environment; extensions?: readonly ExtensionEventBus[] } = {},
) {
  const config = readConfig({ EVENT_BUS_REDIS_URL: url, ...env }).eventBus
  if (config === undefined) throw new Error('There is an event bus where there is an address')
  const { told, log } = collectingLog()
  const bus = await openEventBus({ db, config, log, extensions })
  onTestFinished(() => bus[Symbol.asyncDispose]())
  const { signal } = new AbortController()
  return {
    told,
    bus,
    /** Does all that there is to do. */
    async run(index = 0) {
      while (await bus.steps[index]?.run(signal));
    },
    /** Does a part of it. */
    runOnce: (index = 0) => bus.steps[index]?.run(signal),
  }
}

/** Enrolls as many new learners in one course run, in one batch. */
export async function enrollMany(db: Kysely<DB>, count: number): Promise<{ courseId: string; usernames: string[] }> {
  const courseId = await addCourse(db)
  const usernames = (await addLearners(db, count)).map(({ username }) => username)
  await enrollmentIn(db).enrollMany({ items: usernames.map((username) => ({ username, courseId })) })
  return { courseId, usernames }
}

export function enrollmentIn(db: Kysely<DB>) {
  return createCaller({ db, actor: { kind: 'service', name: 'tests' } }).enrollment
}
