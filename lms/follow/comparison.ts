import { sql, type Kysely } from 'kysely'
import * as z from 'zod'
import type { LmsDB } from '../database/schema.ts'
import { compareCourseRuns } from '../compare/compare.ts'
import type { Difference } from '../compare/difference.ts'
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
  /** Course runs up to this key of the database are compared. */
  after: z.number(),
  /** Enrollments that are only here, and of which the LMS never knew: nobody can say what they come to. */
  onlyHere: z.number(),
})
type Place = z.output<typeof place>

/** Course runs that are compared at a time: nobody has to wait long for the snapshot of a few. */
const RUNS_AT_ONCE = 10

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
      let at = known.began === null ? await beginComparison(db, known, now()) : known
      const isDone = await connection.run(async (source) => {
        while (!signal.aborted && isMine()) {
          const runs = await runsAfter(db, at.after)
          const last = runs.at(-1)
          if (last === undefined) return true
          const onlyHere = await repair(
            { db, source },
            runs.map(({ courseKey }) => courseKey),
          )
          at = { ...at, after: last.id, onlyHere: at.onlyHere + onlyHere }
          await moveStream(db, 'comparison', { position: at })
        }
        return false
      })
      if (!isDone) return true
      await moveStream(db, 'comparison', { position: { ...at, done: at.began, began: null } satisfies Place })
      const tookMs = Math.max(0, now().getTime() - Date.parse(at.began ?? ''))
      const remark =
        at.onlyHere === 0 ? null : `${at.onlyHere} enrollments are here, and the LMS never had them: lms compare`
      await noteLook(db, 'comparison', { tookMs, remark })
      return false
    },
  }
}

function placeIn(kept: unknown): Place {
  return place.safeParse(kept).data ?? { done: null, began: null, after: 0, onlyHere: 0 }
}

async function beginComparison(db: Kysely<LmsDB>, known: Place, now: Date): Promise<Place> {
  const tables = STREAMS.filter((name) => name !== 'enrollments' && name !== 'comparison')
  await sql`update lms_streams set position = null where name = any (${tables}::text[])`.execute(db)
  return { ...known, began: now.toISOString(), after: 0, onlyHere: 0 }
}

function runsAfter(db: Kysely<LmsDB>, after: number): Promise<{ id: number; courseKey: string }[]> {
  return db
    .selectFrom('courses')
    .select(['id', 'course_key as courseKey'])
    .where('owner', '=', 'lms')
    .where('id', '>', after)
    .orderBy('id')
    .limit(RUNS_AT_ONCE)
    .execute()
}

/**
 * Applies what differs, as it is in the LMS when it is applied.
 *
 * @returns how many enrollments are here that the LMS never had.
 */
async function repair(
  { db, source }: { readonly db: Kysely<LmsDB>; readonly source: LmsSource },
  courseKeys: readonly string[],
): Promise<number> {
  const there: number[] = []
  const onlyHere: string[] = []
  await compareCourseRuns(db, source, courseKeys, {
    onDifference({ lmsId, enrollmentId }: Difference) {
      if (lmsId !== null) there.push(lmsId)
      else if (enrollmentId !== null) onlyHere.push(enrollmentId)
    },
  })
  const { rows: gone } = await sql<{ id: number }>`
    select lms_id as id from enrollment_lms_ids
    where enrollment_id = any (${onlyHere}::bigint[]) and lms_id is not null`.execute(db)
  const ids = [...there, ...gone.map(({ id }) => id)]
  if (ids.length > 0) await applyAndMove({ db, source }, ids, {})
  return onlyHere.length - gone.length
}
