import type { LmsEnrollment } from './lms-row.ts'
import { addCourses, classify, DROP_TABLES, fill, makeTables, PRESENT_SHAPE, SESSION, write } from './statements.ts'

/** The parts of a file of SQL for the client of MySQL or MariaDB, which writes enrollments into the database of an LMS. */
export interface SqlFile {
  readonly beginning: string
  /** A transaction that writes rows; those of one account together. */
  part(rows: readonly LmsEnrollment[]): string
  /** Tells what became of the rows. */
  readonly end: string
}

/**
 * Makes such a file. Loading it does what a connection would have done: MySQL itself finds out what each row is when it is
 * loaded, and loading it again does nothing. It is for a present release of the LMS, and stops at what MySQL does not store.
 */
export function sqlFile(): SqlFile {
  const numbers = new Map<string, number>()
  return {
    beginning: HEADER + text([...SESSION, ...makeTables(PRESENT_SHAPE), ...REPORT]),
    part(rows) {
      const unknown = [...new Set(rows.map(({ courseId }) => courseId))].filter((id) => !numbers.has(id))
      const courses = addCourses(unknown, numbers.size)
      for (const courseId of unknown) numbers.set(courseId, numbers.size)
      const filled = fill(rows, (courseId) => numbers.get(courseId) ?? -1)
      const work = [...filled, ...classify(PRESENT_SHAPE), ...write(PRESENT_SHAPE), KEEP]
      return text([...courses, 'start transaction', ...work, 'commit'])
    },
    end: text([...RESULT, ...DROP_TABLES, 'drop temporary table es_report']),
  }
}

const HEADER = `-- Enrollments for the database of an LMS, as the enrollment service has them.
-- Load it with the client of MySQL or MariaDB, into the database of the LMS: mysql edxapp < FILE
-- It ends with what became of the rows. It can be loaded again: what was written is not written twice.
`

const REPORT = [
  'drop temporary table if exists es_report',
  `create temporary table es_report (verdict varchar(20) null) engine=InnoDB
  select user_id, course_id from student_courseenrollment limit 0`,
]

const KEEP =
  'insert into es_report (user_id, course_id, verdict) select user_id, course_id, verdict from es_rows order by number'

const RESULT = [
  'select verdict, count(*) as number from es_report group by verdict order by verdict',
  `select user_id, course_id, verdict as not_written_because from es_report
  where verdict not in ('inserted', 'updated', 'unchanged', 'writtenBefore')`,
]

function text(statements: readonly string[]): string {
  return statements.map((statement) => `${statement};\n`).join('')
}
