import type { Kysely } from 'kysely'
import type { DB } from '../../core/database/schema.ts'

/**
 * Finds enrollments that MySQL may take for another one of the same account, where it cannot be asked: their course keys are
 * the same but for case, accents, blanks and letters outside ASCII. Of such a group the one that the LMS is known to have is
 * not among them.
 */
export async function findAlike(db: Kysely<DB>): Promise<ReadonlySet<string>> {
  const courses = await db.selectFrom('courses').select(['id', 'course_key']).execute()
  const groups = Map.groupBy(courses, (course) => foldedKey(course.course_key))
  const alike = [...groups.values()].filter((group) => group.length > 1)
  const foldOf = new Map(alike.flat().map((course) => [course.id, foldedKey(course.course_key)]))
  if (foldOf.size === 0) return new Set()
  const rows = await db
    .selectFrom('enrollments as e')
    .leftJoin('enrollment_lms_ids as i', 'i.enrollment_id', 'e.id')
    .select(['e.id', 'e.learner_id', 'e.course_id', 'i.lms_id'])
    .where('e.course_id', 'in', [...foldOf.keys()])
    .execute()
  const pairs = Map.groupBy(rows, (row) => `${row.learner_id} ${foldOf.get(row.course_id)}`)
  const doubtful = [...pairs.values()].flatMap((group) => {
    const known = group.filter((row) => row.lms_id !== null)
    return group.length === 1 ? [] : group.filter((row) => known.length !== 1 || row !== known[0])
  })
  return new Set(doubtful.map((row) => row.id))
}

/** What is left of a key when all is taken away that some collation of MySQL does not tell apart. */
export function foldedKey(courseKey: string): string {
  const letters = courseKey
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll(/[ßæœøđłðþı]/g, (letter) => PLAIN[letter] ?? '')
  return letters.replaceAll('ss', 's').replaceAll(/[^!-~]/g, '')
}

const PLAIN: Readonly<Record<string, string>> = {
  ß: 's',
  æ: 'ae',
  œ: 'oe',
  ø: 'o',
  đ: 'd',
  ł: 'l',
  ð: 'd',
  þ: 'th',
  ı: 'i',
}
