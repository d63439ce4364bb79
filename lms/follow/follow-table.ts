import type { Kysely } from 'kysely'
import * as z from 'zod'
import type { LmsDB } from '../database/schema.ts'
import { identifier } from '../source/identifier.ts'
import type { LmsSource } from '../source/source.ts'
import type { LmsConnection } from './connection.ts'
import { paceOf } from './pace.ts'
import { moveStream, noteLook, openStream, readStream } from './stream-row.ts'
import { LOOK_MS, type Stream } from './stream-step.ts'
import type { StreamName } from './streams.ts'
import { hasComeOfAge } from './rows-aside.ts'
import {
  changedRanges,
  fingerprintOf,
  readTableDigest,
  type BucketRange,
  type DigestedTable,
  type TableDigest,
} from './table-digest.ts'

/** How a stream of tables is followed. */
export interface FollowedTables {
  readonly name: StreamName
  /** What is looked at. Those with buckets have them of one column: the key of the first one. */
  readonly tables: readonly DigestedTable[]
  /** Whether rows wait for accounts and course runs that come later. */
  readonly waits: boolean
  /**
   * Brings the tables in step.
   *
   * @param ranges of the key of the first table; null: all of it.
   * @returns how much has changed here.
   */
  sync(source: LmsSource, ranges: readonly BucketRange[] | null): Promise<number>
}

const place = z.object({
  fingerprint: z.string(),
  /** The highest key that was read. */
  lastKey: z.number().nullable(),
  /** What accounts and course runs had brought then. */
  references: z.string(),
})
type Place = z.output<typeof place>

/**
 * Follows tables that do not tell what has changed in them: by checksums, which the LMS makes, and only where these differ by the
 * rows themselves. New rows with a key that grows are seen before that, where checksums take long.
 */
export function tableStream(
  { db, connection }: { readonly db: Kysely<LmsDB>; readonly connection: LmsConnection },
  followed: FollowedTables,
): Stream {
  const { name, tables } = followed
  const pace = paceOf(LOOK_MS)
  const digestPace = paceOf(LOOK_MS)
  let known: TableDigest = new Map()

  const lookAtAll = async (source: LmsSource, isMine: () => boolean) => {
    const began = performance.now()
    const [before, references] = [placeIn(await openStream(db, name)), await referencesOf(db)]
    const asked = performance.now()
    const lastKey = await highestKey(source, tables)
    const digest = await readTableDigest(source, tables)
    digestPace.looked(performance.now() - asked)
    const fingerprint = fingerprintOf(digest)
    const isSame = before?.fingerprint === fingerprint
    const isAsideDue =
      followed.waits &&
      before?.references !== references &&
      (await hasComeOfAge(
        db,
        tables.map(({ table }) => table),
      ))
    if (!isSame || isAsideDue || before?.references !== references) {
      const isKnown = before !== null && fingerprintOf(known) === before.fingerprint
      const isByRange = tables[0]?.bucketBy !== undefined && isKnown && !isAsideDue
      const ranges = isByRange ? changedRanges(known, digest) : null
      const changes = isSame && !isAsideDue ? 0 : await followed.sync(source, ranges)
      // Whoever has lost the lease meanwhile may have written what was older: it is all read again.
      await moveStream(db, name, { position: isMine() ? { fingerprint, lastKey, references } : null, changes })
    }
    known = digest
    await noteLook(db, name, { tookMs: performance.now() - began })
  }

  const lookAtNew = async (source: LmsSource) => {
    const began = performance.now()
    const before = placeIn(await openStream(db, name))
    if (before === null || before.lastKey === null) return
    const lastKey = await highestKey(source, tables)
    if (lastKey === null || lastKey <= before.lastKey) return
    const changes = await followed.sync(source, [[before.lastKey + 1, lastKey]])
    await moveStream(db, name, { position: { ...before, lastKey }, changes })
    pace.looked(performance.now() - began)
  }

  return {
    name,
    pace,
    async look(_signal, isMine) {
      const isDue = digestPace.isDue()
      if (!isDue && tables[0]?.bucketBy === undefined) return false
      await connection.use((source) => (isDue ? lookAtAll(source, isMine) : lookAtNew(source)))
      return false
    },
  }
}

function placeIn({ position }: { readonly position: unknown }): Place | null {
  return place.safeParse(position).data ?? null
}

/** The highest key of the first table, where that is a number. */
async function highestKey(source: LmsSource, [first]: readonly DigestedTable[]): Promise<number | null> {
  if (first?.bucketBy === undefined || !(await source.columns(first.table)).has(first.bucketBy)) return null
  const [row] = await source.query<{ last: number | null }>(
    `select max(${identifier(first.bucketBy)}) as last from ${identifier(first.table)}`,
  )
  return row?.last ?? null
}

/** Changes where accounts or course runs have come. */
export async function referencesOf(db: Kysely<LmsDB>): Promise<string> {
  const [accounts, runs] = [await readStream(db, 'accounts'), await readStream(db, 'course-runs')]
  return `${accounts?.changes ?? 0} ${runs?.changes ?? 0}`
}
