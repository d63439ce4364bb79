import { sql, type Kysely, type Transaction } from 'kysely'
import { inTransaction } from '../../core/database/transaction.ts'
import { retryOnSerializationFailure } from '../../core/database/retry.ts'
import type { DB } from '../../core/database/schema.ts'
import type { LmsRow, LmsSource } from '../source/source.ts'
import type { ImportContext } from './context.ts'
import { withoutChangesHere } from './present.ts'
import { renderer } from './render.ts'
import { forgetLines, keyText, notAside, readStoredLines, storedKeys } from './stored-rows.ts'
import type { Line, Removal, Subject } from './subject.ts'
import { conditionsOf, linesOf, rowsOf } from './rows.ts'

/** Lines that one transaction takes back. */
const WINDOW_SIZE = 500

/**
 * Takes back what rows had brought that are gone from the LMS, unless it was changed here since or another row says the same.
 * They count as changed.
 */
export async function removeVanished(
  db: Kysely<DB>,
  source: LmsSource,
  subject: Subject,
  context: ImportContext,
): Promise<void> {
  const { removal, table } = subject
  if (removal === undefined || !(await hasStored(db, table))) return
  const present = await presentKeys(source, subject, context)
  const isMeant = inRanges(context.ranges)
  for await (const keys of storedKeys(db, 'lms_rows', table)) {
    const vanished = keys.filter((key) => !present.has(key) && isMeant(key))
    for (let start = 0; start < vanished.length; start += WINDOW_SIZE) {
      const window = vanished.slice(start, start + WINDOW_SIZE)
      const removed = await retryOnSerializationFailure(db, () =>
        inTransaction(db, (trx) => remove(trx, { table, removal, keys: window }, context)),
      )
      context.report.count(subject.type, { changed: removed })
    }
  }
  const rowKeys = new Set([...present].map((key) => key.split(' ', 1)[0] ?? key))
  for await (const keys of storedKeys(db, 'lms_rows_aside', table)) {
    await notAside(
      db,
      table,
      keys.filter((key) => !rowKeys.has(key) && isMeant(key)),
    )
  }
}

function inRanges(ranges: ImportContext['ranges']): (key: string) => boolean {
  if (ranges === undefined) return () => true
  return (key) => ranges.some(([from, to]) => Number.parseInt(key, 10) >= from && Number.parseInt(key, 10) <= to)
}

async function hasStored(db: Kysely<DB>, table: string): Promise<boolean> {
  const { rows } = await sql<{ is: boolean }>`
    select exists (select from lms_rows where table_name = ${table})
      or exists (select from lms_rows_aside where table_name = ${table}) as is`.execute(db)
  return rows[0]?.is === true
}

/** The keys of all lines that the LMS has now; of those that cannot be converted, those of their rows. */
async function presentKeys(
  source: LmsSource,
  subject: Subject,
  { courses, ranges }: ImportContext,
): Promise<Set<string>> {
  const keys = new Set<string>()
  if (subject.hasParts !== true) {
    const { table, key } = subject
    for (const where of conditionsOf(subject, ranges)) {
      for await (const rows of source.pages<LmsRow>(table, { key, columns: [key], where, size: 50_000 })) {
        for (const row of rows) keys.add(keyText(row[key]))
      }
    }
    return keys
  }
  for await (const rows of rowsOf(source, subject, { ranges })) {
    for (const row of rows) {
      const rowKey = keyText(row[subject.key])
      const conversion = subject.convert(row, courses)
      keys.add(rowKey)
      if ('lines' in conversion) for (const { primaryKey } of linesOf({ rowKey, ...conversion })) keys.add(primaryKey)
    }
  }
  return keys
}

interface Vanished {
  readonly table: string
  readonly removal: Removal
  readonly keys: readonly string[]
}

async function remove(
  trx: Transaction<DB>,
  { table, removal, keys }: Vanished,
  context: ImportContext,
): Promise<number> {
  const stored = await readStoredLines(trx, table, keys)
  await forgetLines(trx, table, keys)
  const said = await saidElsewhere(
    trx,
    stored.map(({ digest }) => digest.toString('hex')),
  )
  const render = await renderer(
    trx,
    stored.map(({ line }) => line),
  )
  const lines = stored.flatMap(({ primaryKey, line, digest }) => {
    const after = said.has(digest.toString('hex')) ? null : render(line)
    return after === null ? [] : { primaryKey, before: after, after }
  })
  const { unchanged, changed } =
    context.prefer === 'lms' ? { unchanged: lines, changed: [] } : await withoutChangesHere(trx, lines, context)
  const removed: readonly Line[] = unchanged.map(({ after }) => after)
  if (removed.length > 0) await removal.remove(trx, removed)
  for (const { primaryKey } of changed) {
    context.report.remark({ table, primaryKey, what: 'bent', why: KEPT })
  }
  return removed.length
}

const KEPT = 'it is gone from the LMS and was changed here, and stays'

/** The digests that other rows have too. */
async function saidElsewhere(trx: Transaction<DB>, digests: readonly string[]): Promise<ReadonlySet<string>> {
  const { rows } = await sql<{ digest: string }>`
    select distinct encode(digest, 'hex') as digest from lms_rows
    where digest = any (select decode(d, 'hex') from unnest(${digests}::text[]) as d)`.execute(trx)
  return new Set(rows.map(({ digest }) => digest))
}
