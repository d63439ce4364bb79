import { CompiledQuery, type Kysely } from 'kysely'
import type { DB } from '../../core/database/schema.ts'

/** How the requests of all processes follow one another. */
export interface Pace {
  /** Milliseconds from one request to the next one, at least. */
  readonly spacingMs: number
}

/**
 * Takes leave for one request now.
 *
 * @returns zero: it may be sent; otherwise milliseconds after which to ask again.
 */
export async function takeTurn(db: Kysely<DB>, { spacingMs }: Pace): Promise<number> {
  const { rows } = await db.executeQuery<{ wait_ms: number | null }>(CompiledQuery.raw(TAKE, [spacingMs]))
  const [row] = rows
  return row === undefined ? 0 : Math.max(1, Math.ceil(Number(row.wait_ms)))
}

const TAKE = `/* lms.mirror.takeTurn */
with taken as (
  update lms_mirror_pace set next_request_at = clock_timestamp() + $1::float8 * interval '1 ms'
  where next_request_at <= clock_timestamp() and coalesce(paused_until <= clock_timestamp(), true)
  returning true
)
select extract(epoch from greatest(next_request_at, paused_until) - clock_timestamp()) * 1000 as wait_ms
from lms_mirror_pace where not exists (select from taken)`

/** Whether nothing is sent now, because the LMS is away or asks for it. */
export async function isPaused(db: Kysely<DB>): Promise<boolean> {
  const { rows } = await db.executeQuery(CompiledQuery.raw(PAUSED, []))
  return rows.length > 0
}

const PAUSED = `/* lms.mirror.isPaused */ select true from lms_mirror_pace where paused_until > clock_timestamp()`

/**
 * Keeps all processes from sending for a while, longer and longer up to a minute, or for as long as the LMS asks.
 *
 * @param pause.waitMs what the LMS asks for; null: nothing.
 * @returns whether it has not failed before.
 */
export async function pauseAll(
  db: Kysely<DB>,
  { waitMs, words }: { readonly waitMs: number | null; readonly words: string },
): Promise<boolean> {
  const { rows } = await db.executeQuery<{ failures: number }>(CompiledQuery.raw(PAUSE, [waitMs, words]))
  return rows[0]?.failures === 1
}

const PAUSE = `/* lms.mirror.pauseAll */
update lms_mirror_pace set failures = least(failures + 1, 30), last_error = $2::text, paused_until = greatest(paused_until,
  clock_timestamp() + coalesce($1::float8, least(60000, 1000 * 2 ^ least(failures, 6))) * interval '1 ms')
returning failures`

/** The LMS answers again. What it has asked for holds all the same. */
export async function goOn(db: Kysely<DB>): Promise<void> {
  await db.executeQuery(CompiledQuery.raw(GO_ON, []))
}

const GO_ON = `/* lms.mirror.goOn */
update lms_mirror_pace set failures = 0, last_error = null, paused_until = null
where failures > 0 and coalesce(paused_until <= clock_timestamp(), true)`
