import type { Kysely } from 'kysely'
import type { DB } from '../../database/schema.ts'

/** What an embargo rule looks at in the learner who is to be enrolled. */
export interface EmbargoedLearner {
  /** Two letters from their profile. */
  readonly country: string | null
  /** Whether they author the course: no embargo applies to them. */
  readonly isAuthor: boolean
}

/**
 * Reads what a rule looks at: global staff are authors, and so are active accounts that hold staff, limited
 * staff or instructor of the course run or its organisation.
 */
export async function readEmbargoedLearner(
  db: Kysely<DB>,
  learnerId: number,
  course: { readonly key: string; readonly org: string },
): Promise<EmbargoedLearner> {
  const row = await db
    .selectFrom('learners as l')
    .select((eb) => [
      'l.country',
      eb
        .or([
          eb('l.is_staff', '=', true),
          eb.and([
            eb('l.is_active', '=', true),
            eb.exists(
              eb
                .selectFrom('roles as r')
                .select('r.id')
                .whereRef('r.learner_id', '=', 'l.id')
                .where('r.role', 'in', ['staff', 'limited_staff', 'instructor'])
                .where('r.org', '=', course.org)
                .where((role) => role.or([role('r.course_key', 'is', null), role('r.course_key', '=', course.key)])),
            ),
          ]),
        ])
        .as('is_author'),
    ])
    .where('l.id', '=', learnerId)
    .executeTakeFirst()
  return { country: row?.country ?? null, isAuthor: Boolean(row?.is_author) }
}
