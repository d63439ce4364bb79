import { randomUUID } from 'node:crypto'
import { migrateEnterprise } from '../../enterprise/database/migrate.ts'
import type { EnterpriseTables } from '../../enterprise/database/schema.ts'
import { createWorld, type World } from '../world.ts'

/** How many course runs the customer has; every learner is enrolled in all of them. */
export const COURSES = 25

/** How many learners one request of a license manager has (enterprise C.10). */
export const LEARNERS_OF_BATCH = 25

/** A customer in a fresh database, with learners whom nobody has enrolled in its course runs. */
export interface BenchCustomer extends World {
  readonly uuid: string
  readonly courseIds: readonly string[]
  /** Learners who were not given before. */
  takeLearners(count: number): string[]
}

/** Makes the database and the customer. */
export async function createCustomer({ learners }: { learners: number }): Promise<BenchCustomer> {
  await using undo = new AsyncDisposableStack()
  const world = undo.use(await createWorld({ learners }))
  await migrateEnterprise(world.db)
  const uuid = randomUUID()
  const db = world.db.$extendTables<EnterpriseTables>()
  await db.insertInto('enterprise_customers').values({ uuid, name: 'ACME' }).execute()
  const courseIds: string[] = []
  for (let n = 0; n < COURSES; n += 1) courseIds.push(await world.newCourse())
  let taken = 0
  const stack = undo.move()
  return {
    ...world,
    uuid,
    courseIds,
    takeLearners: (count) => {
      const names = world.usernames.slice(taken, taken + count)
      if (names.length < count) throw new RangeError('There are not so many learners')
      taken += count
      return names
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}
