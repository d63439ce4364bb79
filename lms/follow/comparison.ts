import { sql, type Kysely } from 'kysely'
import * as z from 'zod'
import type { LmsDB } from '../database/schema.ts'
import { ENROLLMENTS } from '../import/enrollments/lms-enrollment.ts'
import type { LmsSource } from '../source/source.ts'
import type { LmsConnection } from './connection.ts'
import { applyAndMove } from './enrollments/apply.ts'
import { positionIn } from './enrollments/position.ts'
import { lastNight } from './last-night.ts'
import { paceOf } from './pace.ts'
import { moveStream, noteLook, openStream, readStream } from './stream-row.ts'
import { LOOK_MS, type Stream } from './stream-step.ts'
import { STREAMS } from './streams.ts'

export interface ComparisonContext {
  readonly db: Kysely<LmsDB>
  readonly connection: LmsConnection
  readonly now?: () => Date
}

const place = z.object({
  /** When the last comparison that is over began. */
  done: z.string().nullable(),
  /** When this one began; null: none is under way. */
  began: z.string().nullable(),
  /** Enrollments up to this id of the LMS are compared. */
  after: z.number(),
})
type Place = z.output<typeof place>

/** Enrollments that are compared at a time. */
const PAGE_SIZE = 1_000

/**
 * Compares everything once a night, and once when following begins: changes of which the LMS keeps no trace are found so
 * (lms.md D.2). Tables are read again by their streams; enrollments of course runs that the LMS owns are applied where they
 * differ. One that was ended goes on where it was.
 */
export function comparisonStream({ db, connection, now = () => new Date() }: ComparisonContext): Stream {
  const pace = paceOf(LOOK_MS)
  return {
    name: 'comparison',
    pace,
    async look(signal, isMine) {
      const known = placeIn((await openStream(db, 'comparison')).position)
      pace.looked(0)
      if (known.began === null && known.done !== null && Date.parse(known.done) >= lastNight(now()).getTime()) {
        return false
      }
      // Before that nothing could be moved on.
      if (positionIn((await readStream(db, 'enrollments'))?.position) === null) return false
      const began = known.began ?? (await beginComparison(db, now()))
      let after = known.began === null ? 0 : known.after
      const isDone = await connection.use(async (source) => {
        while (!signal.aborted && isMine()) {
          const ids = await idsAfter(db, source, after)
          if (ids.length === 0) return true
          await applyAndMove({ db, source }, ids, {})
          after = ids.at(-1) ?? after
          await moveStream(db, 'comparison', { position: { ...known, began, after } satisfies Place })
        }
        return false
      })
      if (!isDone) return true
      await moveStream(db, 'comparison', { position: { done: began, began: null, after: 0 } satisfies Place })
      await noteLook(db, 'comparison', { tookMs: Math.max(0, now().getTime() - Date.parse(began)) })
      return false
    },
  }
}

function placeIn(kept: unknown): Place {
  return place.safeParse(kept).data ?? { done: null, began: null, after: 0 }
}

async function beginComparison(db: Kysely<LmsDB>, now: Date): Promise<string> {
  const tables = STREAMS.filter((name) => name !== 'enrollments' && name !== 'comparison')
  await sql`update lms_streams set position = null where name = any (${tables}::text[])`.execute(db)
  return now.toISOString()
}

/** The next enrollments that the LMS has now, or had. */
async function idsAfter(db: Kysely<LmsDB>, source: LmsSource, after: number): Promise<number[]> {
  const isThere = (await source.columns(ENROLLMENTS)).size > 0
  const there = isThere
    ? await source.query<{ id: number }>(`select id from ${ENROLLMENTS} where id > ? order by id limit ${PAGE_SIZE}`, [
        after,
      ])
    : []
  const { rows: known } = await sql<{ id: number }>`
    select lms_id as id from enrollment_lms_ids where lms_id > ${after} order by lms_id limit ${PAGE_SIZE}`.execute(db)
  const ids = [...new Set([...there, ...known].map(({ id }) => id))].toSorted((a, b) => a - b)
  return ids.slice(0, PAGE_SIZE)
}
