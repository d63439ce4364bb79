import type { Kysely } from 'kysely'
import * as z from 'zod'
import type { LmsDB } from '../database/schema.ts'
import { identifier } from '../source/identifier.ts'
import type { LmsSource } from '../source/source.ts'
import type { LmsConnection } from './connection.ts'
import { paceOf } from './pace.ts'
import { bentKeys, hasComeOfAge } from './rows-aside.ts'
import { moveStream, noteLook, openStream, readStream } from './stream-row.ts'
import { LOOK_MS, type Stream } from './stream-step.ts'
import type { StreamName } from './streams.ts'
import {
  changedRanges,
  fingerprintOf,
  readTableDigest,
  type BucketRange,
  type DigestedTable,
  type TableDigest,
} from './table-digest.ts'

/** A table that is brought in step as a whole, and what has to be looked at to know whether it is. */
export interface FollowedTable {
  readonly table: string
  /** The table itself first, then what belongs to its rows; all have buckets of the same key, or none has. */
  readonly digested: readonly DigestedTable[]
}

export interface FollowedTables {
  readonly name: StreamName
  readonly tables: readonly FollowedTable[]
  /** What their rows refer to: comes first, and rows that are kept aside are tried again when more of it has come. */
  readonly after: readonly StreamName[]
  /**
   * Brings a table in step.
   *
   * @param ranges of its key; null: all of it.
   * @returns how much has changed here.
   */
  sync(source: LmsSource, table: string, ranges: readonly BucketRange[] | null): Promise<number>
}

/** Rows that were bent are tried so often again, while that changes something. */
const MAX_ROUNDS = 5

const place = z.object({
  fingerprint: z.string(),
  /** The highest key of the first table that was read; null: it has no keys that grow. */
  lastKey: z.number().nullable(),
  /** How much had changed then in what the rows refer to. */
  references: z.string(),
})
type Place = z.output<typeof place>

/**
 * Follows tables that do not tell what has changed in them: by checksums, which the LMS makes, and only where these differ by the
 * rows themselves. Where checksums take long, new rows are seen before that by a key that grows.
 */
export function tableStream(
  { db, connection }: { readonly db: Kysely<LmsDB>; readonly connection: LmsConnection },
  { name, tables, after, sync }: FollowedTables,
): Stream {
  const pace = paceOf(LOOK_MS)
  const digestPace = paceOf(LOOK_MS)
  let known: readonly TableDigest[] = []

  /** What another row had stood in the way of may be free now, such as an address that two accounts have exchanged. */
  const syncBent: FollowedTables['sync'] = async (source, table, ranges) => {
    let last = await sync(source, table, ranges)
    let changes = last
    for (let round = 0; round < MAX_ROUNDS && last > 0; round += 1) {
      const bent = await bentKeys(db, table)
      last =
        bent.length === 0
          ? 0
          : await sync(
              source,
              table,
              bent.map((key) => [key, key]),
            )
      changes += last
    }
    return changes
  }

  const lookAtAll = async (source: LmsSource, isMine: () => boolean) => {
    const began = performance.now()
    if (!(await haveLooked(db, after))) return
    const [before, references] = [placeIn(await openStream(db, name)), await changesOf(db, after)]
    const asked = performance.now()
    const lastKey = await highestKey(source, tables)
    const digests: TableDigest[] = []
    for (const { digested } of tables) digests.push(await readTableDigest(source, digested))
    digestPace.looked(performance.now() - asked)
    const fingerprint = fingerprintOf(digests)
    const isSame = before?.fingerprint === fingerprint
    const hasReferences = before?.references === references
    if (!isSame || !hasReferences) {
      const isKnown = before !== null && fingerprintOf(known) === before.fingerprint
      let changes = 0
      for (const [index, { table, digested }] of tables.entries()) {
        const isTriedAgain = !hasReferences && (await hasComeOfAge(db, [table]))
        if (isSame && !isTriedAgain) continue
        const isByRange = isKnown && !isTriedAgain
        const ranges = isByRange ? rangesOf(digested, known[index], digests[index]) : null
        if (ranges?.length !== 0) changes += await syncBent(source, table, ranges)
      }
      // Whoever has lost the lease meanwhile may have written what was older: it is all read again.
      await moveStream(db, name, { position: isMine() ? { fingerprint, lastKey, references } : null, changes })
    }
    known = digests
    await noteLook(db, name, { tookMs: performance.now() - began })
  }

  const lookAtNew = async (source: LmsSource) => {
    const before = placeIn(await openStream(db, name))
    const [first] = tables
    if (before === null || before.lastKey === null || first === undefined) return
    const lastKey = await highestKey(source, tables)
    if (lastKey === null || lastKey <= before.lastKey) return
    const changes = await syncBent(source, first.table, [[before.lastKey + 1, lastKey]])
    await moveStream(db, name, { position: { ...before, lastKey }, changes })
  }

  return {
    name,
    pace,
    async look(_signal, isMine) {
      const isDue = digestPace.isDue()
      await connection.run((source) => (isDue ? lookAtAll(source, isMine) : lookAtNew(source)))
      pace.looked(0)
      return false
    },
  }
}

function placeIn({ position }: { readonly position: unknown }): Place | null {
  return place.safeParse(position).data ?? null
}

/** Where a table has changed; null: anywhere. */
function rangesOf(
  [first]: readonly DigestedTable[],
  before: TableDigest | undefined,
  after: TableDigest | undefined,
): readonly BucketRange[] | null {
  if (before === undefined || after === undefined) return null
  if (first?.bucketBy !== undefined) return changedRanges(before, after)
  return fingerprintOf([before]) === fingerprintOf([after]) ? [] : null
}

/** The highest key of the first table, where that is a number. */
async function highestKey(source: LmsSource, [first]: readonly FollowedTable[]): Promise<number | null> {
  const [main] = first?.digested ?? []
  if (main?.bucketBy === undefined || !(await source.columns(main.table)).has(main.bucketBy)) return null
  const [row] = await source.query<{ last: number | null }>(
    `select max(${identifier(main.bucketBy)}) as last from ${identifier(main.table)}`,
  )
  return row?.last ?? null
}

/** Whether streams have once left nothing to do. */
export async function haveLooked(db: Kysely<LmsDB>, names: readonly StreamName[]): Promise<boolean> {
  for (const name of names) if ((await readStream(db, name))?.hasLooked !== true) return false
  return true
}

/** Another text when streams have brought something. */
export async function changesOf(db: Kysely<LmsDB>, names: readonly StreamName[]): Promise<string> {
  const changes: number[] = []
  for (const name of names) changes.push((await readStream(db, name))?.changes ?? 0)
  return changes.join(' ')
}
