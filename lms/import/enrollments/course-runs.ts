import type { Kysely } from 'kysely'
import { parseCourseKey } from '../../../core/course/key.ts'
import type { LmsDB } from '../../database/schema.ts'
import { foldKey } from '../../source/fold-key.ts'

/** A course run here. */
export interface CourseRun {
  readonly id: number
  readonly courseKey: string
}

/** Finds the course run that the LMS means, in whatever case it writes the key; undefined: there is none here. */
export type FindCourseRun = (text: string) => CourseRun | undefined

/** Reads all course runs: a platform has thousands, its enrollments name them by the million. */
export async function courseRunFinder(db: Kysely<LmsDB>): Promise<FindCourseRun> {
  const runs = await db.selectFrom('courses').select(['id', 'course_key as courseKey']).orderBy('id').execute()
  return findAmong(runs)
}

/** Two runs whose keys differ in their case alone are found by their own spelling; any other means the first. Pure. */
export function findAmong(runs: readonly CourseRun[]): FindCourseRun {
  const exact = new Map(runs.map((run) => [run.courseKey, run]))
  const folded = new Map(runs.toReversed().map((run) => [foldKey(run.courseKey), run]))
  const stored = (text: string) => {
    const key = parseCourseKey(text)?.stored
    return key === undefined || key === text ? undefined : exact.get(key)
  }
  return (text) => exact.get(text) ?? folded.get(foldKey(text)) ?? stored(text)
}
