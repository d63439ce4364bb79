import { sql, type Kysely, type Transaction } from 'kysely'
import type { LmsDB } from '../database/schema.ts'
import type { StreamName } from './streams.ts'

/** Where a stream is, as the database keeps it. */
export interface StreamPlace {
  /** Null: it has to be read from the beginning. */
  readonly position: unknown
  /** Grows with what the stream brings. */
  readonly changes: number
  /** Whether it has once left nothing to do. */
  readonly hasLooked: boolean
}

/** Reads where a stream is; one that was never followed begins. */
export async function openStream(db: Kysely<LmsDB>, name: StreamName): Promise<StreamPlace> {
  const place = await readStream(db, name)
  if (place !== null) return place
  await db
    .insertInto('lms_streams')
    .values({ name })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
  return (await readStream(db, name)) ?? { position: null, changes: 0, hasLooked: false }
}

/** The same; null: it was never followed. */
export async function readStream(db: Kysely<LmsDB>, name: StreamName): Promise<StreamPlace | null> {
  const row = await db
    .selectFrom('lms_streams')
    .select(['position', 'changes', 'looked'])
    .where('name', '=', name)
    .executeTakeFirst()
  if (row === undefined) return null
  return { position: row.position, changes: Number(row.changes), hasLooked: row.looked !== null }
}

/**
 * Locks a stream until the transaction ends: what is read of the LMS after that is newer than all that was applied before.
 *
 * @returns false: another process has it.
 */
export async function lockStream(trx: Transaction<LmsDB>, name: StreamName): Promise<boolean> {
  const { rows } = await sql`
    select from lms_streams where name = ${name} for no key update skip locked`.execute(trx)
  return rows.length > 0
}

/** Moves a stream on. */
export async function moveStream(
  db: Kysely<LmsDB>,
  name: StreamName,
  {
    position,
    changes = 0,
    pending,
  }: { readonly position: unknown; readonly changes?: number; readonly pending?: number },
): Promise<void> {
  await sql`
    update lms_streams set position = ${JSON.stringify(position)}::jsonb, changes = changes + ${changes},
      pending = coalesce(${pending ?? null}, pending)
    where name = ${name}`.execute(db)
}

/** Keeps that a look has left nothing to do, and has not failed. */
export async function noteLook(
  db: Kysely<LmsDB>,
  name: StreamName,
  { tookMs, remark = null }: { readonly tookMs: number; readonly remark?: string | null },
): Promise<void> {
  await sql`
    update lms_streams set looked = clock_timestamp() - ${tookMs} * interval '1 millisecond', look_ms = round(${tookMs}),
      pending = 0, remark = ${remark}, last_error = null, failed_at = null
    where name = ${name}`.execute(db)
}

/** Characters of an error that are kept. */
const MAX_ERROR = 500

/** Keeps what a stream failed with, until it does not fail. */
export async function noteStreamFailure(db: Kysely<LmsDB>, name: StreamName, error: unknown): Promise<void> {
  const words = error instanceof Error ? error.message || error.name : String(error)
  const line = words.replaceAll('\0', ' ').split('\n', 1).join('').slice(0, MAX_ERROR).toWellFormed()
  await sql`
    insert into lms_streams as s (name, last_error, failed_at) values (${name}, ${line}, clock_timestamp())
    on conflict (name) do update set last_error = excluded.last_error, failed_at = excluded.failed_at`.execute(db)
}
