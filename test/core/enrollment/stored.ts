import type { Kysely, Selectable } from 'kysely'
import { expect } from 'vitest'
import type { DB } from '../../../core/database/schema.ts'
import { attributesInWords } from '../../support/world.ts'
import type { BurstWorld, Kept, Told } from './burst-world.ts'
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
    'kind' in result && result.eventId !== null ? [{ ask, result, eventId: result.eventId }] : [],
  )
  changes.sort((a, b) => Number(a.eventId) - Number(b.eventId))
  const events = await eventsOf(db, course.key)
  expect(events.map(({ kept }) => kept)).toEqual(changes.map(({ result }) => essence(result)))

  for (const [learner, own] of Map.groupBy(changes, ({ ask }) => ask.learner)) {
    const given = own.flatMap(({ ask }) => (ask.procedure === 'enroll' ? [ask.rest.attributes] : []))
    const last = given.findLast((attributes) => attributes !== undefined) ?? []
    const words = last.map(({ namespace, name, value }) => `${namespace}/${name}/${value}`)
    expect(await attributesInWords(db, world.learners[learner]?.id ?? 0, course.key)).toEqual(words)
  }
  const single = events.filter(({ row }) => row.batch_id === null)
  return [...Map.groupBy(single, ({ row }) => row.transaction_id).values()].map((round) => round.length)
}

/**
 * Replaces calls whose end nobody was told: by what they came to where their change was kept, and by nothing where it
 * was not. No call may have left two events.
 */
export async function withWhatWasKept(db: Kysely<DB>, world: BurstWorld, told: readonly Told[]): Promise<Told[]> {
  const events = (await Promise.all(world.courses.map(({ key }) => eventsOf(db, key)))).flat()
  const kept = new Map(events.map((event) => [event.row.request_id, event.kept]))
  expect(kept.size).toBe(events.length)
  return told.flatMap((call) => {
    if (!isUnavailable(call)) return [call]
    const result = kept.get(call.requestId)
    return result ? [{ ...call, ended: Infinity, result }] : []
  })
}

/** Whether nobody was told what the call came to. */
export function isUnavailable({ result }: Told): boolean {
  return 'code' in result && result.code === 'unavailable'
}

function essence({ kind, before, eventId, enrollment: { id, version, mode, isActive } }: Kept): Kept {
  return { kind, before, eventId, enrollment: { id, version, mode, isActive } }
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
  return rows.map((row) => ({ row, kept: keptOf(row) }))
}

function keptOf(row: Selectable<DB['enrollment_events']>): Kept {
  const { before_mode: mode, before_is_active: isActive } = row
  return {
    kind: row.kind as Kept['kind'], // A constraint of the table.
    before: mode === null || isActive === null ? null : { mode, isActive },
    eventId: row.id,
    enrollment: {
      id: row.enrollment_id,
      version: row.version,
      mode: row.after_mode,
      isActive: row.after_is_active,
    },
  }
}
