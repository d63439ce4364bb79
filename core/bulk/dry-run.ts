import { sql, type Transaction } from 'kysely'
import { parseCourseKey } from '../course/key.ts'
import { SEATS_TAKEN } from '../course/seats.ts'
import type { DB } from '../database/schema.ts'
import { withSavepoint } from '../database/transaction.ts'
import { failure } from '../errors.ts'
import type { BulkLine, LineOutcome } from './job.ts'

/** Seats that a dry run would have taken so far, by course key; fewer than none: it would free some. */
type Seats = Readonly<Record<string, number>>

/**
 * Does work of a dry run: what it writes is taken back. Seats that earlier chunks would have taken are missing for those that
 * come later. That is exact, but for what others do meanwhile; a learner and course run that are named in several chunks are
 * planned from what is stored each time.
 */
export async function withoutKeeping(
  trx: Transaction<DB>,
  jobId: string,
  lines: readonly BulkLine[],
  work: (trx: Transaction<DB>) => Promise<LineOutcome[]>,
): Promise<LineOutcome[]> {
  const earlier = await seatsOf(trx, jobId)
  const keys = new Set(lines.flatMap(({ item }) => (item && parseCourseKey(item.courseId)?.stored) ?? []))
  const { outcomes, seats } = await withSavepoint(trx, async () => {
    await takeSeats(trx, earlier)
    const before = await countSeats(trx, [...keys])
    const done = await work(trx)
    const after = await countSeats(trx, [...before.keys()])
    const sum: Record<string, number> = { ...earlier }
    for (const [key, taken] of after) sum[key] = (sum[key] ?? 0) + taken - (before.get(key) ?? 0)
    return { keep: false, value: { outcomes: done, seats: sum } }
  })
  await trx
    .updateTable('bulk_jobs')
    .set({ seats: JSON.stringify(seats) })
    .where('id', '=', jobId)
    .execute()
  return outcomes.map((outcome, index) => withRealLimit(outcome, earlier, lines[index]))
}

async function seatsOf(trx: Transaction<DB>, jobId: string): Promise<Seats> {
  const row = await trx.selectFrom('bulk_jobs').select('seats').where('id', '=', jobId).executeTakeFirst()
  return (row?.seats ?? {}) as Record<string, number>
}

/** For as long as the savepoint lasts the course runs have so many seats fewer. */
async function takeSeats(trx: Transaction<DB>, seats: Seats): Promise<void> {
  const taken = Object.entries(seats).filter(([, count]) => count !== 0)
  if (taken.length === 0) return
  await sql`
    update courses c set max_enrollments = greatest(c.max_enrollments - s.taken, 0)
    from unnest(${taken.map(([key]) => key)}::text[], ${taken.map(([, count]) => count)}::integer[]) as s (course_key, taken)
    where c.course_key = s.course_key and c.max_enrollments is not null`.execute(trx)
}

/** How many seats are taken of those course runs that have a limit. */
async function countSeats(trx: Transaction<DB>, keys: readonly string[]): Promise<Map<string, number>> {
  if (keys.length === 0) return new Map()
  const { rows } = await sql<{ course_key: string; taken: string }>`
    select c.course_key, ${sql.raw(SEATS_TAKEN)} as taken from courses c
    where c.course_key = any(${[...keys]}::text[]) and c.max_enrollments is not null`.execute(trx)
  return new Map(rows.map(({ course_key: key, taken }) => [key, Number(taken)]))
}

/** A refusal names the limit that the course run has. */
function withRealLimit(outcome: LineOutcome, earlier: Seats, line: BulkLine | undefined): LineOutcome {
  if (outcome.ok || outcome.error.code !== 'courseFull') return outcome
  const key = parseCourseKey(line?.item?.courseId ?? '')?.stored ?? ''
  return { ok: false, error: failure('courseFull', { limit: outcome.error.details.limit + (earlier[key] ?? 0) }) }
}
