import type { Insertable, Kysely } from 'kysely'
import type { DB } from '../../core/database/schema.ts'

/** Offers one more mode of a course run. */
export async function addMode(
  db: Kysely<DB>,
  courseId: string,
  slug: string,
  columns: Partial<Insertable<DB['course_modes']>> = {},
): Promise<void> {
  const id = await idOfCourse(db, courseId)
  await db
    .insertInto('course_modes')
    .values({ course_id: id, slug, name: slug, ...columns })
    .execute()
}

/** Makes an empty cohort. */
export async function addCohort(db: Kysely<DB>, courseId: string, name: string): Promise<void> {
  await db
    .insertInto('cohorts')
    .values({ course_id: await idOfCourse(db, courseId), name })
    .execute()
}

/** The cohort that a learner is in; null: none. */
export async function cohortOf(db: Kysely<DB>, learnerId: number, courseId: string): Promise<string | null> {
  const row = await db
    .selectFrom('cohort_members as m')
    .innerJoin('cohorts as h', 'h.id', 'm.cohort_id')
    .select('h.name')
    .where('m.learner_id', '=', learnerId)
    .where('m.course_id', '=', await idOfCourse(db, courseId))
    .executeTakeFirst()
  return row?.name ?? null
}

/** Enrolls without any rule. */
export async function addEnrollment(
  db: Kysely<DB>,
  learnerId: number,
  courseId: string,
  columns: Partial<Insertable<DB['enrollments']>> = {},
): Promise<void> {
  const at = '2026-01-01T00:00:00Z'
  await db
    .insertInto('enrollments')
    .values({
      learner_id: learnerId,
      course_id: await idOfCourse(db, courseId),
      mode: 'audit',
      is_active: true,
      created: at,
      updated: at,
      ...columns,
    })
    .execute()
}

/** An enrollment in words, e.g. `active audit`; null: there is none. */
export async function enrollmentInWords(db: Kysely<DB>, learnerId: number, courseId: string): Promise<string | null> {
  const row = await db
    .selectFrom('enrollments')
    .select(['mode', 'is_active'])
    .where('learner_id', '=', learnerId)
    .where('course_id', '=', await idOfCourse(db, courseId))
    .executeTakeFirst()
  return row ? `${row.is_active ? 'active' : 'inactive'} ${row.mode}` : null
}

/** The attributes of an enrollment as `namespace/name/value`, in their order. */
export async function attributesInWords(db: Kysely<DB>, learnerId: number, courseId: string): Promise<string[]> {
  const rows = await db
    .selectFrom('enrollment_attributes as a')
    .innerJoin('enrollments as e', 'e.id', 'a.enrollment_id')
    .select(['a.namespace', 'a.name', 'a.value'])
    .where('e.learner_id', '=', learnerId)
    .where('e.course_id', '=', await idOfCourse(db, courseId))
    .orderBy('a.position')
    .execute()
  return rows.map((row) => `${row.namespace}/${row.name}/${row.value}`)
}

async function idOfCourse(db: Kysely<DB>, courseId: string): Promise<number> {
  const { id } = await db
    .selectFrom('courses')
    .select('id')
    .where('course_key', '=', courseId)
    .executeTakeFirstOrThrow()
  return id
}
