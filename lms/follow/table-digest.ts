import { createHash } from 'node:crypto'
import { identifier } from '../source/identifier.ts'
import type { LmsSource } from '../source/source.ts'

/** A table of the LMS, and what of it matters. */
export interface DigestedTable {
  readonly table: string
  readonly columns: readonly string[]
  /** The column by which rows are gathered into buckets where it is a whole number; unset: all are in one. */
  readonly bucketBy?: string | undefined
}

/** What the rows of each bucket come to. */
export type TableDigest = ReadonlyMap<string, string>

/** Rows of a bucket, at most. */
export const BUCKET_SIZE = 1_024

/**
 * Finds out in the LMS what rows come to, as sums of checksums: equal where nothing has changed, also of tables that keep no
 * instants. A table or a column that this release lacks counts for nothing.
 *
 * @param tables that have one key in common.
 */
export async function readTableDigest(source: LmsSource, tables: readonly DigestedTable[]): Promise<TableDigest> {
  const digest = new Map<string, string>()
  for (const table of tables) {
    const statement = statementFor(table, await source.columns(table.table))
    if (statement === null) continue
    for (const { bucket, count, sum } of await source.query<DigestRow>(statement)) {
      const name = String(bucket ?? '')
      digest.set(name, `${digest.get(name) ?? ''} ${table.table}:${count}:${sum}`)
    }
  }
  return digest
}

type DigestRow = {
  readonly bucket: number | string | null
  readonly count: number | string
  readonly sum: string | null
}

function statementFor({ table, columns, bucketBy }: DigestedTable, known: ReadonlySet<string>): string | null {
  const values = columns.filter((column) => known.has(column)).map(valueOf)
  if (values.length === 0) return null
  const bucket = bucketBy === undefined ? `''` : `${identifier(bucketBy)} div ${BUCKET_SIZE}`
  return `select ${bucket} as bucket, count(*) as count, sum(crc32(concat_ws(char(31), ${values.join(', ')}))) as sum
    from ${identifier(table)} group by bucket`
}

/** All of one character set: columns of several cannot be put together. */
function valueOf(column: string): string {
  return `convert(ifnull(${identifier(column)}, '~') using utf8mb4)`
}

/** One text for digests, to compare them by. */
export function fingerprintOf(digests: readonly TableDigest[]): string {
  const hash = createHash('sha256')
  for (const digest of digests) {
    hash.update('\0')
    for (const [bucket, text] of [...digest].toSorted(([a], [b]) => (a < b ? -1 : 1)))
      hash.update(`${bucket}\0${text}\0`)
  }
  return hash.digest('base64')
}

/** First and last value of the column of buckets, where something has changed. */
export type BucketRange = readonly [first: number, last: number]

/** So many buckets are looked at each for itself; where more have changed, all are read. */
const MAX_RANGES = 64

/** The ranges in which two digests differ; null: too many. Pure. */
export function changedRanges(before: TableDigest, after: TableDigest): readonly BucketRange[] | null {
  const names = new Set([...before.keys(), ...after.keys()])
  const changed = [...names].filter((name) => before.get(name) !== after.get(name)).map(Number)
  if (changed.length > MAX_RANGES) return null
  return changed.toSorted((a, b) => a - b).map((bucket) => [bucket * BUCKET_SIZE, (bucket + 1) * BUCKET_SIZE - 1])
}
