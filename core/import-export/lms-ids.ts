import { CompiledQuery, sql, type Transaction } from 'kysely'
import { arrayLiteral } from '../database/columns.ts'
import type { DB } from '../database/schema.ts'
import { trackHolders, type Holders } from './holders.ts'

/** Whose the ids of the LMS are, by the ids of enrollments, while lines give them one after another. */
export interface LmsIds extends Holders<number> {
  /** Whether no enrollment here has the number as its own id. */
  isFree(lmsId: number): boolean
}

/**
 * Reads who has the ids that lines bring.
 *
 * @param enrollmentIds the enrollments that the lines are about.
 */
export async function readLmsIds(
  trx: Transaction<DB>,
  lmsIds: readonly number[],
  enrollmentIds: readonly string[],
): Promise<LmsIds> {
  if (lmsIds.length === 0) return { ...trackHolders(new Map()), isFree: () => false }
  const { rows } = await trx.executeQuery<{ enrollment_id: string; lms_id: number | null }>(
    CompiledQuery.raw(READ, [arrayLiteral(lmsIds), arrayLiteral(enrollmentIds)]),
  )
  const own = new Set<number>()
  const holders = new Map<string, number>()
  for (const { enrollment_id: id, lms_id: lmsId } of rows) {
    if (lmsId === null) own.add(Number(id))
    else holders.set(id, lmsId)
  }
  return { ...trackHolders(holders), isFree: (lmsId) => !own.has(lmsId) }
}

// First who has the ids, then, without one, which of them enrollments have as their own.
const READ = `/* import.readLmsIds */ select enrollment_id, lms_id from enrollment_lms_ids
  where lms_id = any ((select $1::integer[])::integer[])
    or (enrollment_id = any ((select $2::bigint[])::bigint[]) and lms_id is not null)
  union all
  select id, null from enrollments where id = any ((select $1::integer[]::bigint[])::bigint[])`

/** Keeps the ids that are drawn here above one that is brought. */
export async function drawAbove(trx: Transaction<DB>, id: number): Promise<void> {
  await sql`select setval('enrollments_id_seq', ${id}::bigint) from enrollments_id_seq
    where last_value < ${id}::bigint or (last_value = ${id}::bigint and not is_called)`.execute(trx)
}

/** Takes ids of the LMS from enrollments that get others: a unique index looks at each row of a statement. */
export async function releaseLmsIds(trx: Transaction<DB>, enrollmentIds: readonly string[]): Promise<void> {
  if (enrollmentIds.length === 0) return
  await sql`update enrollment_lms_ids set lms_id = null
    where enrollment_id = any (${enrollmentIds}::bigint[])`.execute(trx)
}

/** An enrollment with the id of the LMS that it gets, which is free. */
export interface GivenId {
  readonly id: string
  readonly lmsId: number
  /** Whether the enrollment was made in this transaction: nothing is known of it yet. */
  readonly isNew: boolean
}

/** Writes ids of the LMS. */
export async function writeLmsIds(trx: Transaction<DB>, given: readonly GivenId[]): Promise<void> {
  await write(
    trx,
    ADD,
    given.filter(({ isNew }) => isNew),
  )
  await write(
    trx,
    SET,
    given.filter(({ isNew }) => !isNew),
  )
}

async function write(trx: Transaction<DB>, statement: string, given: readonly GivenId[]): Promise<void> {
  if (given.length === 0) return
  const parameters = [arrayLiteral(given.map(({ id }) => id)), arrayLiteral(given.map(({ lmsId }) => lmsId))]
  await trx.executeQuery(CompiledQuery.raw(statement, parameters))
}

const INSERT = `insert into enrollment_lms_ids (enrollment_id, lms_id)
  select * from unnest((select $1::bigint[]), (select $2::integer[]))`
// Looking for a row that cannot be there would take half as long again.
const ADD = `/* import.addLmsIds */ ${INSERT}`
const SET = `/* import.setLmsIds */ ${INSERT} on conflict (enrollment_id) do update set lms_id = excluded.lms_id`
