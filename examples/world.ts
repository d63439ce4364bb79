import { randomUUID } from 'node:crypto'
import type { Kysely } from 'kysely'
import { importLines } from '../core/import-export/import.ts'
import type { EnterpriseDB } from '../enterprise/database/schema.ts'

/** Who takes part in the example. */
export interface World {
  readonly customer: { readonly id: number; readonly uuid: string; readonly name: string }
  /** Six course runs, open and without a limit. */
  readonly courseIds: readonly string[]
  readonly usernames: readonly string[]
}

const LEARNERS = 200
const COURSES = 6

/** Adds a customer, course runs and learners that were never there before, as an import does. */
export async function createWorld(db: Kysely<EnterpriseDB>): Promise<World> {
  const run = randomUUID().slice(0, 8)
  const usernames = Array.from({ length: LEARNERS }, (_, index) => `learner_${run}_${index + 1}`)
  const courseIds = Array.from({ length: COURSES }, (_, index) => `course-v1:ACME+Safety${index + 1}+${run}`)
  const lines = [
    ...usernames.map((username) => ({ type: 'user', username, email: `${username}@example.com` })),
    ...courseIds.map((courseId) => ({ type: 'course', courseId, displayName: 'Safety at work' })),
    ...courseIds.flatMap((courseId) => ['audit', 'verified'].map((slug) => ({ type: 'mode', courseId, slug }))),
  ]
  const { failed } = await importLines(db, fileOf(lines), {
    strict: true,
    now: new Date(),
    actor: { kind: 'system', name: 'example' },
  })
  if (failed > 0) throw new Error(`${failed} lines could not be imported`)
  const customer = await db
    .insertInto('enterprise_customers')
    .values({ uuid: randomUUID(), name: 'ACME' })
    .returning(['id', 'uuid', 'name'])
    .executeTakeFirstOrThrow()
  return { customer, courseIds, usernames }
}

/** The lines as a file would have them. */
async function* fileOf(lines: readonly object[]): AsyncGenerator<string> {
  for (const line of lines) yield `${JSON.stringify(line)}\n`
}
