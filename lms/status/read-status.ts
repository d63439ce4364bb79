import { sql, type Kysely } from 'kysely'
import type { DB } from '../../core/database/schema.ts'
import { readStreams, type StreamStatus } from '../follow/status.ts'

/** How it stands with the LMS, as the database here knows. */
export interface LmsStatus {
  readonly streams: readonly StreamStatus[]
  /** Course runs, by their owner. */
  readonly owners: { readonly here: number; readonly lms: number }
  /** Rows of the LMS that have no place here, by table and reason. */
  readonly aside: readonly RowsAside[]
  /** Null: nothing was ever written to the LMS. */
  readonly mirror: { readonly due: number; readonly refused: number; readonly unsent: number } | null
}

export interface RowsAside {
  readonly table: string
  /** With `…` for names and numbers. */
  readonly why: string
  readonly rows: number
  /** The key of one of them. */
  readonly example: string
}

export async function readStatus(db: Kysely<DB>): Promise<LmsStatus> {
  return {
    streams: await readStreams(db),
    owners: await countOwners(db),
    aside: await countAside(db),
    mirror: await countMirror(db),
  }
}

/** One on its way to the LMS counts as the LMS's: nobody writes it here. */
async function countOwners(db: Kysely<DB>): Promise<LmsStatus['owners']> {
  const { rows } = await sql<LmsStatus['owners']>`
    select count(*) filter (where owner = 'here')::integer as here, count(*) filter (where owner <> 'here')::integer as lms
    from courses`.execute(db)
  return rows[0] ?? { here: 0, lms: 0 }
}

async function countAside(db: Kysely<DB>): Promise<readonly RowsAside[]> {
  const { rows } = await sql<RowsAside>`
    select table_name as "table", regexp_replace(why, '''[^'']*''|[0-9]+', '…', 'g') as why, count(*)::integer as rows,
      min(primary_key) as example
    from lms_rows_aside group by 1, 2 order by 3 desc, 1, 2`.execute(db)
  return rows
}

async function countMirror(db: Kysely<DB>): Promise<LmsStatus['mirror']> {
  const { rows: known } = await sql<{ is: boolean }>`select to_regclass('lms_mirror_pairs') is not null as is`.execute(
    db,
  )
  if (known[0]?.is !== true) return null
  const { rows } = await sql<{ due: number; refused: number; unsent: number }>`
    select count(*) filter (where state = 'due')::integer as due, count(*) filter (where state = 'refused')::integer as refused,
      count(*) filter (where state = 'unsent')::integer as unsent
    from lms_mirror_pairs`.execute(db)
  return rows[0] ?? null
}
