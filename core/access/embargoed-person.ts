import type { Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'

/** What the embargo has to know about the person who is to be enrolled. */
export interface EmbargoedPerson {
  /** Two letters from their profile. */
  readonly country: string | null
  /** Writes the course, and so may be wherever they are. */
  readonly isAuthor: boolean
}

/**
 * Reads what a rule looks at: global staff are authors, and so is whoever has an active account and holds staff, limited
 * staff or instructor of the course run or its organisation.
 */
export async function readEmbargoedPerson(
  db: Kysely<DB>,
  learnerId: number,
  course: { readonly key: string; readonly org: string },
): Promise<EmbargoedPerson> {
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
