import type { Kysely } from 'kysely'
import { expect } from 'vitest'
import type { DB } from '../../../core/database/schema.ts'
import { attributesInWords } from '../../support/world.ts'
import type { BurstWorld, Told } from './burst-world.ts'
import type { CourseModel, CourseState } from './model.ts'

export interface Claim {
  readonly world: BurstWorld
  readonly course: CourseModel
  /** What the calls of the course run were told. */
  readonly told: readonly Told[]
  /** What they came to. */
  readonly state: CourseState
}

/**
 * Holds what the database has of a course run against what callers were told: the enrollments, the attributes of the
 * last call that wrote some, and one event for each change and no other.
 *
 * @returns how many changes of single calls each transaction holds: the sizes of the rounds.
 */
export async function expectStored(db: Kysely<DB>, { world, course, told, state }: Claim): Promise<number[]> {
  const numberOf = (id: number) => world.learners.findIndex((learner) => learner.id === id)
  const rows = await enrollmentsOf(db, course.key)
  expect(new Map(rows.map(({ learner_id: id, row }) => [numberOf(id), row]))).toEqual(state)

  const changes = told.flatMap(({ ask, result }) =>
    'kind' in result && result.eventId !== null ? [{ ask, outcome: result, eventId: result.eventId }] : [],
  )
  changes.sort((a, b) => Number(a.eventId) - Number(b.eventId))
  const events = await eventsOf(db, course.key)
  expect(events.map(({ id, event }) => ({ id, ...event }))).toEqual(
    changes.map(({ eventId, outcome: { kind, enrollment, before } }) => ({
      id: eventId,
      enrollmentId: enrollment.id,
      kind,
      version: enrollment.version,
      before,
      after: { mode: enrollment.mode, isActive: enrollment.isActive },
    })),
  )

  for (const [learner, own] of Map.groupBy(changes, ({ ask }) => ask.learner)) {
    const given = own.flatMap(({ ask }) => (ask.procedure === 'enroll' ? [ask.rest.attributes] : []))
    const last = given.findLast((attributes) => attributes !== undefined) ?? []
    const words = last.map(({ namespace, name, value }) => `${namespace}/${name}/${value}`)
    expect(await attributesInWords(db, world.learners[learner]?.id ?? 0, course.key)).toEqual(words)
  }
  const single = events.filter((event) => event.batchId === null)
  return [...Map.groupBy(single, (event) => event.transactionId).values()].map((round) => round.length)
}

async function enrollmentsOf(db: Kysely<DB>, key: string) {
  const rows = await db
    .selectFrom('enrollments as e')
    .innerJoin('courses as c', 'c.id', 'e.course_id')
    .select(['e.learner_id', 'e.mode', 'e.is_active', 'e.version'])
    .where('c.course_key', '=', key)
    .execute()
  return rows.map(({ learner_id, mode, is_active: isActive, version }) => ({
    learner_id,
    row: { mode, isActive, version },
  }))
}

async function eventsOf(db: Kysely<DB>, key: string) {
  const rows = await db
    .selectFrom('enrollment_events as v')
    .innerJoin('enrollments as e', 'e.id', 'v.enrollment_id')
    .innerJoin('courses as c', 'c.id', 'e.course_id')
    .selectAll('v')
    .where('c.course_key', '=', key)
    .orderBy('v.id')
    .execute()
  return rows.map((row) => ({
    id: row.id,
    transactionId: row.transaction_id,
    batchId: row.batch_id,
    event: {
      enrollmentId: row.enrollment_id,
      kind: row.kind,
      version: row.version,
      before:
        row.before_mode === null || row.before_is_active === null
          ? null
          : { mode: row.before_mode, isActive: row.before_is_active },
      after: { mode: row.after_mode, isActive: row.after_is_active },
    },
  }))
}
