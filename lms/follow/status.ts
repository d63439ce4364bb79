import { sql, type Kysely } from 'kysely'
import type { ConsumerStatus } from '../../core/event/consumers.ts'
import type { DB } from '../../core/database/schema.ts'
import { positionIn } from './enrollments/position.ts'

/** How a stream stands. */
export interface StreamStatus {
  readonly name: string
  /** The instant up to which the history of enrollments was read, as the LMS writes it; null for other streams. */
  readonly position: string | null
  /** Rows that were seen and not dealt with. */
  readonly pending: number
  /** Seconds since everything in the LMS was seen; since following began, where it never was. */
  readonly lagSeconds: number
  /** How long the last look took. */
  readonly lookMs: number | null
  /** What somebody should know of it, for a person. */
  readonly remark: string | null
  readonly lastError: string | null
}

/** Reads how all streams stand; those that were never followed are none. */
export async function readStreams(db: Kysely<DB>): Promise<StreamStatus[]> {
  const { rows } = await sql<Omit<StreamStatus, 'position'> & { position: unknown }>`
    select name, position, pending, look_ms as "lookMs", remark, last_error as "lastError",
      greatest(0, extract(epoch from clock_timestamp() - coalesce(looked, created)))::double precision as "lagSeconds"
    from lms_streams order by name`.execute(db)
  return rows.map((row) => ({ ...row, position: positionIn(row.position)?.history ?? null }))
}

const DAY_SECONDS = 86_400

/** The same in words of `/readyz` (events.md §5). What is due once a night lags when a day is over. */
export async function readFollowConsumers(db: Kysely<DB>): Promise<ConsumerStatus[]> {
  const streams = await readStreams(db)
  return streams.map(({ name, position, pending, lagSeconds, lastError }) => ({
    name: `lms-${name}`,
    cursor: position,
    lagEvents: pending,
    lagSeconds: name === 'comparison' ? Math.max(0, lagSeconds - DAY_SECONDS) : lagSeconds,
    lastError,
  }))
}
