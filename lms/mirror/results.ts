import { CompiledQuery, type Kysely } from 'kysely'
import { inTransaction } from '../../core/database/transaction.ts'
import type { DB } from '../../core/database/schema.ts'
import { keepAgreements } from '../export/agree.ts'

/** What came of a pair, by who has claimed it. */
export interface PairOf {
  readonly enrollmentId: string
  readonly sender: string
}

/**
 * Keeps that the LMS says the same as a version: nothing is due any more, unless a later one was noted meanwhile.
 */
export async function keepAgreed(db: Kysely<DB>, { enrollmentId, sender }: PairOf, version: number): Promise<void> {
  await inTransaction(db, async (trx) => {
    await keepAgreements(trx, [{ enrollmentId, version, lmsId: null }])
    await trx.executeQuery(CompiledQuery.raw(AGREED, [enrollmentId, sender, version]))
    await trx.executeQuery(CompiledQuery.raw(LATER, [enrollmentId, sender]))
  })
}

const AGREED = `/* lms.mirror.agreed */
delete from lms_mirror_pairs where enrollment_id = $1::bigint and claimed_by = $2::uuid and version <= $3::integer`

const LATER = `/* lms.mirror.later */
update lms_mirror_pairs set claimed_by = null, next_attempt_at = clock_timestamp(), failures = 0, last_error = null,
  failed_at = null
where enrollment_id = $1::bigint and claimed_by = $2::uuid`

/** Why a pair is not sent, or not yet. */
export interface NotSent {
  readonly words: string
  /** Milliseconds until it is tried again; null: it is listed, and waits for somebody. */
  readonly waitMs: number | null
  readonly state: 'due' | 'refused' | 'unsent'
  /** The version that it was about: a later one, noted meanwhile, is sent at once. */
  readonly version: number
  /** Whether it counts as a failure of the pair. */
  readonly isFailure: boolean
}

/** Keeps why a pair was not sent. */
export async function keepNotSent(db: Kysely<DB>, { enrollmentId, sender }: PairOf, why: NotSent): Promise<void> {
  const { words, waitMs, state, version, isFailure } = why
  const parameters = [enrollmentId, sender, state, version, waitMs ?? 0, Number(isFailure), words]
  await db.executeQuery(CompiledQuery.raw(NOT_SENT, parameters))
}

const NOT_SENT = `/* lms.mirror.notSent */
update lms_mirror_pairs set claimed_by = null, last_error = $7::text, failed_at = clock_timestamp(),
  state = case when version > $4::integer then 'due' else $3::text end,
  next_attempt_at = clock_timestamp() + case when version > $4::integer and $3::text <> 'due' then 0 else $5::float8 end * interval '1 ms',
  failures = failures + $6::integer
where enrollment_id = $1::bigint and claimed_by = $2::uuid`

/** What was failed with last, of what is still tried; null: nothing fails. */
export async function readLastError(db: Kysely<DB>): Promise<string | null> {
  const { rows } = await db.executeQuery<{ words: string | null }>(CompiledQuery.raw(LAST_ERROR, []))
  return rows[0]?.words ?? null
}

const LAST_ERROR = `/* lms.mirror.lastError */
select coalesce((select last_error from lms_mirror_pace), (
  select p.last_error from lms_mirror_pairs p join enrollments e on e.id = p.enrollment_id join courses c on c.id = e.course_id
  where p.failed_at is not null and p.state = 'due' and c.owner = 'here' order by p.failed_at desc limit 1
)) as words`
