import { CompiledQuery, type Kysely } from 'kysely'
import type { Course } from '../course/course.ts'
import { parseCourseKey } from '../course/key.ts'
import type { StoredOwner } from '../course/owner.ts'
import { nameFromKey } from '../course/read.ts'
import { arrayLiteral } from '../database/columns.ts'
import { instantFromPostgres } from '../database/instant.ts'
import type { DB } from '../database/schema.ts'
import { learnerLookup } from '../learner/ref.ts'
import type { EnrollmentCommand } from './command.ts'
import type { CourseFacts, Facts, LearnerFacts } from './decide.ts'
import { READ_ANYBODY, READ_BY_USERNAME, READ_ONE } from './facts-sql.ts'
import { knownCoursesOf, type KnownCourse, type KnownCourses } from './known-courses.ts'

/** The facts of a command with what only its writing and its answer need. */
export interface ReadFacts extends Facts {
  readonly course: (CourseFacts & Course) | null
  /** Null together with the enrollment. */
  readonly enrollmentId: string | null
}

/** The statement that reads the facts of commands, and what its answer says. */
export interface FactsQuery {
  readonly statement: CompiledQuery<FactsRow>
  /** @returns one element per command, in order. */
  factsFrom(rows: FactsRow[]): ReadFacts[]
}

/**
 * Reads in one statement all that is needed to decide the commands, whatever their number.
 *
 * @returns one element per command, in order.
 */
export async function readFacts(db: Kysely<DB>, commands: readonly EnrollmentCommand[]): Promise<ReadFacts[]> {
  const { statement, factsFrom } = factsQuery(commands, db.isTransaction ? null : knownCoursesOf(db))
  const { rows } = await db.executeQuery(statement)
  return factsFrom(rows)
}

/**
 * What {@link readFacts} sends, to be sent together with other statements.
 *
 * @param courses what is known of course runs: what has not changed is not sent again, what has is remembered; null where the
 *   transaction may have changed them itself.
 */
export function factsQuery(commands: readonly EnrollmentCommand[], courses: KnownCourses | null): FactsQuery {
  const keys = parseOnce(commands)
  const distinct = new Set(keys.map((key) => key?.stored ?? null))
  const known = [...distinct].flatMap((key) => (key === null ? [] : (courses?.get(key) ?? [])))
  return {
    statement: statementFor(commands, keys, known),
    factsFrom(rows) {
      rows.sort((a, b) => Number(a.i) - Number(b.i))
      const read = readCourses(rows, known)
      if (courses !== null) rememberCourses(courses, read, rows, keys)
      return rows.map((row, index) => factsOfRow(row, keys[index] ?? null, read))
    },
  }
}

/** All course runs of the answer, by their ids. */
function readCourses(rows: readonly FactsRow[], known: readonly KnownCourse[]): Map<number, ReadCourse> {
  const byId = new Map(known.map((each) => [each.course.id, each]))
  const read = rows.flatMap(({ courses }) => courses ?? [])
  return new Map(read.map((row) => [row.id, 'revision' in row ? courseFacts(row) : sameCourse(row, byId.get(row.id))]))
}

function sameCourse(row: SameCourseRow, known: KnownCourse | undefined): ReadCourse {
  if (known === undefined) throw new RangeError('Only what is known is not told')
  const { course, revision, mindsRoles } = known
  return { ...course, revision, mindsRoles, ...row }
}

function factsOfRow(row: FactsRow, courseKey: Facts['courseKey'], courses: ReadonlyMap<number, ReadCourse>): ReadFacts {
  const course = row.course_id === null ? undefined : courses.get(row.course_id)
  return {
    courseKey,
    learner: learnerFacts(row),
    course: course ?? null,
    enrollment: enrollmentFacts(row),
    enrollmentId: row.enrollment_id,
    allowance: row.allowance && { id: row.allowance[0], claimedBy: row.allowance[1] },
    seatsTaken: course?.seatsTaken ?? 0,
  }
}

/** Commands of one batch name few courses many times. */
function parseOnce(commands: readonly EnrollmentCommand[]): Facts['courseKey'][] {
  const known = new Map<string, Facts['courseKey']>()
  return commands.map(({ courseId }) => {
    const parsed = known.get(courseId)
    if (parsed !== undefined) return parsed
    const key = parseCourseKey(courseId)
    known.set(courseId, key)
    return key
  })
}

function statementFor(
  commands: readonly EnrollmentCommand[],
  keys: readonly Facts['courseKey'][],
  known: readonly KnownCourse[],
): CompiledQuery<FactsRow> {
  const lookups = commands.map(({ learner }) => learnerLookup(learner))
  const stored = keys.map((key) => key?.stored ?? null)
  const [lookup] = lookups
  if (lookups.length === 1 && lookup?.username) {
    return CompiledQuery.raw(READ_ONE, [lookup.username, stored[0], known[0]?.revision ?? null])
  }
  const parameters = [
    arrayLiteral(lookups.map(({ username }) => username)),
    arrayLiteral(stored),
    arrayLiteral([...new Set(stored)]),
    arrayLiteral(known.map(({ course }) => course.id)),
    arrayLiteral(known.map(({ revision }) => revision)),
  ]
  if (lookups.every(({ username }) => username !== null)) return CompiledQuery.raw(READ_BY_USERNAME, parameters)
  return CompiledQuery.raw(READ_ANYBODY, [
    ...parameters,
    arrayLiteral(lookups.map(({ email }) => email)),
    arrayLiteral(lookups.map(({ userId }) => userId)),
  ])
}

function rememberCourses(
  known: KnownCourses,
  courses: ReadonlyMap<number, ReadCourse>,
  rows: readonly FactsRow[],
  keys: readonly Facts['courseKey'][],
): void {
  for (const { seatsTaken: _, revision, mindsRoles, hasAllowances, ...course } of courses.values()) {
    const before = known.get(course.courseId)
    if (before?.revision === revision && before.hasAllowances === hasAllowances) continue
    const courseKey = parseCourseKey(course.courseId)
    if (courseKey !== null) known.keep({ courseKey, course, revision, mindsRoles, hasAllowances })
  }
  for (const [index, row] of rows.entries()) {
    const key = keys[index]
    if (row.course_id === null && key) known.forget(key.stored)
  }
}

function learnerFacts(row: FactsRow): LearnerFacts | null {
  if (row.learner_id === null) return null
  return {
    id: row.learner_id,
    userId: row.user_id,
    username: row.username,
    isActive: row.learner_is_active,
    isStaff: row.is_staff,
    isSuperuser: row.is_superuser,
    isCourseTeam: ((row.roles ?? 0) & 1) > 0,
    takesNoSeat: ((row.roles ?? 0) & 2) > 0,
  }
}

/** Instants in JSON have another form than those of columns. */
function courseFacts(row: CourseRow): ReadCourse {
  const { courseId, displayName, start, end, enrollmentStart, enrollmentEnd, modes } = row
  return {
    ...row,
    displayName: displayName ?? nameFromKey(courseId),
    start: start && instantFromPostgres(start),
    end: end && instantFromPostgres(end),
    enrollmentStart: enrollmentStart && instantFromPostgres(enrollmentStart),
    enrollmentEnd: enrollmentEnd && instantFromPostgres(enrollmentEnd),
    modes: modes.map((mode) => ({ ...mode, expires: mode.expires && instantFromPostgres(mode.expires) })),
    deprecatedKey: courseId.includes('/'),
  }
}

function enrollmentFacts(row: FactsRow): Facts['enrollment'] {
  if (row.enrollment_id === null) return null
  const { version, mode, is_active: isActive, created, updated } = row
  return { version, mode, isActive, created, updated }
}

/** A row of one command. Columns of the enrollment are null together with its id, those of the learner with its id. */
interface FactsRow {
  /** Which command the row belongs to, from 1. */
  i: string
  learner_id: number | null
  user_id: number
  username: string
  learner_is_active: boolean
  is_staff: boolean
  is_superuser: boolean
  /** 1: belongs to the course team; 2: takes no seat. Null where neither matters. */
  roles: number | null
  course_id: number | null
  enrollment_id: string | null
  version: number
  mode: string
  is_active: boolean
  created: string
  updated: string
  /** Its id, and the id of who has claimed it. */
  allowance: readonly [number, number | null] | null
  /** All courses of the batch, in the first row only. */
  courses: (CourseRow | SameCourseRow)[] | null
}

/** Of a course run that has not changed since it was known: what its revision leaves open. */
interface SameCourseRow extends Pick<CourseRow, 'id' | 'seatsTaken' | 'hasAllowances'> {}

interface CourseRow extends Omit<Course, 'displayName'>, Omit<KnownCourse, 'course' | 'courseKey'> {
  readonly id: number
  readonly owner: StoredOwner
  readonly displayName: string | null
  /** Null where nothing limits the seats. */
  readonly seatsTaken: number | null
}

type ReadCourse = CourseFacts & Course & Omit<CourseRow, 'displayName'>
