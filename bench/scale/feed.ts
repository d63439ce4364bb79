import { parseArgs } from 'node:util'
import { sql } from 'kysely'
import { createCaller } from '../../routers/index.ts'
import type { Database } from '../../core/database/open.ts'
import { startPostgres, type Store } from '../postgres.ts'
import { table } from '../table.ts'
import { populate } from './population.ts'

/**
 * What a page of the feed costs in a database of many events, with each filter, from the beginning of the feed and near its end,
 * and what a whole walk costs where few events fit: pages, time, and entries of indexes and rows that PostgreSQL looks at.
 *
 * `--rows` is how many enrollments there are (8 million), each with its event; a twentieth of them has a second one.
 */
const { values: options } = parseArgs({ options: { rows: { type: 'string', default: '8000000' } } })
const rows = Number(options.rows)
const BATCH = '0b61a1f5-9c2d-4a51-8a4c-2f6f1b1c0001'

await using postgres = await startPostgres({ sharedBuffers: '1GB' })
await using store = await postgres.createStore('feed')
const population = await populate(store, rows)
await addSecondEvents(store)
const { db } = store
const { events } = createCaller({ db, actor: { kind: 'service', name: 'bench' } })
const courseOf = (number: number) => `course-v1:Scale+S${number}+2026`
const [learner = '', other = ''] = population.usernames(2)

const filters: Record<string, Omit<NonNullable<Parameters<typeof events.list>[0]>, 'after' | 'limit'>> = {
  'no filter': {},
  'a batch': { batchId: BATCH },
  'a batch in a course run': { batchId: BATCH, courseIds: [courseOf(7)] },
  'a batch that is not there': { batchId: BATCH.replaceAll('b', 'c') },
  'a learner': { usernames: [learner] },
  'two learners in a course run': { usernames: [learner, other], courseIds: [courseOf(7)] },
  'a course run': { courseIds: [courseOf(7)] },
  'ten course runs': { courseIds: Array.from({ length: 10 }, (_, number) => courseOf(number)) },
  'the large course run': { courseIds: [population.largeCourse] },
  'a rare kind': { kinds: ['reactivated'] },
  'a rare kind in the large course run': { kinds: ['reactivated'], courseIds: [population.largeCourse] },
  'two kinds': { kinds: ['reactivated', 'deactivated'] },
  'the usual kind': { kinds: ['created'] },
}
const { cursor: end } = await events.list({ after: 'latest' })
const nearEnd = await cursorBefore(db, 500)

const lines = [['filter', 'events', 'pages', 'whole walk', 'first page', 'looked at', 'near the end', 'looked at']]
for (const [name, filter] of Object.entries(filters)) {
  const first = await page(filter, '0-0')
  const last = await page(filter, nearEnd)
  const walked = name === 'no filter' || name === 'the usual kind' ? null : await walk(filter)
  lines.push([
    name,
    walked === null ? '' : String(walked.events),
    walked === null ? '' : String(walked.pages),
    walked === null ? '' : `${(walked.ms / 1_000).toFixed(2)} s`,
    `${first.ms.toFixed(1)} ms`,
    String(first.lookedAt),
    `${last.ms.toFixed(1)} ms`,
    String(last.lookedAt),
  ])
}
const { rows: sizes } = await sql<{ count: string; size: string }>`select count(*)::text as count,
  pg_size_pretty(pg_total_relation_size('enrollment_events')) as size from enrollment_events`.execute(db)
process.stdout.write(`${sizes[0]?.count} events, ${sizes[0]?.size} with indexes\n\n${table(lines)}`)

/** One page; the second time, as it is when what it needs has been read. */
async function page(filter: object, after: string) {
  await events.list({ ...filter, after, limit: 1_000 })
  const started = performance.now()
  await events.list({ ...filter, after, limit: 1_000 })
  const ms = performance.now() - started
  const trx = await db.startTransaction().execute()
  const before = await lookedAt(trx)
  await createCaller({ db: trx, actor: { kind: 'service', name: 'bench' } }).events.list({
    ...filter,
    after,
    limit: 1_000,
  })
  const count = (await lookedAt(trx)) - before
  await trx.rollback().execute()
  return { ms, lookedAt: count }
}

async function walk(filter: object) {
  const started = performance.now()
  const walked = { events: 0, pages: 0, ms: 0 }
  for (let after = '0-0'; after !== end; walked.pages += 1) {
    const read = await events.list({ ...filter, after, limit: 1_000 })
    walked.events += read.events.length
    after = read.cursor
  }
  walked.ms = performance.now() - started
  return walked
}

async function lookedAt(handle: Database): Promise<number> {
  const { rows: counts } = await sql<{ count: string }>`
    select (pg_stat_get_xact_tuples_returned('enrollment_events'::regclass) +
      (select sum(pg_stat_get_xact_tuples_returned(indexrelid)) from pg_stat_user_indexes
       where relname = 'enrollment_events'))::bigint as count`.execute(handle)
  return Number(counts[0]?.count)
}

async function cursorBefore(handle: Database, count: number): Promise<string> {
  const { rows: found } = await sql<{ cursor: string }>`
    select concat(transaction_id, '-', id) as cursor from enrollment_events
    order by transaction_id desc, id desc offset ${count} limit 1`.execute(handle)
  return found[0]?.cursor ?? '0-0'
}

/** One enrollment in twenty is deactivated, every ten-thousandth of all comes back; ten thousand deactivations are one batch. */
async function addSecondEvents({ pool }: Store): Promise<void> {
  const insert = `insert into enrollment_events (enrollment_id, version, kind, before_mode, before_is_active, after_mode,
    after_is_active, actor_kind, actor_name, via, batch_id, at) select id, `
  const tail = `'audit', true, 'audit', false, 'service', 'bench', 'caller'`
  await pool.query(
    `${insert} 2, case when id % 10000 = 0 then 'reactivated' else 'deactivated' end, ${tail},
      case when id <= 200000 then $1::uuid end, now() from enrollments where id % 20 = 0 order by id`,
    [BATCH],
  )
  await pool.query('vacuum (analyze) enrollment_events')
}
