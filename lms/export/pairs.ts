import { sql, type Kysely } from 'kysely'
import { inRange, type FeedPosition } from '../../core/event/cursor.ts'
import type { DB } from '../../core/database/schema.ts'
import { historyIdOf, type LmsAttribute, type LmsEnrollment } from './lms-row.ts'

/** An enrollment that is to be written, with what is needed to tell of it. */
export interface ExportedPair {
  readonly enrollmentId: string
  readonly version: number
  readonly username: string
  readonly row: LmsEnrollment
}

/** Enrollments that may have to be written, in the order of accounts and course runs. */
export interface Candidates {
  /** Of accounts whose id is that of the LMS. */
  readonly enrollmentIds: readonly Candidate[]
  /** Of accounts that the LMS does not know: made here. */
  readonly withoutLmsId: readonly { readonly username: string; readonly courseId: string }[]
}

export interface Candidate {
  readonly id: string
  readonly learnerId: number
}

/**
 * Finds the enrollments that were changed here (adoption.md §6): by events behind a place in the feed, or those of which nobody
 * has seen yet that the LMS says the same. In course runs of the LMS only the latter: there it knows better.
 *
 * @param since null: no place is known.
 */
export async function findCandidates(db: Kysely<DB>, since: FeedPosition | null): Promise<Candidates> {
  const through = { transaction: LAST_TRANSACTION, id: LAST_ID }
  const rows = await db
    .selectFrom('enrollments as e')
    .innerJoin('learners as l', 'l.id', 'e.learner_id')
    .innerJoin('courses as c', 'c.id', 'e.course_id')
    .leftJoin('enrollment_lms_ids as i', 'i.enrollment_id', 'e.id')
    .select(['e.id', 'e.learner_id', 'l.username', 'c.course_key', 'l.is_id_of_lms'])
    .where((eb) => {
      const isNotAgreed = sql<boolean>`coalesce(i.agreed_version, 0) < e.version`
      if (since === null) return isNotAgreed
      const changed = eb
        .selectFrom('enrollment_events as v')
        .select('v.enrollment_id')
        .where(inRange('v', { after: since, through }))
        .where('v.is_imported', '=', false)
      return eb.and([eb('e.id', 'in', changed), eb.or([eb('c.owner', '=', 'here'), isNotAgreed])])
    })
    .orderBy('e.learner_id')
    .orderBy('e.course_id')
    .execute()
  return {
    enrollmentIds: rows.filter((row) => row.is_id_of_lms).map((row) => ({ id: row.id, learnerId: row.learner_id })),
    withoutLmsId: rows
      .filter((row) => !row.is_id_of_lms)
      .map(({ username, course_key: courseId }) => ({ username, courseId })),
  }
}

/** Beyond every place in the feed. */
const LAST_TRANSACTION = '9223372036854775807'
const LAST_ID = '9223372036854775807'

/** Reads enrollments as they are now, as rows of the LMS; in the order of accounts and course runs. */
export async function readPairs(db: Kysely<DB>, enrollmentIds: readonly string[]): Promise<ExportedPair[]> {
  const rows = await db
    .selectFrom('enrollments as e')
    .innerJoin('learners as l', 'l.id', 'e.learner_id')
    .innerJoin('courses as c', 'c.id', 'e.course_id')
    .leftJoin('enrollment_lms_ids as i', 'i.enrollment_id', 'e.id')
    .leftJoin('enrollment_events as v', (join) =>
      join.onRef('v.enrollment_id', '=', 'e.id').onRef('v.version', '=', 'e.version'),
    )
    .leftJoin('learners as a', (join) =>
      join.onRef('a.username', '=', 'v.actor_name').on('v.actor_kind', '=', 'user').on('a.is_id_of_lms', '=', true),
    )
    .select([
      'e.id',
      'e.version',
      'e.mode',
      'e.is_active',
      'e.created',
      'e.updated',
      'l.user_id',
      'l.username',
      'c.course_key',
      'i.lms_id',
      'v.id as event_id',
      'v.at',
      'a.user_id as actor_id',
      ATTRIBUTES.as('attributes'),
    ])
    .where('e.id', 'in', [...enrollmentIds])
    .where('l.is_id_of_lms', '=', true)
    .orderBy('e.learner_id')
    .orderBy('e.course_id')
    .execute()
  return rows.map(({ id: enrollmentId, version, username, ...row }) => {
    const historyDate = row.at ?? row.updated
    // Not the number of the event alone: another database of this service, moved to later, has the same numbers.
    const told = [row.user_id, row.course_key, row.mode, Number(row.is_active), JSON.stringify(row.attributes)]
    return {
      enrollmentId,
      version,
      username,
      row: {
        userId: row.user_id,
        courseId: row.course_key,
        mode: row.mode,
        isActive: row.is_active,
        created: row.created,
        lmsId: row.lms_id,
        attributes: row.attributes,
        historyId: historyIdOf('event', row.event_id ?? '', version, historyDate, ...told),
        historyDate,
        historyUserId: row.actor_id,
      },
    }
  })
}

const ATTRIBUTES = sql<LmsAttribute[]>`coalesce((
  select json_agg(json_build_object('namespace', t.namespace, 'name', t.name, 'value', t.value) order by t.position)
  from enrollment_attributes t where t.enrollment_id = e.id
), '[]')`
