import { CompiledQuery } from 'kysely'
import {
  arrayLiteral,
  columnParameters,
  columnRows,
  plainParameters,
  plainRow,
  type Column,
  type Value,
} from '../database/columns.ts'
import { lockWait } from '../database/lock-wait.ts'
import { NUMBER_OF_EVENTS } from '../event/number.ts'
import { ANY_LEARNER } from '../learner/lookup-sql.ts'
import { ASSUMED_LEARNER, type ForeseenItem } from './foresee.ts'
import type { KnownCourse } from './known-courses.ts'
import { enrollmentOfPair } from './pair-lookup.ts'

/** What a row of the database says of a command that was not written. */
export type ForeseenFacts = readonly [
  place: number,
  learnerId: number | null,
  userId: number,
  username: string,
  isActive: boolean,
  isStaff: boolean,
  isSuperuser: boolean,
  enrollmentId: string | null,
  version: number,
  mode: string,
  isActiveEnrollment: boolean,
  created: string,
  updated: string,
]

export interface ForeseenAnswer {
  /** Of the enrollments, between commas, in the order of the rows; 0 where none was written. */
  readonly ids: string
  /** The ids of the events that were written. */
  readonly events: string | null
  /** The ids that learners are shown by, in the order of the rows. */
  readonly users: string
  /** The same for their usernames, where commands name them in another way. */
  readonly usernames: readonly (string | null)[] | null
  /** Of the rows that were not written; null: all were. */
  readonly facts: readonly ForeseenFacts[] | null
  /** Ids of the course runs that are as they were known, between commas; null: all are. */
  readonly known: string | null
  /** Of the ids, those whose rows are there; null: all are. A trigger of somebody else may have left some out. */
  readonly written: string | null
}

export interface ForeseenOptions {
  readonly asOne: boolean
  readonly lockWaitMs: number
  readonly areSurelyNew: boolean
}

/**
 * The statement that creates enrollments with their events where the facts are the assumed ones, and answers the facts of the others.
 *
 * @param rows in the order of their events.
 * @param options.asOne writes all of them or none.
 * @param options.lockWaitMs how long it waits for what somebody else is about to write.
 * @param options.areSurelyNew leaves it to the unique index to find that an enrollment exists: then it fails as a whole.
 */
export function foreseenStatement(
  rows: readonly ForeseenItem[],
  { asOne, lockWaitMs, areSurelyNew }: ForeseenOptions,
): CompiledQuery<ForeseenAnswer> {
  const wait = String(lockWaitMs)
  const [first] = rows
  if (rows.length === 1 && first?.step && first.lookup.username !== null) {
    return CompiledQuery.raw(WRITE_ONE, [...plainParameters(BY_USERNAME, rows), first.known.revision, wait])
  }
  const isByUsername = rows.every(({ lookup }) => lookup.username !== null)
  const courses = [...new Map(rows.map(({ known }): [number, KnownCourse] => [known.course.id, known])).values()]
  const { looked, unseen } = isByUsername ? WRITE_BY_USERNAME : WRITE_ANYBODY
  return CompiledQuery.raw(areSurelyNew ? unseen : looked, [
    ...columnParameters<ForeseenItem>(isByUsername ? BY_USERNAME : ANYBODY, rows),
    arrayLiteral(courses.map(({ course }) => course.id)),
    arrayLiteral(courses.map(({ revision }) => revision)),
    asOne,
    wait,
  ])
}

const USERNAME = column('username', 'text', ({ lookup }) => lookup.username)
const EMAIL = column('email', 'text', ({ lookup }) => lookup.email)
const USER_ID = column('user_id', 'integer', ({ lookup }) => lookup.userId)
/** Of the enrollment; no mode: it is not to be written. */
const ROW = [
  column('course_id', 'integer', ({ known }) => known.course.id),
  column('mode', 'text', ({ step }) => step?.after.mode ?? null),
  column('is_active', 'boolean', ({ step }) => step?.after.isActive ?? null),
  column('at', 'timestamptz', ({ step }) => step?.at ?? null),
]
/** Of its event. */
const EVENT = [
  column('reason', 'text', ({ item }) => item.command.reason),
  column('enterprise_uuid', 'text', ({ step, item }) => (step ?? item.command).enterpriseUuid),
  column('actor_kind', 'text', ({ item }) => item.metadata.actor.kind),
  column('actor_name', 'text', ({ item }) => item.metadata.actor.name),
  column('via', 'text', ({ item }) => item.metadata.via),
  column('request_id', 'text', ({ item }) => item.metadata.requestId ?? null),
  column('batch_id', 'uuid', ({ item }) => item.metadata.batchId ?? null),
]
const BY_USERNAME = [USERNAME, ...ROW, ...EVENT]
const ANYBODY = [USERNAME, EMAIL, USER_ID, ...ROW, ...EVENT]

function column(name: string, type: string, valueOf: (row: ForeseenItem) => Value): Column<ForeseenItem> {
  return { name, type, valuesOf: (rows) => rows.map(valueOf) }
}

const IS_ASSUMED_LEARNER = `l.is_active is ${ASSUMED_LEARNER.isActive} and l.is_staff is ${ASSUMED_LEARNER.isStaff}
      and l.is_superuser is ${ASSUMED_LEARNER.isSuperuser}`

/** SQL: whether the course run has no allowance. */
const HAS_NO_ALLOWANCE = `not exists (select from enrollment_allowances w where w.course_key = c.course_key)`

/** SQL: the facts of a learner and an enrollment, as {@link ForeseenFacts} has them. */
const FACTS = `l.id, l.user_id, l.username, l.is_active, l.is_staff, l.is_superuser,
    e.id::text, e.version, e.mode, e.is_active, e.created, e.updated`

const ENROLLMENT_COLUMNS = 'id, learner_id, course_id, mode, is_active, version, created, updated'
const EVENT_COLUMNS = `enrollment_id, version, kind, after_mode, after_is_active, at, ${EVENT.map(({ name }) => name).join(', ')}`
const OF_EVENT = `1, 'created', ${['mode', 'is_active', 'at', ...EVENT.map(({ name }) => name)].map((name) => `r.${name}`).join(', ')}`

const OF_USERNAME = 'learners l on l.username = a.username'
const WRITE_BY_USERNAME = {
  looked: `/* enrollment.foreseenByUsername */ ${writeMany(BY_USERNAME, OF_USERNAME, { looks: true })}`,
  unseen: `/* enrollment.newByUsername */ ${writeMany(BY_USERNAME, OF_USERNAME, { looks: false })}`,
}
const OF_ANYBODY = `${ANY_LEARNER} on true`
const USERNAMES = 'json_agg((select username from learners where id = learner_id) order by n)'
const WRITE_ANYBODY = {
  looked: `/* enrollment.foreseen */ ${writeMany(ANYBODY, OF_ANYBODY, { looks: true, usernames: USERNAMES })}`,
  unseen: `/* enrollment.new */ ${writeMany(ANYBODY, OF_ANYBODY, { looks: false, usernames: USERNAMES })}`,
}

// Course runs are looked up one by one ("offset 0"), as enrollments are: joins with arrays, whose length the planner does not
// know, would read all of them. Ids are drawn after the sort, so that rows are written and locked in the order of all others.
function writeMany(
  columns: readonly Column<ForeseenItem>[],
  learner: string,
  { looks, usernames = 'null::json' }: { readonly looks: boolean; readonly usernames?: string },
): string {
  const after = 2 * columns.length
  const [ids, revisions, asOne] = [1, 2, 3].map((n) => `$${after + n}`)
  const rows = columns.slice(0, columns.length - EVENT.length)
  const enrollment = `
  left join ${enrollmentOfPair('l.id', 'a.course_id')} e on true`
  const areAllWritten = '(select count(*) from written) = (select count(*) from pair where id > 0)'
  return `with ${lockWait(after + 4)}, known as materialized (
  select k.id from unnest((select ${ids}::integer[]), (select ${revisions}::bigint[])) as k (id, revision), lateral (
    select from courses c where c.id = k.id and c.revision = k.revision and ${HAS_NO_ALLOWANCE} offset 0) as c
), fact as materialized (
  select a.n, a.course_id, a.mode, a.is_active, a.at, l.id as learner_id, l.user_id,
    a.mode is not null and ${looks ? 'e.id is null and ' : ''}${IS_ASSUMED_LEARNER}
      and ((select count(*) from known) = (select cardinality(${ids}::integer[]))
        or a.course_id = any ((select coalesce(array_agg(id), '{}') from known)::integer[])) as is_assumed
  from ${columnRows(rows, 1)} a
  left join ${learner}${looks ? enrollment : ''}
), pair as materialized (
  select case when is_assumed and (not ${asOne}::boolean or (select bool_and(is_assumed) from fact))
    then nextval('enrollments_id_seq') else 0 end as id, sorted.*
  from (select * from fact order by course_id, learner_id offset 0) sorted, lock_wait
), written as (
  insert into enrollments (${ENROLLMENT_COLUMNS}) overriding system value
  select id, learner_id, course_id, mode, is_active, 1, at, at from pair where id > 0
  returning id
), place as materialized (
  select array_agg(id order by n) as ids, array_agg(user_id order by n) as users, ${usernames} as usernames from pair
), event as (
  insert into enrollment_events (transaction_id, ${EVENT_COLUMNS})
  select ${NUMBER_OF_EVENTS}, ((select ids from place))[r.n], ${OF_EVENT} from ${columnRows(columns, 1)} r
  where ((select ids from place))[r.n] > 0 and (${areAllWritten} or ((select ids from place))[r.n] in (select id from written))
  returning id
)
select array_to_string(ids, ',') as ids, (select string_agg(id::text, ',') from event) as events,
  array_to_string(users, ',', '') as users, usernames,
  (select json_agg(json_build_array(p.n, ${FACTS}) order by p.n) from pair p left join learners l on l.id = p.learner_id
    left join ${enrollmentOfPair('p.learner_id', 'p.course_id')} e on true
    where p.id = 0) as facts,
  case when (select count(*) from known) < cardinality(${ids}::integer[])
    then (select coalesce(string_agg(id::text, ','), '') from known) end as known,
  case when not ${areAllWritten} then (select coalesce(string_agg(id::text, ','), '') from written) end as written
from place`
}

// The same for a lone command whose learner has a username, as most have: without arrays it takes half the time to begin.
const WRITE_ONE = `/* enrollment.foreseenOne */ ${writeOne()}`

function writeOne(): string {
  const [course, revision] = ['$2', `$${BY_USERNAME.length + 1}`]
  const isAssumed = `is_known and e.id is null and ${IS_ASSUMED_LEARNER}`
  return `with ${lockWait(BY_USERNAME.length + 2)}, fact as materialized (
  select is_known, l.id as learner_id, l.user_id, ${isAssumed} as is_assumed,
    case when not (${isAssumed}) then json_build_array(json_build_array(1, ${FACTS})) end as facts
  from (select exists (select from courses c where c.id = ${course}::integer and c.revision = ${revision}::bigint
      and ${HAS_NO_ALLOWANCE}) as is_known offset 0) k
  left join learners l on l.username = $1::text
  left join ${enrollmentOfPair('l.id', `${course}::integer`)} e on true
), pair as materialized (
  select nextval('enrollments_id_seq') as id, learner_id from fact, lock_wait where is_assumed
), written as (
  insert into enrollments (${ENROLLMENT_COLUMNS}) overriding system value
  select pair.id, learner_id, course_id, mode, is_active, 1, at, at from pair, ${plainRow(BY_USERNAME, 1)} r
  returning id
), event as (
  insert into enrollment_events (${EVENT_COLUMNS}) select written.id, ${OF_EVENT} from written, ${plainRow(BY_USERNAME, 1)} r
  returning id
)
select coalesce((select id from written), 0)::text as ids, (select id from event)::text as events,
  coalesce(user_id::text, '') as users, null::json as usernames, facts,
  case when not is_known then '' end as known, null as written
from fact`
}
