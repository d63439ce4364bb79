import type { Transaction } from 'kysely'
import type { CourseKey } from '../course/key.ts'
import type { DB } from '../database/schema.ts'
import type { LineOf } from './lines.ts'
import { resolveRows, type GroupContext, type Numbered, type Resolved } from './outcome.ts'
import { courseFinder, noCourse } from './references.ts'

/** Builds the rows of lines whose course run has to exist. */
export async function resolveInCourse<T extends 'mode' | 'cohort' | 'embargo', Row>(
  trx: Transaction<DB>,
  lines: readonly Numbered<T>[],
  { added }: GroupContext,
  resolve: (line: LineOf<T>, courseId: number) => Resolved<Row>,
) {
  const keyOf = (line: LineOf<T>): CourseKey => line.courseId
  const courseOf = await courseFinder(
    trx,
    lines.map(({ line }) => keyOf(line)),
    added,
  )
  return resolveRows(lines, ({ number, line }): Resolved<Row> => {
    const key = keyOf(line)
    const id = courseOf(key.stored, number)
    return id === undefined ? { reason: `courseId: ${noCourse(key)}` } : resolve(line, id)
  })
}
