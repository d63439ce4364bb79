import { format } from 'mysql2/promise'
import type { LmsEnrollment } from './lms-row.ts'

// The rows are brought into temporary tables whose columns take type and collation from those of the LMS, and MySQL itself finds
// out what each of them is: whatever it takes for equal is equal here too, and nothing is written that it would take for another
// row. The same statements are run by a connection and stand in a file.

/** What the database of an LMS has of what differs by its release. */
export interface LmsShape {
  /** Columns of `student_courseenrollment_history` in lower case; empty: it has no such table. */
  readonly history: ReadonlySet<string>
}

const HISTORY_COLUMNS = [
  'id',
  'created',
  'is_active',
  'mode',
  'course_id',
  'user_id',
  'history_id',
  'history_date',
] as const
const FURTHER_HISTORY_COLUMNS = ['history_type', 'history_user_id', 'history_change_reason'] as const

/** The shape of a present release. */
export const PRESENT_SHAPE: LmsShape = { history: new Set([...HISTORY_COLUMNS, ...FURTHER_HISTORY_COLUMNS]) }

/** What `history_change_reason` says. */
const CHANGE_REASON = 'enrollment-service'

/** Before everything else. Without backslashes as escapes, or with laxness about what fits, rows could become others. */
export const SESSION = ['set names utf8mb4', "set session sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION'"]

/** Makes the temporary tables, which are gone with the connection. */
export function makeTables({ history }: LmsShape): string[] {
  const historyId = history.size === 0 ? 'cast(null as char(32))' : 'h.history_id'
  const historyTable = history.size === 0 ? '' : 'left join student_courseenrollment_history h on h.id = e.id'
  return [
    ...DROP_TABLES,
    `create temporary table es_courses (number int not null default 0 primary key, is_known tinyint not null default 0) engine=InnoDB
  select id from course_overviews_courseoverview limit 0`,
    `create temporary table es_rows (number int not null default 0 primary key, user_id int not null default 0, course_number int not null default 0,
  is_active tinyint not null default 0, lms_id int null, history_date datetime(6) null, history_user_id int null,
  present_id int null, spelling tinyint not null default 0, has_attributes tinyint not null default 0,
  verdict varchar(20) null, key (user_id)) engine=InnoDB
  select e.course_id, e.mode, e.created, ${historyId} as history_id from student_courseenrollment e ${historyTable} limit 0`,
    `create temporary table es_twins (user_id int not null default 0, spelling tinyint not null default 0) engine=InnoDB
  select course_id from student_courseenrollment limit 0`,
    `create temporary table es_attributes (number int not null default 0, position int not null default 0, primary key (number, position)) engine=InnoDB
  select namespace, name, value from student_courseenrollmentattribute limit 0`,
    `create temporary table es_sums (number int not null default 0 primary key, theirs decimal(65) not null default 0, ours decimal(65) not null default 0) engine=InnoDB`,
  ]
}

/** Takes the temporary tables away again. */
export const DROP_TABLES = ['es_courses', 'es_rows', 'es_twins', 'es_attributes', 'es_sums'].map(
  (table) => `drop temporary table if exists ${table}`,
)

/** Tells which course runs rows are about, by their place in the list; each comes once. */
export function addCourses(courseIds: readonly string[], first: number): string[] {
  if (courseIds.length === 0) return []
  return [
    format('insert into es_courses (number, id) values ?', [courseIds.map((id, index) => [first + index, id])]),
    `update es_courses c join course_overviews_courseoverview o on o.id = c.id set c.is_known = 1
  where ${isSameSpelling('o.id', 'c.id')}`,
  ]
}

/** Brings rows in place of those before; they are found again by their place in the list. */
export function fill(rows: readonly LmsEnrollment[], courseNumberOf: (courseId: string) => number): string[] {
  const values = rows.map((row, number) => [
    number,
    row.userId,
    courseNumberOf(row.courseId),
    Number(row.isActive),
    row.lmsId,
    datetimeOf(row.historyDate),
    row.historyUserId,
    row.courseId,
    row.mode,
    datetimeOf(row.created),
    row.historyId.replaceAll('-', ''),
  ])
  const attributes = rows.flatMap((row, number) =>
    row.attributes.map(({ namespace, name, value }, position) => [number, position, namespace, name, value]),
  )
  return [
    ...['es_rows', 'es_twins', 'es_attributes', 'es_sums'].map((table) => `delete from ${table}`),
    format(
      `insert into es_rows (number, user_id, course_number, is_active, lms_id, history_date, history_user_id, course_id, mode,
  created, history_id) values ?`,
      [values],
    ),
    ...chunksOf(attributes, 500).map((chunk) =>
      format('insert into es_attributes (number, position, namespace, name, value) values ?', [chunk]),
    ),
  ]
}

/** Finds out what each row is, by the tables as they are in this transaction. */
export function classify({ history }: LmsShape): string[] {
  return [
    `update es_rows r left join auth_user u on u.id = r.user_id set r.verdict = 'unknownAccount' where u.id is null`,
    // 3: the row with the id that is known here; 2: spelled as here; 1: but for upper and lower case; 0: as MySQL compares.
    `update es_rows r join student_courseenrollment e on e.user_id = r.user_id and e.course_id = r.course_id
  set r.present_id = e.id, r.spelling = case when e.id = r.lms_id then 3
    when ${bytes('e.course_id')} = ${bytes('r.course_id')} then 2
    when ${isSameSpelling('e.course_id', 'r.course_id')} then 1 else 0 end
  where r.verdict is null`,
    `update es_rows set verdict = 'sameInMysql' where verdict is null and present_id is not null and spelling = 0`,
    `insert into es_twins (user_id, course_id, spelling)
  select user_id, min(course_id), max(spelling) from es_rows where verdict is null group by user_id, course_id having count(*) > 1`,
    `update es_rows r join es_twins t on t.user_id = r.user_id and t.course_id = r.course_id set r.verdict = 'sameInMysql'
  where r.verdict is null and (r.spelling < t.spelling or t.spelling < 2)`,
    `update es_rows r join student_courseenrollment e on e.id = r.lms_id set r.verdict = 'idTaken'
  where r.verdict is null and r.present_id is null`,
    `update es_rows r join es_courses c on c.number = r.course_number set r.verdict = 'unknownCourse'
  where r.verdict is null and r.present_id is null and c.is_known = 0`,
    // Sums of hashes: whether both sides have the same attributes, in whatever order. Of two of one name the last one counts.
    `insert into es_sums (number, ours) select number, sum(${hash('a')}) from es_attributes a group by number`,
    `insert into es_sums (number, theirs) select r.number, sum(${hash('a')})
  from es_rows r join student_courseenrollmentattribute a on a.enrollment_id = r.present_id
  where not exists (select 1 from student_courseenrollmentattribute b
    where b.enrollment_id = a.enrollment_id and b.namespace = a.namespace and b.name = a.name and b.id > a.id)
  group by r.number on duplicate key update theirs = values(theirs)`,
    `update es_rows r left join es_sums s on s.number = r.number set r.has_attributes = coalesce(s.ours = s.theirs, 1)`,
    // An enrollment without `created` keeps that: what is known here was made up.
    `update es_rows r join student_courseenrollment e on e.id = r.present_id set r.verdict = 'unchanged'
  where r.verdict is null and r.has_attributes = 1 and e.is_active = r.is_active and ${bytes('e.mode')} = ${bytes('r.mode')}
    and (e.created = r.created or ${isWithoutInstant('e.created')})`,
    ...(history.size === 0
      ? []
      : [
          `update es_rows r join student_courseenrollment_history h on h.history_id = r.history_id set r.verdict = 'writtenBefore'
  where r.verdict is null`,
        ]),
    `update es_rows set verdict = if(present_id is null, 'inserted', 'updated') where verdict is null`,
  ]
}

/** Writes what is to be inserted or updated. */
export function write({ history }: LmsShape): string[] {
  return [
    `insert into student_courseenrollment (id, user_id, course_id, created, is_active, mode)
  select coalesce(present_id, lms_id), user_id, course_id, created, is_active, mode from es_rows where ${IS_WRITTEN} order by number
  on duplicate key update is_active = values(is_active), mode = values(mode),
    created = if(${isWithoutInstant('student_courseenrollment.created')}, student_courseenrollment.created, values(created))`,
    `update es_rows r join student_courseenrollment e on e.user_id = r.user_id and e.course_id = r.course_id
  set r.present_id = e.id where r.verdict = 'inserted'`,
    ...(history.size === 0 ? [] : [writeHistory(history)]),
    `delete a from student_courseenrollmentattribute a join es_rows r on r.present_id = a.enrollment_id
  where r.${IS_WRITTEN} and r.has_attributes = 0`,
    `insert into student_courseenrollmentattribute (namespace, name, value, enrollment_id)
  select a.namespace, a.name, a.value, r.present_id from es_attributes a join es_rows r on r.number = a.number
  where r.${IS_WRITTEN} and r.has_attributes = 0 order by a.number, a.position`,
  ]
}

/** What became of each row. */
export const OUTCOMES = 'select number, verdict, present_id from es_rows order by number'

const IS_WRITTEN = "verdict in ('inserted', 'updated')"

function writeHistory(known: ReadonlySet<string>): string {
  const columns: Record<string, string> = {
    history_type: "if(r.verdict = 'inserted', '+', '~')",
    history_user_id: 'u.id',
    history_change_reason: `'${CHANGE_REASON}'`,
  }
  const further = FURTHER_HISTORY_COLUMNS.filter((name) => known.has(name))
  const selected = [
    'e.id',
    'e.created',
    'e.is_active',
    'e.mode',
    'e.course_id',
    'e.user_id',
    'r.history_id',
    'r.history_date',
  ]
  return `insert into student_courseenrollment_history (${[...HISTORY_COLUMNS, ...further].join(', ')})
  select ${[...selected, ...further.map((name) => columns[name] ?? 'null')].join(', ')}
  from es_rows r join student_courseenrollment e on e.id = r.present_id left join auth_user u on u.id = r.history_user_id
  where r.${IS_WRITTEN} order by r.number`
}

/** SQL: the code points of a text, whatever its character set. */
function bytes(text: string): string {
  return `cast(convert(${text} using utf8mb4) as binary)`
}

/** SQL: whether two keys are the same but for upper and lower case (adoption.md §1). */
function isSameSpelling(one: string, other: string): string {
  return `${bytes(`lower(${one})`)} = ${bytes(`lower(${other})`)}`
}

/** SQL: whether a column has no instant, or a zero date. */
function isWithoutInstant(column: string): string {
  return `coalesce(year(${column}), 0) = 0`
}

/** SQL: 60 bits of an attribute. */
function hash(alias: string): string {
  const fields = ['namespace', 'name', 'value'].map((name) => `hex(convert(${alias}.${name} using utf8mb4))`)
  return `cast(conv(left(md5(concat_ws(':', ${fields.join(', ')})), 15), 16, 10) as unsigned)`
}

/** `2026-01-02T03:04:05.678901Z` as MySQL writes it, in UTC. */
function datetimeOf(instant: string): string {
  return instant.replace('T', ' ').replace('Z', '')
}

function chunksOf<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  )
}
