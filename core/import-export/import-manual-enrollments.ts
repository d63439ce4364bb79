import { CompiledQuery, type Transaction } from 'kysely'
import type { DB } from '../database/schema.ts'
import { failureOf, type GroupContext, type GroupOutcome, type LineFailure, type Numbered } from './group-importer.ts'
import { addedEnrollment } from './import-enrollments.ts'
import { quote } from './printable.ts'
import { isThere, learnerFinder, noAccount } from './references.ts'
import { findPairs, type FoundPair } from './stored-pairs.ts'

/**
 * Imports the audit of manual enrollment, which is only ever added to: a line is there already where so many rows are equal to
 * it as its `number` says. The course run need not exist.
 */
export async function importManualEnrollments(
  trx: Transaction<DB>,
  lines: readonly Numbered<'manualEnrollment'>[],
  { added }: GroupContext,
): Promise<GroupOutcome> {
  const actors = lines.flatMap(({ line }) => line.actor ?? [])
  const learnerIdOf = await learnerFinder(trx, actors, added)
  const enrolled = lines.flatMap(({ line: { enrolled: username, courseId } }) =>
    username === null ? [] : [{ username, courseId }],
  )
  const pairs = (await findPairs(trx, enrolled)).values()
  const isAdded = ({ learner_id, course_id }: FoundPair, number: number) =>
    isThere(added.others, addedEnrollment(learner_id, course_id), number)
  const failures: LineFailure[] = []
  const rows: AuditRow[] = []
  for (const numbered of lines) {
    const { number, line } = numbered
    const pair = line.enrolled === null ? undefined : pairs.next().value
    const enrollmentId = pair !== undefined && isAdded(pair, number) ? pair.enrollment_id : null
    const actorId = line.actor === null ? null : learnerIdOf(line.actor, number)
    if (actorId === undefined) {
      failures.push(failureOf(numbered, `actor: ${noAccount(line.actor ?? '')}`))
    } else if (line.enrolled !== null && enrollmentId === null) {
      failures.push(failureOf(numbered, `enrolled: ${quote(line.enrolled)} has no enrollment there`))
    } else rows.push({ line, actorId, enrollmentId })
  }
  if (rows.length === 0) return { failures, created: 0, changed: 0 }
  const { numAffectedRows = 0n } = await trx.executeQuery(
    CompiledQuery.raw(ADD, [
      rows.map(({ actorId }) => actorId),
      rows.map(({ enrollmentId }) => enrollmentId),
      rows.map(({ line }) => line.email),
      rows.map(({ line }) => line.courseId.stored),
      rows.map(({ line }) => line.transition),
      rows.map(({ line }) => line.reason),
      rows.map(({ line }) => line.role),
      rows.map(({ line }) => line.created),
      rows.map(({ line }) => line.number),
    ]),
  )
  return { failures, created: Number(numAffectedRows), changed: 0 }
}

interface AuditRow {
  readonly line: Numbered<'manualEnrollment'>['line']
  readonly actorId: number | null
  readonly enrollmentId: string | null
}

const IS_EQUAL = `m.course_key = line.course_key
  and (m.actor_id, m.enrollment_id, m.transition, m.reason, m.role, m.created)
    is not distinct from (line.actor_id, line.enrollment_id, line.transition, line.reason, line.role, line.created)`

// Rows are found by the index of their addresses.
const ADD = `/* import.manualEnrollments */
with line as materialized (
  select line.*, max(number) over (partition by actor_id, enrollment_id, email, course_key, transition, reason, role, created
    order by n rows between unbounded preceding and 1 preceding) as before
  from unnest((select $1::integer[]), (select $2::bigint[]), (select $3::text[]), (select $4::text[]), (select $5::text[]),
    (select $6::text[]), (select $7::text[]), (select $8::timestamptz[]), (select $9::integer[])) with ordinality
    as line (actor_id, enrollment_id, email, course_key, transition, reason, role, created, number, n)
), stored as materialized (
  select n, count(*) as number from (
    select n from line join manual_enrollments m
      on fold_email(m.email) = fold_email(line.email) and m.email = line.email and ${IS_EQUAL}
    union all
    select n from line join manual_enrollments m
      on fold_email(m.email) is null and line.email is null and ${IS_EQUAL}
  ) equal group by n
)
insert into manual_enrollments (actor_id, enrollment_id, email, course_key, transition, reason, role, created)
select actor_id, enrollment_id, email, course_key, transition, reason, role, created
from line left join stored using (n)
cross join lateral generate_series(greatest(line.before, stored.number, 0) + 1, line.number) as missing
order by n`
