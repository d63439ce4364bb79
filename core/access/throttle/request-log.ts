import { CompiledQuery, type Kysely } from 'kysely'
import type { DB } from '../../database/schema.ts'

/** So many requests in so many seconds. */
export interface Rate {
  readonly requests: number
  readonly seconds: number
}

/** Whether a request was counted. */
export interface Taken {
  readonly isAllowed: boolean
  /** Milliseconds until the oldest request that counts leaves the window; where the request was allowed, 0. */
  readonly waitMs: number
}

/**
 * Counts a request where its window has room; a refused one leaves no mark. One statement by the clock of the database,
 * exact over any number of processes: requests of the same key wait for the row, and then see it as it is.
 *
 * @param db a pool: in a transaction the row would stay locked until its end.
 * @param key of the client, at most 255 characters.
 */
export async function takeRequest(db: Kysely<DB>, key: string, rate: Rate): Promise<Taken> {
  const statement = CompiledQuery.raw(TAKE, [key, rate.requests, rate.seconds])
  const { rows } = await db.executeQuery<{ allowed: boolean; wait_ms: number }>(statement)
  const [row] = rows
  if (row === undefined) throw new Error('The upsert of a request returns its row')
  return { isAllowed: row.allowed, waitMs: row.allowed ? 0 : row.wait_ms }
}

/**
 * Deletes what has expired in one stretch of the log, in the order of its keys. Rows that are in use are passed over,
 * so that it waits for nobody.
 *
 * @param after the key at which the stretch before ended; '' for the beginning.
 * @returns the key at which this stretch ended; '' at the end of the log.
 */
export async function sweepRequests(db: Kysely<DB>, after: string): Promise<string> {
  const statement = CompiledQuery.raw(SWEEP, [after, STRETCH])
  const { rows } = await db.executeQuery<{ size: string; last: string | null }>(statement)
  const [row] = rows
  return Number(row?.size) < STRETCH ? '' : (row?.last ?? '')
}

/** Rows that one sweep looks at. */
export const STRETCH = 1_000

// The clock is read once the row is locked: a request that waited for others is later than they are.
const TAKE = `/* throttle.take */
insert into throttle as log (key, hits, expires, asked, allowed)
select $1, array[now], now + make_interval(secs => $3::int), now, true
from (select clock_timestamp() as now) clock
on conflict (key) do update set (hits, expires, asked, allowed) = (
  select case when has_room then hits || now else hits end,
    case when has_room then now + make_interval(secs => $3::int) else log.expires end,
    now, has_room
  from (
    select now, hits, cardinality(hits) < $2::int as has_room
    from (select clock_timestamp() as now) clock
    cross join lateral (
      select coalesce(array_agg(hit order by hit), '{}') as hits
      from unnest(log.hits) hit
      where hit > now - make_interval(secs => $3::int)
    ) counted
  ) window_now
)
returning allowed, extract(epoch from hits[1] + make_interval(secs => $3::int) - asked)::float8 * 1000 as wait_ms`

const SWEEP = `/* throttle.sweep */
with stretch as materialized (
  select key from throttle where key > $1 order by key limit $2::int
), expired as materialized (
  select t.key from throttle t join stretch using (key)
  where t.expires <= clock_timestamp()
  for update of t skip locked
), gone as (
  delete from throttle t using expired where t.key = expired.key
)
select count(*) as size, max(key) as last from stretch`
